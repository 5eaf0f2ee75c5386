//! What the program does before any route: for which hosts it answers, what a balancer's health check
//! gets, and that it makes no core dump.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::program::Place;

/// What the server says to these bytes until it closes.
async fn exchange(address: &str, bytes: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.write_all(bytes.as_bytes()).await.expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the answer is whole");
    answer
}

async fn by_host(address: &str, path: &str, host: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    exchange(address, &request).await
}

#[track_caller]
fn assert_status(answer: &str, status: &str) {
    assert!(answer.split(' ').nth(1) == Some(status), "not {status}: {answer}");
}

#[tokio::test]
async fn haproxy_with_its_default_health_check_marks_the_server_up() {
    let place = Place::new();
    let server = place.serve().await;
    let ready = async || {
        let answer = server.request(reqwest::Method::GET, "/readyz").send().await;
        (answer.expect("it answers").status() == 200).then_some(())
    };
    crate::program::until(ready).await;
    for path in ["/healthz", "/readyz"] {
        // `option httpchk GET PATH` of HAProxy 2.6 sends these bytes.
        let answer = exchange(&server.address, &format!("GET {path} HTTP/1.0\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
    }
    let answer = exchange(&server.address, "GET /v1/me HTTP/1.0\r\n\r\n").await;
    assert_status(&answer, "400");
}

#[tokio::test]
async fn only_hosts_that_are_configured_or_cannot_be_rebound_are_answered_for() {
    let place = Place::new().set("COUNTERSIGN_METRICS__LISTEN", "127.0.0.1:0");
    let place = place.set("COUNTERSIGN_HTTP__HOSTS", "auth.internal.example, Other.Example.");
    let public_url = "https://auth.example.org";
    let server = place.serve_with(&["--public-url", public_url]).await;
    let line = server.stdout.line("  metrics: http://").await;
    let metrics = line.split('/').next().expect("an address").to_owned();
    for (host, is_taken) in [
        ("auth.example.org", true),
        ("auth.internal.example:8080", true),
        ("other.example", true),
        (&*server.address, true),
        ("localhost:8080", true),
        ("countersign", true),
        ("evil.example", false),
        ("auth.example.org.evil.example", false),
    ] {
        let (api, counted) = if is_taken { ("401", "200") } else { ("421", "421") };
        assert_status(&by_host(&server.address, "/v1/me", host).await, api);
        assert_status(&by_host(&metrics, "/metrics", host).await, counted);
        assert_status(&by_host(&server.address, "/readyz", host).await, "200");
        assert_status(&by_host(&server.address, "/forward-auth", host).await, "401");
    }
    let refused = by_host(&server.address, "/v1/me", "evil.example").await;
    assert!(refused.contains("unknown_host") && refused.contains("http.hosts"), "{refused}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_program_makes_no_core_dump() {
    let place = Place::new();
    let server = place.serve().await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.child.id()));
    let limits = limits.expect("it runs");
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
    let core: Vec<_> = core.expect("there is one").split_whitespace().collect();
    assert_eq!(core[..2], ["0", "0"]);
}
