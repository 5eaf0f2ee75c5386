//! The keys of programs, made and revoked beside a server that runs.

use reqwest::Method;
use serde_json::{Value, json};

use crate::program::{Place, Server, until};

async fn introspect(server: &Server, key: &str) -> u16 {
    let request = server.request(Method::POST, "/v1/introspect").bearer_auth(key);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    request.body("token=x").send().await.expect("the server answers").status().as_u16()
}

fn create(place: &Place, arguments: &[&str]) -> Value {
    place.json(&[&["apikey", "create"], arguments].concat())
}

#[tokio::test]
async fn a_key_is_shown_once_and_good_on_a_running_server_until_it_is_revoked() {
    let place = Place::new();
    let server = place.serve().await;
    let made = create(&place, &["the API", "--right", "introspect", "--right", "revoke"]);
    let key = made["key"].as_str().expect("a key").to_owned();
    assert_eq!(made["rights"], json!(["introspect", "revoke"]));
    assert_eq!(made["expires_at"], Value::Null);
    until(async || (introspect(&server, &key).await == 200).then_some(())).await;

    let listed = place.json(&["apikey", "list"]);
    let mut shown = made.clone();
    shown.as_object_mut().expect("an object").remove("key");
    assert_eq!(listed, json!({ "api_keys": [shown] }));
    let table = place.run(&["apikey", "list"], "").stdout;
    assert!(table.contains("introspect, revoke") && !table.contains(&key), "{table}");

    let id = made["id"].as_str().expect("an id");
    assert_eq!(place.json(&["apikey", "revoke", id]), json!({ "id": id, "changed": true }));
    until(async || (introspect(&server, &key).await == 401).then_some(())).await;
    assert_eq!(place.run(&["apikey", "revoke", id], "").code, Some(1), "it is revoked already");
}

#[tokio::test]
async fn a_key_without_the_right_is_refused_and_one_may_end_by_itself() {
    let place = Place::new();
    let server = place.serve().await;
    let made = create(&place, &["metrics", "--right", "metrics", "--expires-in", "90d"]);
    assert!(made["expires_at"].is_string(), "{made}");
    let key = made["key"].as_str().expect("a key");
    until(async || (introspect(&server, key).await == 403).then_some(())).await;
    let text = place.run(&["apikey", "create", "x", "--right", "metrics"], "").stdout;
    assert!(text.contains("csk_"), "{text}");
    let past = ["apikey", "create", "x", "--right", "metrics", "--expires-in", "0s"];
    assert_eq!(place.run(&past, "").code, Some(1));
}
