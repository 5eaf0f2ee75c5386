//! How the server ends, and what is there afterwards.

use std::time::Duration;

use futures::future::join_all;

use crate::program::{Place, Server, until};

/// Waits until the load has made some users.
async fn some_registered(place: &Place, least: i64) {
    let database = place.database();
    let count = || database.query_row("SELECT COUNT(*) FROM users", [], |row| row.get::<_, i64>(0));
    until(async || (count().is_ok_and(|count| count >= least)).then_some(())).await;
}

async fn acknowledged(load: Vec<tokio::task::JoinHandle<Vec<String>>>) -> Vec<String> {
    let all = join_all(load).await.into_iter();
    all.flat_map(|one| one.expect("only what is expected was answered")).collect()
}

#[track_caller]
fn assert_all_there(place: &Place, acknowledged: &[String]) {
    let there = place.registered();
    let missing: Vec<_> = acknowledged.iter().filter(|email| !there.contains(email)).collect();
    assert!(!acknowledged.is_empty() && missing.is_empty(), "missing: {missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn d10_sigterm_under_load_ends_with_0_in_time_and_keeps_what_was_acknowledged() {
    let place = Place::new();
    let server = place.serve().await;
    let load = server.load(16);
    some_registered(&place, 30).await;
    server.terminate();
    let ended = tokio::time::timeout(Duration::from_secs(10), server.end()).await;
    assert_eq!(ended.expect("it ends within ten seconds"), Some(0));
    assert_all_there(&place, &acknowledged(load).await);
    let ended: i64 = place
        .database()
        .query_row("SELECT COUNT(*) FROM nodes WHERE ended_at IS NULL", [], |row| row.get(0))
        .expect("the table is there");
    assert_eq!(ended, 0, "every node said that it left");
}

#[tokio::test(flavor = "multi_thread")]
async fn d10_what_was_acknowledged_before_a_kill_under_load_is_there() {
    let place = Place::new();
    let server = place.serve().await;
    let load = server.load(16);
    some_registered(&place, 30).await;
    server.kill();
    assert_all_there(&place, &acknowledged(load).await);
    let server = place.serve().await;
    server.register("after").await;
}

#[tokio::test]
async fn a_token_that_was_logged_out_right_before_a_kill_is_refused_after_the_restart() {
    let place = Place::new();
    let mut server = place.serve().await;
    for round in 0..5 {
        let session = server.register(&format!("alice{round}")).await;
        assert_eq!(server.me(&session).await.0, 200);
        server.log_out(&session).await;
        server.kill();
        server = place.serve().await;
        assert_eq!(refused_at_once(&server, &session).await, "logout");
    }
}

async fn refused_at_once(server: &Server, session: &crate::program::Session) -> String {
    let (status, answer) = server.me(session).await;
    assert_eq!(status, 401, "{answer}");
    let refresh = serde_json::json!({ "refresh_token": session.refresh });
    assert_eq!(server.post("/v1/refresh", refresh).await.0, 401);
    answer["reason"].as_str().unwrap_or_default().to_owned()
}
