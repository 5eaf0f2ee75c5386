//! What is around every route.

use crate::client::{assert_alive, get, one};
use crate::server::Server;

#[tokio::test]
async fn a_panic_is_an_answer_that_tells_nothing() {
    let server = Server::start().await;
    let answer = one(server.address, get("/panic").as_bytes()).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.json()["code"], "internal");
    assert!(!answer.text().contains("panics"));
    assert_alive(server.address).await;
}

#[tokio::test]
async fn a_method_that_a_resource_lacks_is_answered_with_those_it_has() {
    let server = Server::start().await;
    let bytes = get("/hello").replace("GET", "PUT");
    let answer = one(server.address, bytes.as_bytes()).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET,HEAD")));
    assert_eq!(answer.json()["code"], "method_not_allowed");
}

#[tokio::test]
async fn e13_a_request_keeps_a_plain_id_and_loses_any_other() {
    let server = Server::start().await;
    let ask = async |id: &str| {
        let bytes = get("/hello").replace("\r\n\r\n", &format!("\r\nX-Request-Id: {id}\r\n\r\n"));
        let answer = one(server.address, bytes.as_bytes()).await;
        answer.header("x-request-id").expect("an id").to_owned()
    };
    assert_eq!(ask("abc-123").await, "abc-123");
    let made = ask("a b <script>").await;
    assert_eq!(made.len(), 36, "{made}");
    assert_ne!(ask(&"a".repeat(65)).await, "a".repeat(65));
}
