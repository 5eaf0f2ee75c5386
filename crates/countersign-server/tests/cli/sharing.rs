//! Two servers on one SQLite file.

use futures::future::join_all;

use crate::program::{PASSWORD, Place, until};

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_file_know_the_same_users_and_ends_of_sessions() {
    let place = Place::new();
    let (one, other) = (place.serve().await, place.serve().await);
    let session = one.register("alice").await;
    assert_eq!(other.me(&session).await.0, 200);
    let refreshed = other.refresh(&session).await;
    assert_eq!(one.me(&refreshed).await.0, 200);
    other.log_out(&refreshed).await;
    assert_eq!(one.refused(&refreshed).await, "logout");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_file_write_at_once_and_neither_starves() {
    let place = Place::new();
    let servers = [place.serve().await, place.serve().await];
    let register = async |number: usize| {
        let email = format!("user{number}@example.org");
        let body = serde_json::json!({ "email": email, "password": PASSWORD });
        let (status, answer) = servers[number % 2].post("/v1/register", body).await;
        assert_eq!(status, 201, "{answer}");
    };
    join_all((0..100).map(register)).await;
    assert_eq!(place.registered().len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_file_has_one_line_of_json_for_each_event_of_every_process() {
    let place = Place::new();
    let servers = [place.serve().await, place.serve().await];
    let register = async |number: usize| {
        let name = format!("user{number}");
        servers[number % 2].register(&name).await;
    };
    join_all((0..60).map(register)).await;
    place.json(&["user", "disable", "user1@example.org"]);
    let events = place.json(&["events", "--limit", "10000"])["events"].clone();
    let mut events = events.as_array().expect("a list").clone();
    let line = |line: &str| -> serde_json::Value {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    };
    let read = async || {
        let text = std::fs::read_to_string(place.data_dir().join("audit.jsonl")).expect("text");
        let lines: Vec<_> = text.lines().map(line).filter(|it| it["seal"].is_null()).collect();
        (lines.len() >= events.len()).then_some(lines)
    };
    let mut lines = until(read).await;
    let id = |event: &serde_json::Value| event["id"].as_str().expect("an id").to_owned();
    lines.sort_by_key(id);
    events.sort_by_key(id);
    assert_eq!(lines, events);
}
