//! Heads: W3 to W8, W10 to W17, T14, T25, K4.

use countersign_server::http::server::Limits;

use crate::client::{Client, assert_alive, exchange, get, one, post_json};
use crate::server::Server;

/// A head of `size` bytes.
fn head_of(size: usize) -> Vec<u8> {
    head_for("/hello", size)
}

fn head_for(path: &str, size: usize) -> Vec<u8> {
    let head = |filler: &str| for_path(path, &format!("X-Filler: {filler}\r\n"));
    head(&"a".repeat(size - head("").len()))
}

/// A request for `/hello` with these lines in its head.
fn with_lines(lines: &str) -> Vec<u8> {
    for_path("/hello", lines)
}

fn for_path(path: &str, lines: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n")
        .into_bytes()
}

async fn assert_refused(server: &Server, status: u16, cases: &[(&str, Vec<u8>)]) {
    for (case, bytes) in cases {
        let answer = one(server.address, bytes).await;
        assert_eq!(answer.status, status, "{case}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{case}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{case}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
        assert_eq!(answer.json()["status"], status, "{case}");
        assert_alive(server.address).await;
    }
}

#[tokio::test]
async fn w3_a_head_is_at_most_16_kib() {
    let server = Server::start().await;
    assert_eq!(one(server.address, &head_of(16 * 1024)).await.status, 200);
    assert_refused(
        &server,
        431,
        &[
            ("16 KiB + 1", head_of(16 * 1024 + 1)),
            ("1 MB", head_of(1_000_000)),
            ("1 MB of lines", with_lines(&"X-A: b\r\n".repeat(125_000))),
        ],
    )
    .await;
}

#[tokio::test]
async fn w4_a_head_has_at_most_64_fields() {
    let server = Server::start().await;
    let lines = |count: usize| with_lines(&"X-A: b\r\n".repeat(count - 2));
    assert_eq!(one(server.address, &lines(64)).await.status, 200);
    assert_refused(&server, 431, &[("65", lines(65)), ("1000", lines(1000))]).await;
}

#[tokio::test]
async fn w3_and_w4_forward_authentication_takes_as_much_as_proxies_pass_on() {
    let server = Server::start().await;
    let lines = |path: &str, count: usize| for_path(path, &"X-A: b\r\n".repeat(count - 2));
    for taken in [
        head_for("/forward-auth", 32 * 1024),
        head_for("/forward-auth?role=admin", 32 * 1024),
        lines("/forward-auth", 128),
    ] {
        assert_eq!(one(server.address, &taken).await.status, 200);
    }
    assert_refused(
        &server,
        431,
        &[
            ("32 KiB + 1", head_for("/forward-auth", 32 * 1024 + 1)),
            ("1 MB", head_for("/forward-auth", 1_000_000)),
            ("129 fields", lines("/forward-auth", 129)),
            ("another path", head_for("/hello?/forward-auth", 16 * 1024 + 1)),
            ("a path below it", head_for("/forward-auth/x", 16 * 1024 + 1)),
            ("another path with 65 fields", lines("/forward-auth/", 65)),
        ],
    )
    .await;
}

#[tokio::test]
async fn w3_a_head_that_is_too_large_already_is_not_read_to_its_end() {
    let server = Server::start().await;
    let unfinished = |path: &str| {
        let mut head = head_for(path, 16 * 1024 + 8);
        head.truncate(16 * 1024);
        head
    };
    for path in ["/hello", "/forward-auth/x", "/hello?/forward-auth"] {
        assert_refused(&server, 431, &[(path, unfinished(path))]).await;
    }
    let mut client = Client::connect(server.address).await;
    client.write(&unfinished("/forward-auth")).await;
    client.write(b"a\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 200);
    // On a connection that has answered already.
    let mut client = Client::connect(server.address).await;
    client.write(b"GET /forward-auth HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 200);
    client.write(&unfinished("/hello")).await;
    assert_eq!(client.answer().await.status, 431);
}

#[tokio::test]
async fn w5_a_target_is_at_most_8_kib() {
    let server = Server::start().await;
    let target = |size: usize| {
        let path = "/hello?";
        get(&format!("{path}{}", "a".repeat(size - path.len()))).into_bytes()
    };
    assert_eq!(one(server.address, &target(8192)).await.status, 200);
    let cases = [8193, 10_000, 20_000, 1_000_000].map(|size| ("too long", target(size)));
    assert_refused(&server, 414, &cases).await;
}

#[tokio::test]
async fn t14_and_t25_a_token_of_a_megabyte_is_refused_with_its_head() {
    let server = Server::start().await;
    let token = |text: String| with_lines(&format!("Authorization: Bearer {text}\r\n"));
    let cases = [("T14", token(".".repeat(1_000_000))), ("T25", token("a".repeat(1_000_000)))];
    assert_refused(&server, 431, &cases).await;
}

#[tokio::test]
async fn k4_cookies_are_bounded_in_number_and_size() {
    let server = Server::start().await;
    let lines = |value: String| with_lines(&format!("Cookie: {value}\r\n"));
    assert_eq!(one(server.address, &lines("a=b; ".repeat(99) + "a=b")).await.status, 200);
    let many = "Cookie: a=b\r\n".repeat(50) + "Cookie: " + &"a=b; ".repeat(60) + "a=b\r\n";
    assert_refused(
        &server,
        431,
        &[
            ("200 cookies", lines("a=b; ".repeat(199) + "a=b")),
            ("16 KB", lines(format!("a={}", "b".repeat(16_000)))),
            ("111 cookies in 51 lines", with_lines(&many)),
        ],
    )
    .await;
}

#[tokio::test]
async fn k4_forward_authentication_counts_the_servers_own_cookies_alone() {
    let server = Server::start().await;
    let with = |cookies: String| for_path("/forward-auth", &format!("Cookie: {cookies}\r\n"));
    let others = "_ga_1=GS1.1; ".repeat(1_000) + &format!("large={}", "x".repeat(9_000));
    for taken in [
        others.clone(),
        format!("{others}; __Host-countersign_access=a.b.c; countersign_csrf=x"),
        "countersign_access=a; ".repeat(99) + "__Host-countersign_access=a",
    ] {
        assert_eq!(one(server.address, &with(taken)).await.status, 200);
    }
    assert_refused(
        &server,
        431,
        &[
            ("101 of its own", with("countersign_access=a; ".repeat(100) + "countersign_csrf=a")),
            (
                "9 KB of its own",
                with(format!("{others}; __Host-countersign_access={}", "a".repeat(9_000))),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn w6_a_body_with_two_lengths_is_one_request_and_ends_the_connection() {
    let server = Server::start().await;
    let hidden = "POST /count HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    let chunked = format!("2\r\n{{}}\r\n0\r\n\r\n{hidden}");
    let mut cases = 0;
    for length in [2, 4, chunked.len()] {
        for lines in [
            format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
            format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
        ] {
            let bytes = format!(
                "POST /count HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{lines}\r\n{chunked}"
            );
            let answer = one(server.address, bytes.as_bytes()).await;
            cases += 1;
            assert_eq!((answer.status, answer.text().as_str()), (200, "0"), "{lines}");
            assert_eq!(answer.header("connection"), Some("close"), "{lines}");
            assert_eq!(server.counted(), cases, "{lines}");
        }
    }
}

#[tokio::test]
async fn w7_a_length_is_one_plain_number() {
    let server = Server::start().await;
    let cases = [
        "28\r\nContent-Length: 29", "+28", "-1", "0x1c", "18446744073709551616", "2, 3", "",
        "2 2", "2.0", "\u{662}",
    ]
    .map(|length| {
        let bytes = format!(
            "POST /count HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{{}}"
        );
        (length, bytes.into_bytes())
    });
    assert_refused(&server, 400, &cases).await;
    assert_eq!(server.counted(), 0);
}

#[tokio::test]
async fn w8_the_one_transfer_coding_is_chunked_once() {
    let server = Server::start().await;
    let cases = [
        "xchunked", "chunked, identity", "identity", "gzip, chunked", "chunked, chunked",
        "chunked\r\nTransfer-Encoding: chunked", "chunked\r\nTransfer-Encoding: identity",
        "identity\r\nTransfer-Encoding: chunked", "\u{b}chunked", "chunked;q=1", "\"chunked\"", "",
    ]
    .map(|coding| {
        let bytes = format!(
            "POST /count HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: {coding}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
        );
        (coding, bytes.into_bytes())
    });
    assert_refused(&server, 400, &cases).await;
    let old = b"POST /count HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    assert_refused(&server, 400, &[("HTTP/1.0", old.to_vec())]).await;
    assert_eq!(server.counted(), 0);
}

#[tokio::test]
async fn w10_there_is_one_host_and_it_is_a_name() {
    let server = Server::start().await;
    let cases = [
        ("missing", "GET /hello HTTP/1.1\r\n\r\n"),
        ("missing in 1.0", "GET /hello HTTP/1.0\r\n\r\n"),
        ("two", "GET /hello HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"),
        ("two that differ", "GET /hello HTTP/1.1\r\nHost: localhost\r\nHost: evil.com\r\n\r\n"),
        ("empty", "GET /hello HTTP/1.1\r\nHost:\r\n\r\n"),
        ("port alone", "GET /hello HTTP/1.1\r\nHost: :80\r\n\r\n"),
        ("user", "GET /hello HTTP/1.1\r\nHost: a@localhost\r\n\r\n"),
        ("path", "GET /hello HTTP/1.1\r\nHost: localhost/x\r\n\r\n"),
        ("list", "GET /hello HTTP/1.1\r\nHost: localhost, evil.com\r\n\r\n"),
        ("port that is none", "GET /hello HTTP/1.1\r\nHost: localhost:x\r\n\r\n"),
        ("port too large", "GET /hello HTTP/1.1\r\nHost: localhost:65536\r\n\r\n"),
        ("half an address", "GET /hello HTTP/1.1\r\nHost: [::1\r\n\r\n"),
        ("other target", "GET http://evil.com/hello HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ]
    .map(|(case, bytes)| (case, bytes.as_bytes().to_vec()));
    assert_refused(&server, 400, &cases).await;
    let same =
        b"GET http://localhost/hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(one(server.address, same).await.status, 200);
}

/// Asks for `path` by this host, and gives the status.
async fn by_host(server: &Server, path: &str, host: &str) -> u16 {
    let bytes = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    one(server.address, bytes.as_bytes()).await.status
}

#[tokio::test]
async fn w10_a_host_that_others_can_make_in_dns_must_be_listed() {
    let hosts = vec!["auth.example.org".to_owned(), "auth.internal".to_owned()];
    let server = Server::with(Limits { hosts, ..Limits::default() }).await;
    for taken in [
        "auth.example.org",
        "AUTH.Example.org:8443",
        "auth.example.org.",
        "auth.internal",
        "localhost",
        "LocalHost:8080",
        "localhost.",
        "auth.localhost",
        "127.0.0.1",
        "127.8.9.1:1",
        "192.0.2.7:80",
        "[::1]:8080",
        "[2001:db8::7]",
        "[::ffff:192.0.2.7]",
        "countersign",
        "countersign:8080",
        "node1.",
    ] {
        assert_eq!(by_host(&server, "/hello", taken).await, 200, "{taken}");
    }
    for refused in [
        "evil.com",
        "localhost.evil.com",
        "evil.com.",
        "evil.com:8080",
        "auth.example.org.evil.com",
        "x.auth.example.org",
        "example.org",
        "notlocalhost.com",
        "127.0.0.1.evil.com",
        "127.1",
        "1.2.3.4.5",
        "countersign.default.svc.cluster.local",
    ] {
        assert_eq!(by_host(&server, "/hello", refused).await, 421, "{refused}");
        for any in ["/healthz", "/readyz", "/forward-auth", "/forward-auth?role=admin"] {
            assert_eq!(by_host(&server, any, refused).await, 200, "{any} {refused}");
        }
        for other in ["/healthz/", "/forward-auth/x", "/x?/healthz", "//healthz"] {
            assert_eq!(by_host(&server, other, refused).await, 421, "{other} {refused}");
        }
    }
    let absolute =
        b"GET http://evil.com/hello HTTP/1.1\r\nHost: evil.com\r\nConnection: close\r\n\r\n";
    assert_refused(&server, 421, &[("absolute form", absolute.to_vec())]).await;
}

#[tokio::test]
async fn w10_a_health_check_of_http_1_0_needs_no_host() {
    let server = Server::start().await;
    for path in ["/healthz", "/readyz"] {
        // HAProxy's `option httpchk GET /healthz`.
        let bytes = format!("GET {path} HTTP/1.0\r\n\r\n");
        let answer = one(server.address, bytes.as_bytes()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.head.starts_with("HTTP/1.0 200 "), "{answer:?}");
    }
    let cases = [
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /forward-auth HTTP/1.0\r\n\r\n",
        "GET /hello HTTP/1.0\r\n\r\n",
        "GET /healthz HTTP/1.0\r\nHost:\r\n\r\n",
        "GET /healthz HTTP/1.0\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: a@b\r\n\r\n",
    ]
    .map(|bytes| (bytes, bytes.as_bytes().to_vec()));
    assert_refused(&server, 400, &cases).await;
}

#[tokio::test]
async fn w11_and_w13_what_is_no_head_is_refused() {
    let server = Server::start().await;
    let cases = [
        ("space before the colon", "GET /hello HTTP/1.1\r\nHost : localhost\r\n\r\n"),
        ("folded", "GET /hello HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n c\r\n\r\n"),
        ("folded first", "GET /hello HTTP/1.1\r\n Host: localhost\r\n\r\n"),
        ("NUL", "GET /hello HTTP/1.1\r\nHost: localhost\r\nX-A: b\0c\r\n\r\n"),
        ("NUL in the target", "GET /hel\0lo HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("bare CR", "GET /hello HTTP/1.1\r\nHost: localhost\r\nX-A: b\rc: d\r\n\r\n"),
        ("ESC", "GET /hello HTTP/1.1\r\nHost: localhost\r\nUser-Agent: \x1b]0;x\x07\r\n\r\n"),
        ("no name", "GET /hello HTTP/1.1\r\nHost: localhost\r\n: b\r\n\r\n"),
        ("no colon", "GET /hello HTTP/1.1\r\nHost: localhost\r\nX-A\r\n\r\n"),
        ("two spaces", "GET  /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("HTTP/0.9", "GET /hello\r\n\r\n"),
        ("HTTP/2.0", "GET /hello HTTP/2.0\r\nHost: localhost\r\n\r\n"),
        ("HTTP/1.2", "GET /hello HTTP/1.2\r\nHost: localhost\r\n\r\n"),
        ("http/1.1", "GET /hello http/1.1\r\nHost: localhost\r\n\r\n"),
        ("TLS", "\x16\x03\x01\x02\0\x01\0\x01\u{7c}\x03\x03"),
    ]
    .map(|(case, bytes)| (case, bytes.as_bytes().to_vec()));
    assert_refused(&server, 400, &cases).await;
}

#[tokio::test]
async fn w13_the_preface_of_http_2_gets_no_service() {
    let server = Server::start().await;
    let answers = exchange(server.address, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(answers.iter().all(|answer| answer.status == 400), "{answers:?}");
    assert_alive(server.address).await;
}

#[tokio::test]
async fn w12_lines_that_end_in_lf_alone_have_one_reading() {
    let server = Server::start().await;
    for bytes in [
        "GET /hello HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\nConnection: close\r\n\n",
    ] {
        let answer = one(server.address, bytes.as_bytes()).await;
        assert!([200, 400].contains(&answer.status), "{answer:?}");
    }
}

#[tokio::test]
async fn w14_methods_that_a_resource_does_not_have_are_refused() {
    let server = Server::start().await;
    for (method, target, status) in [
        ("TRACE", "/hello", 405),
        ("CONNECT", "localhost:80", 501),
        ("FOO", "/hello", 405),
        ("get", "/hello", 405),
        ("QUERY", "/hello", 405),
        ("PROPFIND", "/hello", 405),
        ("DELETE", "/hello", 405),
        ("POST", "/hello", 405),
    ] {
        let bytes = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost:80\r\nConnection: close\r\n\r\n"
        );
        assert_refused(&server, status, &[(method, bytes.into_bytes())]).await;
    }
}

#[tokio::test]
async fn w15_a_path_has_one_spelling() {
    let server = Server::start().await;
    assert_eq!(one(server.address, get("/auth/login").as_bytes()).await.text(), "guarded");
    let cases = [
        "//auth//login",
        "//auth/login",
        "/auth/login/",
        "/auth/%6cogin",
        "/auth;x/login",
        "/x/../auth/login",
        "/auth/./login",
        "/auth%2flogin",
        "/AUTH/login",
        "/auth\\login",
        "/auth/login%00",
        "/auth/login;x",
        "/\u{e9}",
    ]
    .map(|path| (path, get(path).into_bytes()));
    assert_refused(&server, 404, &cases).await;
}

#[tokio::test]
async fn w16_a_body_that_nobody_wants_is_not_asked_for() {
    let server = Server::start().await;
    let head = |path: &str, length: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    assert_eq!(one(server.address, head("/unread", 2).as_bytes()).await.status, 401);
    assert_eq!(one(server.address, head("/missing", 2).as_bytes()).await.status, 404);
    assert_eq!(one(server.address, head("/object", 65 * 1024).as_bytes()).await.status, 413);

    let mut client = Client::connect(server.address).await;
    client.write(head("/object", 2).as_bytes()).await;
    assert_eq!(client.answer().await.status, 100);
    client.write(b"{}").await;
    assert_eq!(client.answer().await.status, 200);

    let other = head("/object", 2).replace("100-continue", "a-miracle") + "{}";
    assert_refused(&server, 417, &[("another expectation", other.into_bytes())]).await;
}

#[tokio::test]
async fn w17_pipelined_requests_are_answered_in_their_order() {
    let server = Server::start().await;
    let hello = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let lost = "GET /lost HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let object = "POST /object HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
    let bad = "GET /hello HTTP/1.1\r\nHost : localhost\r\n\r\n";
    let bytes = [hello, lost, object, hello, bad, hello].concat();
    let answers = exchange(server.address, bytes.as_bytes()).await;
    let seen: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(seen, [200, 404, 200, 200, 400]);
    assert_eq!((answers[0].text(), answers[2].text()), ("hello".into(), "1".into()));

    // An answer of a route that says as little as hyper's refusals do is the route's own.
    let bare = "GET /bare HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answers = exchange(server.address, [bare, bare, bad].concat().as_bytes()).await;
    let seen: Vec<_> =
        answers.iter().map(|answer| (answer.status, !answer.body.is_empty())).collect();
    assert_eq!(seen, [(403, false), (403, false), (400, true)]);

    // A body that is not read may not become the next request.
    let hidden = post_json("/unread", hello.as_bytes());
    assert_eq!(one(server.address, &[&hidden[..], hello.as_bytes()].concat()).await.status, 401);
}
