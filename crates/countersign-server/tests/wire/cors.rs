//! The headers of answers that no route gives: what a page of another origin needs to read them, and
//! what keeps browsers safe.

use std::time::Duration;

use countersign_server::config::{Config, Origins};
use countersign_server::http::cors::Cors;
use countersign_server::http::server::Limits;

use crate::client::{Answer, Client, one, post};
use crate::server::Server;

const SHORT: Duration = Duration::from_millis(300);
const PAGE: &str = "https://app.example.org";

fn limits(origins: Origins) -> Limits {
    let mut config = Config::default();
    config.cors.origins = origins;
    Limits { cors: Cors::of(&config), ..Limits::default() }
}

fn listed() -> Limits {
    limits(Origins::Listed(vec!["https://other.example.org".to_owned(), PAGE.to_owned()]))
}

/// A request that is refused before a route sees it, from a page of `origin`.
fn refused(origin: &str) -> Vec<(u16, Vec<u8>)> {
    let get = |target: &str, lines: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n{lines}\r\n")
    };
    let body = post("/object", &format!("Origin: {origin}\r\n"), &vec![b'x'; 64 * 1024 + 1]);
    let evil = get("/hello", "").replace("localhost", "evil.example");
    [
        (400, get("/hello", "Host: localhost\r\n")),
        (400, get("/hello", "X-A : b\r\n")),
        (414, get(&format!("/{}", "a".repeat(9_000)), "")),
        // With a longer one, the head is refused before its other fields have come.
        (414, get(&format!("/{}", "a".repeat(15_000)), "")),
        (417, get("/hello", "Expect: a-miracle\r\n")),
        (421, evil),
        (431, get("/hello", &format!("X-A: {}\r\n", "a".repeat(20_000)))),
        (431, get("/hello", &format!("X-A: {}\r\n", "a".repeat(40_000)))),
        (431, get("/hello", &"X-A: b\r\n".repeat(100))),
        (431, get("/hello", &"X-A: b\r\n".repeat(200))),
        (431, get("/hello", &format!("Cookie: {}\r\n", "a=b; ".repeat(101)))),
    ]
    .map(|(status, text)| (status, text.into_bytes()))
    .into_iter()
    .chain([(413, body)])
    .collect()
}

#[track_caller]
fn assert_allows(answer: &Answer, origin: Option<&str>) {
    assert_eq!(answer.header("access-control-allow-origin"), origin, "{answer:?}");
    let exposed = origin.map(|_| "www-authenticate,retry-after");
    assert_eq!(answer.header("access-control-expose-headers"), exposed, "{answer:?}");
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{answer:?}");
    assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"), "{answer:?}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
}

#[tokio::test]
async fn a_page_can_read_why_its_request_was_refused_before_a_route_saw_it() {
    let server = Server::with(listed()).await;
    for (origin, allowed) in [(PAGE, Some(PAGE)), ("https://evil.example", None)] {
        for (status, bytes) in refused(origin) {
            let answer = one(server.address, &bytes).await;
            assert_eq!(answer.status, status, "{answer:?}");
            assert_eq!(answer.header("vary"), Some("origin"), "{answer:?}");
            assert_allows(&answer, allowed);
        }
    }
    let server = Server::with(limits(Origins::Any)).await;
    for (status, bytes) in refused("https://anybody.example") {
        let answer = one(server.address, &bytes).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_allows(&answer, Some("*"));
    }
    let server = Server::start().await;
    for (status, bytes) in refused(PAGE) {
        let answer = one(server.address, &bytes).await;
        assert_eq!((answer.status, answer.header("vary")), (status, None), "{answer:?}");
        assert_allows(&answer, None);
    }
}

#[tokio::test]
async fn a_page_can_read_that_its_request_took_too_long() {
    let server = Server::with(Limits { head_timeout: SHORT, ..listed() }).await;
    let head = format!("GET /hello HTTP/1.1\r\nHost: localhost\r\nOrigin: {PAGE}\r\nX-A: ");
    let answer = one(server.address, head.as_bytes()).await;
    assert_eq!(answer.status, 408);
    assert_allows(&answer, Some(PAGE));
}

#[tokio::test]
async fn a_page_can_read_that_there_is_no_room_for_its_connection() {
    let hello = |origin: &str| {
        format!("GET /hello HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\r\n").into_bytes()
    };
    for (limits, allowed) in [(listed(), Some(PAGE)), (limits(Origins::Any), Some("*"))] {
        let server = Server::with(Limits { max_connections: 1, ..limits }).await;
        let mut seated = Client::connect(server.address).await;
        seated.write(&hello(PAGE)).await;
        assert_eq!(seated.answer().await.status, 200);
        let answer = one(server.address, &hello(PAGE)).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
        assert_allows(&answer, allowed);
        // A client that sends nothing is answered too.
        let silent = Client::connect(server.address).await.answers().await;
        assert_eq!(silent[0].status, 503);
    }
}
