//! What libraries of others make of our tokens: `PyJWT` and `flask-jwt-extended` in Python, `jose` on
//! Node; the library's examples for these worlds; and whether all hear of a logout. The packages are
//! fetched from `PyPI` and npm, so this runs only when `COUNTERSIGN_TEST_INTEROP` is set.

mod examples;
mod flask;
mod logout;
mod manifests;
mod schemathesis;
mod tools;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_server::clock::Clock;
use countersign_server::config::{DialectConfig, SigningSecret};
use countersign_server::db::Kind;
use countersign_test_support::{
    client, database, free, nginx, packages, program, redis_server, server,
};
use serde_json::{Value, json};

use crate::database::TestDatabase;
use crate::server::{PASSWORD, TestApp, test_config};
use crate::tools::Tool;

const SECRET: &str = "correct-horse-battery-staple-for-HS256";

/// Whoever verifies for somebody else reads the time from the system, so the server does too.
async fn server() -> TestApp {
    let database = TestDatabase::on_database(Kind::Sqlite).await.expect("SQLite is built in");
    let data_dir = Arc::new(tempfile::tempdir().expect("there is room for a folder"));
    let mut config = test_config();
    config.dialects = vec![DialectConfig {
        name: "auth-token".into(),
        secret: Some(SigningSecret::parse(SECRET).expect("a secret")),
        ..DialectConfig::default()
    }];
    TestApp::start(database, data_dir, config, Clock::System).await
}

/// A token that is good, and what a forger could make of it without the key.
fn with_forgeries(good: &str) -> Value {
    let [header, payload, signature] =
        good.split('.').collect::<Vec<_>>().try_into().expect("three segments");
    let mut claims = decode(payload);
    claims["exp"] = json!(claims["exp"].as_i64().expect("a time") + 3600);
    let altered = encode(&claims);
    let mut unsigned = decode(header);
    unsigned["alg"] = json!("none");
    let unsigned = encode(&unsigned);
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    json!({
        "good": good,
        "a payload altered": format!("{header}.{altered}.{signature}"),
        "a signature altered": format!("{header}.{payload}.{flipped}{}", &signature[1..]),
        "no signature": format!("{header}.{payload}."),
        "the algorithm none": format!("{unsigned}.{altered}."),
    })
}

fn decode(segment: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(segment).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Has `script` judge the tokens: the good one is `subject`'s, and no other is anybody's.
async fn judge(tool: &Tool, script: &'static str, order: Value, subject: &Value) {
    let verdicts = tool.run(script, order).await;
    let verdicts = verdicts.as_object().expect("a verdict on each token");
    assert_eq!(verdicts.len(), 5, "{script}: {verdicts:?}");
    for (token, verdict) in verdicts {
        if token == "good" {
            assert_eq!(verdict["sub"], *subject, "{script}: {verdict}");
        } else {
            let why = verdict["refused"].as_str().unwrap_or_default().to_lowercase();
            assert!(!why.is_empty(), "{script}: {token}: {verdict}");
            let is_right = why.contains("signature") || !token.ends_with("altered");
            assert!(is_right, "{script}: {token}: {why}");
        }
    }
}

async fn native_order(server: &TestApp) -> (Value, Value) {
    let session = server.register("alice").await;
    let public_url = server.app.config.public_url.as_str();
    let order = json!({
        "tokens": with_forgeries(&session.access),
        "jwks": format!("http://{}/.well-known/jwks.json", server.address),
        "issuer": public_url,
        "audience": public_url,
    });
    (order, session.user_id.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn python_takes_our_tokens_and_none_that_was_tampered_with() {
    let Some(python) = Tool::python().await else { return };
    let server = server().await;
    let (order, subject) = native_order(&server).await;
    judge(&python, "pyjwt.py", order.clone(), &subject).await;
    judge(&python, "flask_app.py", order, &subject).await;

    let credentials = json!({ "email": "bob@example.org", "password": PASSWORD });
    let answer = server.post("/auth/register", credentials).await;
    let token = answer.json()["auth_token"].as_str().expect("a token").to_owned();
    let subject = decode(token.split('.').nth(1).expect("three segments"))["sub"].clone();
    assert!(subject.is_i64(), "{subject}");
    let order = json!({ "tokens": with_forgeries(&token), "secret": SECRET });
    judge(&python, "pyjwt_dialect.py", order, &subject).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jose_on_node_takes_our_tokens_and_none_that_was_tampered_with() {
    let Some(node) = Tool::node().await else { return };
    let server = server().await;
    let (order, subject) = native_order(&server).await;
    judge(&node, "jose.mjs", order, &subject).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flask_jwt_extended_lists_the_options_and_callbacks_that_our_table_answers() {
    let Some(python) = Tool::python().await else { return };
    let recorded = include_str!("../../../countersign/tests/flask_jwt_extended/options.json");
    let recorded: Value = serde_json::from_str(recorded).expect("JSON");
    assert_eq!(python.run("list.py", Value::Null).await, recorded);
}
