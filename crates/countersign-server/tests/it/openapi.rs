//! The API's document: that it is the one in `docs/`, and speaks of all routes and codes; and its page.

use std::collections::HashSet;

use countersign_server::config::{Config, PublicUrl};
use countersign_server::db::Kind;
use countersign_server::http::code;
use countersign_server::http::openapi::Callers;
use countersign_server::http::router::{
    Admission, Route, about_itself, about_tokens, administration, document, native,
};
use serde_json::Value;

use crate::server::{Answer, TestApp};

const DOCUMENT: &str = include_str!("../../../../docs/openapi.json");
const GUIDE: &str = include_str!("../../../../docs/api.md");

async fn server() -> TestApp {
    TestApp::on_database(Kind::Sqlite).await.expect("SQLite is always there")
}

async fn fetch(server: &TestApp, path: &str) -> Answer {
    let answer = Answer::of(server.request(reqwest::Method::GET, path)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

/// Whether each route is documented, and as what it is: closed to whoever has no good token, or not.
fn check<S>(routes: Vec<Route<S>>, ids: &mut HashSet<String>) {
    for Route { method, path, admission, operation, .. } in routes {
        let operation = operation.unwrap_or_else(|| panic!("{method} {path} is not documented"));
        let wants_token = operation.callers() == Callers::AccessToken;
        // It asks the guard itself.
        let asks_itself = path == "/forward-auth";
        let is_guarded = matches!(admission, Admission::Guarded(_)) || asks_itself;
        assert_eq!(wants_token, is_guarded, "{method} {path}");
        assert!(ids.insert(operation.id().to_owned()), "{} is there twice", operation.id());
        assert!(GUIDE.contains(&path), "docs/api.md does not speak of {path}");
    }
}

#[test]
fn every_native_route_is_documented_as_what_it_is() {
    let mut ids = HashSet::new();
    check(native(), &mut ids);
    check(administration(), &mut ids);
    check(about_tokens(), &mut ids);
    check(about_itself(), &mut ids);
    assert!(ids.len() > 40, "{ids:?}");
}

#[tokio::test]
async fn the_document_in_the_repository_is_the_one_that_is_served() {
    let served = fetch(&server().await, "/openapi.json").await;
    let kept: Value = serde_json::from_str(DOCUMENT).expect("docs/openapi.json is JSON");
    assert!(
        served.json() == kept,
        "docs/openapi.json is out of date: cargo run -- openapi > docs/openapi.json"
    );
    assert_eq!(served.headers["content-type"], "application/json");
}

#[test]
fn the_guide_lists_every_code() {
    let row = |code: &code::Code| {
        format!("| {} | `{}` | {} |", code.status().as_u16(), code.as_str(), code.when())
    };
    let rows = code::ALL.iter().map(row).collect::<Vec<_>>().join("\n");
    assert!(GUIDE.contains(&rows), "the table in docs/api.md should be:\n{rows}");
}

#[test]
fn the_document_is_that_of_its_configuration() {
    let mut config = Config::default();
    config.cookies.enabled = true;
    config.public_url = PublicUrl::parse("https://id.example.org").expect("a URL");
    let text = document(&config).to_text();
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["servers"][0]["url"], "https://id.example.org");
    let me = &document["paths"]["/v1/me"]["get"]["security"];
    assert_eq!(*me, serde_json::json!([{ "access_token": [] }, { "cookie": [] }]));
    assert!(document["components"]["securitySchemes"]["cookie"].is_object());
    assert!(!DOCUMENT.contains("\"cookie\""), "cookie mode is off unless it is switched on");
}

#[tokio::test]
async fn the_page_shows_every_operation_and_loads_nothing() {
    let page = fetch(&server().await, "/docs").await;
    let kept: Value = serde_json::from_str(DOCUMENT).expect("docs/openapi.json is JSON");
    for (path, methods) in kept["paths"].as_object().expect("there are paths") {
        for operation in methods.as_object().expect("there are methods").values() {
            let id = operation["operationId"].as_str().expect("it has an id");
            assert!(page.text.contains(&format!("id=\"{id}\"")), "{id}");
        }
        assert!(page.text.contains(path), "{path}");
    }
    for name in kept["components"]["schemas"].as_object().expect("there are schemas").keys() {
        assert!(page.text.contains(&format!("id=\"type-{name}\"")), "{name}");
    }
    for loads in ["<script", "src=", "@import", "url(", "http-equiv", "<link"] {
        assert!(!page.text.contains(loads), "{loads}");
    }
    let policy = page.headers["content-security-policy"].to_str().expect("it is text");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
}
