//! The application of `examples/issue`, through its router.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use countersign::Clock;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::issuing::app::build;
use crate::issuing::sqlite::SqliteStore;

const SECRETS: (&[u8], &[u8]) = (&[7; 32], &[8; 32]);

struct Client {
    router: Router,
    clock: Clock,
}

impl Client {
    async fn new(store: SqliteStore) -> Self {
        let clock = Clock::manual(1_800_000_000);
        let router = build(store, SECRETS, clock.clone()).await.unwrap();
        Self { router, clock }
    }

    /// The answer's status and body.
    async fn send(&self, line: &str, token: &str, body: Value) -> (u16, Value) {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.header("content-type", "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        (status, serde_json::from_str(&text).unwrap_or(json!(text)))
    }

    async fn log_in(&self) -> (String, String) {
        let sent = json!({ "user": "alice", "password": "sesame" });
        let (status, pair) = self.send("POST /login", "", sent).await;
        assert_eq!((status, &pair["token_type"]), (200, &json!("Bearer")));
        tokens(&pair)
    }

    async fn refresh(&self, token: &str) -> (u16, Value) {
        self.send("POST /refresh", "", json!({ "refresh_token": token })).await
    }

    async fn me(&self, token: &str) -> (u16, Value) {
        self.send("GET /me", token, Value::Null).await
    }
}

fn tokens(pair: &Value) -> (String, String) {
    let text = |name: &str| pair[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

fn store() -> SqliteStore {
    SqliteStore::open(":memory:").unwrap()
}

#[tokio::test]
async fn whoever_logs_in_is_known_until_they_log_out() {
    let client = Client::new(store()).await;
    let wrong = json!({ "user": "alice", "password": "x" });
    let refused = (401, json!({ "error": "invalid_credentials" }));
    assert_eq!(client.send("POST /login", "", wrong).await, refused);
    assert_eq!(client.me("").await.0, 401);

    let (access, refresh) = client.log_in().await;
    assert_eq!(client.me(&access).await, (200, json!("alice")));
    let (_, list) = client.send("GET /sessions", &access, Value::Null).await;
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(client.send("POST /logout", &access, Value::Null).await.0, 204);
    let (status, body) = client.me(&access).await;
    assert_eq!((status, &body["reason"]), (401, &json!("logout")));
    assert_eq!(client.refresh(&refresh).await, (401, json!({ "error": "logout" })));
}

#[tokio::test]
async fn a_refresh_token_is_used_once_and_a_lost_answer_asked_for_again() {
    let client = Client::new(store()).await;
    let (_, first) = client.log_in().await;
    let (status, pair) = client.refresh(&first).await;
    let (access, second) = tokens(&pair);
    assert_eq!(status, 200);
    assert_eq!(tokens(&client.refresh(&first).await.1).1, second, "the answer may have been lost");
    assert_eq!(client.me(&access).await.0, 200);
    client.clock.advance(Duration::from_secs(11));
    assert_eq!(client.refresh(&first).await, (401, json!({ "error": "refresh_reuse" })));
    let (status, body) = client.me(&access).await;
    assert_eq!((status, &body["reason"]), (401, &json!("refresh_reuse")));
    assert_eq!(client.refresh(&second).await.0, 401);
    assert_eq!(client.refresh("x").await, (401, json!({ "error": "invalid_grant" })));
}

#[tokio::test]
async fn a_restart_logs_nobody_out_and_lets_nobody_back_in() {
    let store = store();
    let before = Client::new(store.clone()).await;
    let (gone, stays) = (before.log_in().await, before.log_in().await);
    assert_eq!(before.send("POST /logout", &gone.0, Value::Null).await.0, 204);
    let after = Client::new(store).await;
    assert_eq!(after.me(&gone.0).await.0, 401);
    assert_eq!(after.me(&stays.0).await.0, 200);
    assert_eq!(after.refresh(&stays.1).await.0, 200);
}
