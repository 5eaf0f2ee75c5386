//! Bodies: B1 to B24, W9, E10.

use countersign_server::http::server::Limits;
use futures::FutureExt as _;
use futures::future::select_all;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::client::{Client, assert_alive, exchange, one, post, post_json};
use crate::server::Server;

const GOOD: &str = r#"{"email":"a@b.c","password":"pw"}"#;

async fn assert_400(server: &Server, case: &str, body: &[u8], code: &str, field: Option<&str>) {
    let answer = one(server.address, &post_json("/login", body)).await;
    assert_eq!(answer.status, 400, "{case}: {answer:?}");
    let problem = answer.json();
    assert_eq!(problem["code"], code, "{case}: {problem}");
    assert_eq!(problem.get("field").and_then(Value::as_str), field, "{case}: {problem}");
    let detail = problem["detail"].as_str().expect("a sentence");
    for leak in ["struct", "enum ", "serde", "u32", "Login", "s3cret", "expected"] {
        assert!(!detail.contains(leak), "{case}: {detail}");
    }
}

#[tokio::test]
async fn a_good_body_is_taken() {
    let server = Server::start().await;
    let body = json!({
        "email": "é\u{1f600}", "password": "a\0b", "number": 7, "ratio": 1.5, "remember": true,
        "tags": ["a"], "scope": "this", "device": {"name": "phone"},
    });
    let answer = one(server.address, &post_json("/login", body.to_string().as_bytes())).await;
    assert_eq!((answer.status, answer.json()), (200, body));
    for content_type in ["application/json; charset=UTF-8", "APPLICATION/JSON"] {
        let headers = format!("Content-Type: {content_type}\r\nContent-Encoding: identity\r\n");
        let bytes = post("/login", &headers, GOOD.as_bytes());
        assert_eq!(one(server.address, &bytes).await.status, 200, "{content_type}");
    }
}

#[tokio::test]
async fn b1_to_b5_and_b24_what_is_not_the_object_asked_for_is_refused_by_name() {
    let server = Server::start().await;
    let body = "invalid_body";
    for (case, text, code, field) in [
        ("B1", "", body, None),
        ("B1 spaces", "  \n", body, None),
        ("B2", r#"["a@b.c","pw"]"#, body, None),
        ("B2 nested", r#"{"email":"a","password":"b","device":["phone"]}"#, body, Some("device")),
        ("B3 null", "null", body, None),
        ("B3 number", "1", body, None),
        ("B3 text", r#""x""#, body, None),
        ("B4", r#"{"email":"a","password":"b","role":"admin"}"#, "unknown_field", Some("role")),
        (
            "B4",
            r#"{"is_admin":true,"email":"a","password":"b"}"#,
            "unknown_field",
            Some("is_admin"),
        ),
        ("B4", r#"{"email":"a","password":"b","id":1}"#, "unknown_field", Some("id")),
        (
            "B4 nested",
            r#"{"email":"a","password":"b","device":{"name":"x","id":1}}"#,
            "unknown_field",
            Some("device.id"),
        ),
        ("B5", r#"{"email":"a","email":"b","password":"c"}"#, body, Some("email")),
        ("B5 escaped", r#"{"email":"a","\u0065mail":"b","password":"c"}"#, body, Some("email")),
        (
            "B5 nested",
            r#"{"email":"a","password":"b","device":{"name":"x","name":"y"}}"#,
            body,
            Some("name"),
        ),
        (
            "B24",
            r#"{"__proto__":{},"email":"a","password":"b"}"#,
            "unknown_field",
            Some("__proto__"),
        ),
        (
            "B24",
            r#"{"constructor":1,"email":"a","password":"b"}"#,
            "unknown_field",
            Some("constructor"),
        ),
    ] {
        assert_400(&server, case, text.as_bytes(), code, field).await;
    }
    assert_alive(server.address).await;
}

#[tokio::test]
async fn b6_a_member_that_is_missing_or_of_another_type_is_refused_by_name() {
    let server = Server::start().await;
    for (case, text, field) in [
        ("B6 array", r#"{"email":["s3cret"],"password":"b"}"#, Some("email")),
        ("B6 object", r#"{"email":{"$ne":null},"password":"b"}"#, Some("email")),
        ("B6 number", r#"{"email":1,"password":"b"}"#, Some("email")),
        ("B6 true", r#"{"email":true,"password":"b"}"#, Some("email")),
        ("B6 null", r#"{"email":null,"password":"b"}"#, Some("email")),
        ("B6 password", r#"{"email":"a","password":5}"#, Some("password")),
        ("B6 text", r#"{"email":"a","password":"b","number":"s3cret"}"#, Some("number")),
        ("B6 range", r#"{"email":"a","password":"b","number":4294967296}"#, Some("number")),
        ("B6 fraction", r#"{"email":"a","password":"b","number":1.5}"#, Some("number")),
        ("B6 flag", r#"{"email":"a","password":"b","remember":1}"#, Some("remember")),
        ("B6 list", r#"{"email":"a","password":"b","tags":[1]}"#, Some("tags")),
        ("B6 word", r#"{"email":"a","password":"b","scope":"s3cret"}"#, Some("scope")),
        ("B6 variant", r#"{"email":"a","password":"b","scope":{"this":1}}"#, Some("scope")),
        ("missing", r#"{"email":"a"}"#, Some("password")),
        ("missing nested", r#"{"email":"a","password":"b","device":{}}"#, Some("device.name")),
    ] {
        assert_400(&server, case, text.as_bytes(), "invalid_body", field).await;
    }
}

#[tokio::test]
async fn a_wrong_member_is_told_what_would_be_right() {
    let server = Server::start().await;
    for (text, detail) in [
        (r#"{"email":1,"password":"b"}"#, "Must be a string."),
        (r#"{"email":"a","password":"b","number":"1"}"#, "Must be an integer."),
        (r#"{"email":"a","password":"b","ratio":"1"}"#, "Must be a number."),
        (r#"{"email":"a","password":"b","remember":"1"}"#, "Must be true or false."),
        (r#"{"email":"a","password":"b","tags":"1"}"#, "Must be an array."),
        (r#"{"email":"a","password":"b","device":"1"}"#, "Must be an object."),
        (r#"{"email":"a","password":"b","scope":"1"}"#, "Must be one of: this, all."),
        (r#"{"email":"a","password":"b","scope":1}"#, "Must be a string."),
        (r#"{"email":"a"}"#, "The member must be there."),
    ] {
        let answer = one(server.address, &post_json("/login", text.as_bytes())).await;
        assert_eq!(answer.json()["detail"], detail, "{text}");
    }
}

#[tokio::test]
async fn b7_to_b12_and_b20_other_media_types_are_refused() {
    let server = Server::start().await;
    for (case, headers) in [
        ("B7", "Content-Type: text/plain\r\n"),
        ("B8", "Content-Type: application/x-www-form-urlencoded\r\n"),
        ("B9", "Content-Type: multipart/form-data; boundary=x\r\n"),
        ("B10", "Content-Type: application/evil+json\r\n"),
        ("B11", "Content-Type: application/json; charset=utf-16\r\n"),
        ("B12", ""),
        ("B12 empty", "Content-Type:\r\n"),
        ("two", "Content-Type: application/json\r\nContent-Type: application/json\r\n"),
        ("B20", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"),
        ("B20", "Content-Type: application/json\r\nContent-Encoding: identity, br\r\n"),
    ] {
        for path in ["/login", "/logout"] {
            let answer = one(server.address, &post(path, headers, GOOD.as_bytes())).await;
            assert_eq!(answer.status, 415, "{case}: {answer:?}");
            assert_eq!(answer.json()["code"], "unsupported_media_type", "{case}");
        }
    }
}

#[tokio::test]
async fn b13_b14_b17_to_b19_and_b21_what_is_not_strict_json_is_refused() {
    let server = Server::start().await;
    let with_number = |number: &str| format!(r#"{{"email":"a","password":"b","number":{number}}}"#);
    let members: Vec<String> = (0..10_000).map(|n| format!(r#""a{n}":1"#)).collect();
    let mut utf16 = b"\xff\xfe".to_vec();
    utf16.extend(GOOD.encode_utf16().flat_map(u16::to_le_bytes));
    for (case, body) in [
        ("B13", format!("\u{feff}{GOOD}").into_bytes()),
        ("B13 UTF-16", utf16),
        ("B14", b"{\"email\":\"\xff\",\"password\":\"b\"}".to_vec()),
        ("B14 key", b"{\"ema\xffil\":\"\",\"password\":\"b\"}".to_vec()),
        ("B14 overlong", b"{\"email\":\"\xc0\x80\",\"password\":\"b\"}".to_vec()),
        ("B14 surrogate", br#"{"email":"\ud800","password":"b"}"#.to_vec()),
        ("B14 low surrogate", br#"{"email":"\udc00","password":"b"}"#.to_vec()),
        ("B14 surrogate in key", br#"{"\ud800":"a"}"#.to_vec()),
        ("B17", with_number("1e999999").into_bytes()),
        ("B17", with_number(&"9".repeat(15_000)).into_bytes()),
        ("B18", format!("{{{}}}", members[..1_500].join(",")).into_bytes()),
        ("B18", format!("{{{}}}", members[..257].join(",")).into_bytes()),
        ("B19 NaN", with_number("NaN").into_bytes()),
        ("B19 comment", format!("{GOOD} // x").into_bytes()),
        ("B19 quotes", b"{'email':'a'}".to_vec()),
        ("B19 comma", br#"{"email":"a","password":"b",}"#.to_vec()),
        ("B21", format!("{GOOD}{GOOD}").into_bytes()),
        ("B21 lines", format!("{GOOD}\n{GOOD}\n").into_bytes()),
        ("control", b"{\"email\":\"a\0\",\"password\":\"b\"}".to_vec()),
    ] {
        assert_400(&server, case, &body, "invalid_body", None).await;
    }
    // The acceptance list's own sizes are beyond the limit of the body.
    let large = [with_number(&"9".repeat(100_000)), format!("{{{}}}", members.join(","))];
    for body in large {
        let status = one(server.address, &post_json("/login", body.as_bytes())).await.status;
        assert!([400, 413].contains(&status), "{status}");
    }
    assert_alive(server.address).await;
}

#[tokio::test]
async fn b15_the_depth_is_bounded() {
    let server = Server::start().await;
    let nested = |depth: usize, open: &str, close: &str| {
        format!("{{\"a\":{}1{}}}", open.repeat(depth - 1), close.repeat(depth - 1))
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let taken = post_json("/object", nested(32, open, close).as_bytes());
        assert_eq!(one(server.address, &taken).await.status, 200);
        for depth in [33, 130, 10_000] {
            let refused = post_json("/object", nested(depth, open, close).as_bytes());
            let answer = one(server.address, &refused).await;
            assert_eq!((answer.status, &answer.json()["reason"]), (400, &json!("too_deep")));
        }
    }
}

/// An object of `size` bytes.
fn object_of(size: usize) -> Vec<u8> {
    format!("{{\"a\":\"{}\"}}", "b".repeat(size - 8)).into_bytes()
}

#[tokio::test]
async fn b16_a_body_is_at_most_64_kib() {
    let server = Server::start().await;
    let answer = one(server.address, &post_json("/object", &object_of(64 * 1024))).await;
    assert_eq!(answer.status, 200);
    let answer = one(server.address, &post_json("/object", &object_of(64 * 1024 + 1))).await;
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    assert!(answer.text().contains("65536"), "the limit is named");
    let answer = one(server.address, &post_json("/object", &object_of(1_000_000))).await;
    assert_eq!(answer.status, 413);

    // The answer comes before a byte of the body.
    let head = "POST /object HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 3000000000\r\n\r\n";
    let mut client = Client::connect(server.address).await;
    client.write(head.as_bytes()).await;
    assert_eq!(client.answer().await.status, 413);
}

#[tokio::test]
async fn b16_a_body_of_a_caller_who_shows_no_token_is_at_most_16_kib() {
    let server = Server::start().await;
    let answer = one(server.address, &post_json("/anonymous", &object_of(16 * 1024))).await;
    assert_eq!(answer.status, 200);
    let too_large = post_json("/anonymous", &object_of(16 * 1024 + 1));
    let answer = one(server.address, &too_large).await;
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    assert!(answer.text().contains("16384"), "the limit is named");

    // The answer comes before a byte of the body, and without a call for it.
    let expect = "Expect: 100-continue\r\n";
    for more in ["", expect] {
        let head = format!(
            "POST /anonymous HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}Content-Length: 20000\r\n\r\n"
        );
        let mut client = Client::connect(server.address).await;
        client.write(head.as_bytes()).await;
        assert_eq!(client.answer().await.status, 413, "{more}");
    }
    let in_one_chunk = [&b"4001\r\n"[..], &object_of(16 * 1024 + 1)[..], b"\r\n0\r\n\r\n"].concat();
    let answer = one(server.address, &chunked("/anonymous", &in_one_chunk)).await;
    assert_eq!(answer.status, 413);
}

/// Sends all of a request but the last byte of its body.
async fn hold(server: &Server, path: &str, body: &[u8]) -> Client {
    hold_from("127.0.0.1", server, path, body).await
}

async fn hold_from(from: &str, server: &Server, path: &str, body: &[u8]) -> Client {
    let mut client = Client::connect_from(from, server.address).await;
    let request = post_json(path, body);
    client.write(&request[..request.len() - 1]).await;
    client
}

#[tokio::test]
async fn bodies_that_are_being_read_share_a_budget() {
    let server = Server::with(Limits { body_budget: 16 * 1024, ..Limits::default() }).await;
    let large = object_of(9_000);
    // Each half of the budget has room for one.
    for (path, other_half) in [("/anonymous", "/object"), ("/object", "/anonymous")] {
        let mut first = hold(&server, path, &large).await;
        let mut second = hold(&server, path, &large).await;
        let (refused, mut held) = tokio::select! {
            refused = first.answer() => (refused, second),
            refused = second.answer() => (refused, first),
        };
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{path}");
        assert_eq!(refused.json()["code"], "overloaded");
        assert_eq!(refused.header("connection"), Some("close"));
        // Small ones and those of the other half go on.
        assert_eq!(one(server.address, &post_json(path, &object_of(1_500))).await.status, 200);
        assert_eq!(one(server.address, &post_json(other_half, &large)).await.status, 200);
        held.write(b"}").await;
        assert_eq!(held.answer().await.status, 200, "{path}");
        assert_eq!(one(server.address, &post_json(path, &large)).await.status, 200);
    }
}

/// Expects that one of these clients is answered that there is no room, and forgets it.
async fn one_is_refused(clients: &mut Vec<Client>) {
    let answers = clients.iter_mut().map(|client| client.answer().boxed());
    let (answer, index, _) = select_all(answers).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(answer.json()["code"], "overloaded");
    clients.remove(index);
}

#[tokio::test]
async fn networks_that_hold_their_bodies_back_keep_nobody_else_out() {
    // Twenty of each half.
    let server = Server::with(Limits { max_waiting_bodies: 40, ..Limits::default() }).await;
    let body = object_of(100);
    for path in ["/anonymous", "/object"] {
        let mut held = Vec::new();
        for from in ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"] {
            for _ in 0..6 {
                held.push(hold_from(from, &server, path, &body).await);
            }
        }
        for _ in 0..4 {
            one_is_refused(&mut held).await;
        }
        let mut other = hold_from("127.0.0.6", &server, path, &body).await;
        one_is_refused(&mut held).await;
        other.write(b"}").await;
        assert_eq!(other.answer().await.status, 200, "{path}");
        // A body that comes with its head takes no place.
        assert_eq!(one(server.address, &post_json(path, &body)).await.status, 200, "{path}");
        for client in &mut held {
            client.write(b"}").await;
            assert_eq!(client.answer().await.status, 200, "{path}");
        }
    }
}

#[tokio::test]
async fn b16_a_client_that_was_refused_may_finish_before_it_reads() {
    let server = Server::start().await;
    let mut client = Client::connect(server.address).await;
    let head = "POST /object HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
    client.write(head.as_bytes()).await;
    for _ in 0..100 {
        client.socket().write_all(&[b'a'; 10_000]).await.expect("the server still reads");
        tokio::task::yield_now().await;
    }
    assert_eq!(client.answer().await.status, 413);
}

fn chunked(path: &str, chunks: &[u8]) -> Vec<u8> {
    let mut bytes = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes();
    bytes.extend_from_slice(chunks);
    bytes
}

#[tokio::test]
async fn b16_a_chunked_body_is_cut_at_the_limit() {
    let server = Server::start().await;
    let in_chunks = |body: &[u8], size: usize| {
        let mut bytes = Vec::new();
        for chunk in body.chunks(size) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        chunked("/object", &bytes)
    };
    for (size, status) in [(64 * 1024, 200), (64 * 1024 + 1, 413), (2_000_000, 413)] {
        let bytes = in_chunks(&object_of(size), 10_000);
        assert_eq!(one(server.address, &bytes).await.status, status, "{size}");
    }
    // One chunk of 3 GB, of which nobody sends more than the limit.
    let mut giant = b"b2d05e00\r\n".to_vec();
    giant.resize(70_000, b'a');
    assert_eq!(one(server.address, &chunked("/object", &giant)).await.status, 413);
}

#[tokio::test]
async fn what_follows_an_early_answer_is_not_taken_for_a_head() {
    let server = Server::start().await;
    let head = "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    for trailer in [30_000, 40_000, 60_000] {
        let body = format!("2\r\n{{}}\r\n0\r\nA: {}\r\n\r\n", "b".repeat(trailer));
        let request = [head, &body, "GET /object HTTP/1.1\r\nHost: localhost\r\n\r\n"].concat();
        let answers = exchange(server.address, request.as_bytes()).await;
        let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [404], "{trailer}");
    }
}

#[tokio::test]
async fn w9_chunks_are_well_formed_and_bounded() {
    let server = Server::start().await;
    let trailers = |count: usize| format!("2\r\n{{}}\r\n0\r\n{}\r\n", "A: b\r\n".repeat(count));
    for (case, chunks) in [
        ("no number", "x\r\n{}\r\n0\r\n\r\n".to_owned()),
        ("sign", "+2\r\n{}\r\n0\r\n\r\n".to_owned()),
        ("prefix", "0x2\r\n{}\r\n0\r\n\r\n".to_owned()),
        ("empty", "\r\n{}\r\n0\r\n\r\n".to_owned()),
        ("negative", "-2\r\n{}\r\n0\r\n\r\n".to_owned()),
        ("overflow", format!("{}\r\n{{}}\r\n0\r\n\r\n", "f".repeat(17))),
        ("too short", "1\r\n{}\r\n0\r\n\r\n".to_owned()),
        ("LF", "2\n{}\n0\n\n".to_owned()),
        ("extension of 64 KB", format!("2;a={}\r\n{{}}\r\n0\r\n\r\n", "b".repeat(64 * 1024))),
        ("extensions of 64 KB", "1;a=bbbbbbbbbb\r\n \r\n".repeat(6_000)),
        ("129 trailers", trailers(129)),
        ("trailer of 64 KB", format!("2\r\n{{}}\r\n0\r\nA: {}\r\n\r\n", "b".repeat(64 * 1024))),
    ] {
        let answer = one(server.address, &chunked("/object", chunks.as_bytes())).await;
        assert_eq!(answer.status, 400, "{case}: {answer:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{case}");
    }
    let tiny = chunked("/object", &b"1\r\na\r\n".repeat(1_000_000));
    assert_eq!(one(server.address, &tiny).await.status, 413);
    let fine = chunked("/object", trailers(3).as_bytes());
    assert_eq!(one(server.address, &fine).await.status, 200);
}

#[tokio::test]
async fn w9_a_chunk_head_without_end_is_cut_off() {
    let server = Server::start().await;
    for (case, start, endless) in
        [("digits", "", "0"), ("digits after a chunk", "2\r\n{}\r\n", "0"), ("spaces", "2", " ")]
    {
        let mut client = Client::connect(server.address).await;
        client.write(&chunked("/object", start.as_bytes())).await;
        let mut written = 0;
        let flood = endless.repeat(16 * 1024);
        // What is not read stays in the buffers of the two sockets.
        while written < 64 * 1024 * 1024 {
            match client.socket().write_all(flood.as_bytes()).await {
                Ok(()) => written += flood.len(),
                Err(_) => break,
            }
        }
        assert!(written < 32 * 1024 * 1024, "{case}: {written} bytes were taken");
    }
    // As much as is allowed is answered like any malformed body.
    let head = format!("{}2\r\n{{}}\r\n0\r\n\r\n", "0".repeat(100 * 1024));
    let answer = one(server.address, &chunked("/object", head.as_bytes())).await;
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
    let tiny = [&b"1\r\n \r\n".repeat(15_000)[..], b"2\r\n{}\r\n0\r\n\r\n"].concat();
    assert_eq!(one(server.address, &chunked("/object", &tiny)).await.status, 200);
    assert_alive(server.address).await;
}

#[tokio::test]
async fn b22_the_body_of_a_get_is_not_looked_at() {
    let server = Server::start().await;
    let bytes = b"GET /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n{]{]{";
    assert_eq!(one(server.address, bytes).await.text(), "hello");
}

#[tokio::test]
async fn b23_an_answer_is_json_whatever_is_accepted() {
    let server = Server::start().await;
    let headers = "Content-Type: application/json\r\nAccept: text/html\r\n";
    for (body, status, media_type) in
        [(GOOD, 200, "application/json"), ("{}", 400, "application/problem+json")]
    {
        let answer = one(server.address, &post("/login", headers, body.as_bytes())).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, Some(media_type)));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_body_whose_members_are_all_optional_may_be_missing() {
    let server = Server::start().await;
    for (headers, body, status) in [
        ("", "", 200),
        ("Content-Type: application/json\r\n", "", 200),
        ("Content-Type: application/json\r\n", "{}", 200),
        ("Content-Type: application/json\r\n", r#"{"scope":"all"}"#, 200),
        ("Content-Type: application/json\r\n", r#"{"scop":"all"}"#, 400),
        ("Content-Type: application/json\r\n", " ", 400),
        ("", "{}", 415),
    ] {
        let answer = one(server.address, &post("/logout", headers, body.as_bytes())).await;
        assert_eq!(answer.status, status, "{headers}{body}: {answer:?}");
    }
    let bare = b"POST /logout HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(one(server.address, bare).await.status, 200);
}
