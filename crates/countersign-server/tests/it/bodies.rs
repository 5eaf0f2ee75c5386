//! Bodies, content types and paths at the real routes: groups B, E10, W14 and W15.

use countersign_server::tables::api_key::Right;
use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::{Value, json};

use super::api_keys::made;
use crate::client::{Answer as RawAnswer, one, post, post_json};
use crate::kit::{Before, Tables, assert_sober, raw};
use crate::server::{Answer, PASSWORD, TestApp};

/// The routes that take a body from anybody, with a good one.
const ROUTES: [(&str, &str); 3] = [
    (
        "/v1/register",
        r#"{"email":"mallory@example.org","password":"correct horse battery staple"}"#,
    ),
    (
        "/v1/login",
        r#"{"identifier":"alice@example.org","password":"correct horse battery staple"}"#,
    ),
    ("/v1/refresh", r#"{"refresh_token":"x"}"#),
];

async fn scene(server: &TestApp) -> Before {
    let session = server.register("alice").await;
    Before::of(server, session).await
}

fn assert_problem(case: &str, answer: &RawAnswer, status: u16, code: &str) {
    assert_sober(case, answer);
    assert_eq!(answer.status, status, "{case}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{case}");
    assert_eq!(answer.json()["code"], code, "{case}: {answer:?}");
    assert_eq!(answer.json()["status"], status, "{case}");
}

/// The body with so much of `padding` behind it that it has so many bytes.
fn padded(body: &str, padding: char, size: usize) -> String {
    format!("{body}{}", padding.to_string().repeat(size - body.len()))
}

fn authorized(token: &str, media_type: &str) -> String {
    format!("Authorization: Bearer {token}\r\nContent-Type: {media_type}\r\n")
}

/// Puts `member` before the others of this object.
fn put(object: &str, member: &str) -> String {
    object.replacen('{', &format!("{{{member},"), 1)
}

/// What each route refuses with 400, whatever it is for; `good` is what it takes.
fn malformed(good: &str) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let body = "invalid_body";
    let name = good.split('"').nth(1).expect("a member");
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let many: Vec<String> = (0..1_000).map(|n| format!("\"m{n}\":1")).collect();
    let first = |value: &str| {
        let value_now = good.split(':').nth(1).expect("a value");
        let value_now = value_now.split([',', '}']).next().expect("a value");
        good.replacen(value_now, value, 1)
    };
    let texts = [
        ("b2", r#"["alice@example.org","correct horse battery staple"]"#.to_owned(), body),
        ("b3_null", "null".to_owned(), body),
        ("b3_number", "1".to_owned(), body),
        ("b3_text", r#""x""#.to_owned(), body),
        ("b4_role", put(good, r#""role":"admin""#), "unknown_field"),
        ("b4_roles", put(good, r#""roles":["admin"]"#), "unknown_field"),
        ("b4_is_admin", put(good, r#""is_admin":true"#), "unknown_field"),
        ("b4_id", put(good, r#""id":1"#), "unknown_field"),
        ("b4_number", put(good, r#""number":1"#), "unknown_field"),
        ("b5_twice", put(good, &format!(r#""{name}":"x""#)), body),
        (
            "b5_escaped",
            put(good, &format!(r#""\u00{:x}{}":"x""#, name.as_bytes()[0], &name[1..])),
            body,
        ),
        ("b6_array", first(r#"["a"]"#), body),
        ("b6_object", first(r#"{"$ne":null}"#), body),
        ("b6_number", first("5"), body),
        ("b6_true", first("true"), body),
        ("b13", format!("\u{feff}{good}"), body),
        ("b14_surrogate", first(r#""\ud800""#), body),
        ("b15", put(good, &format!(r#""x":{deep}"#)), body),
        ("b17_huge", put(good, r#""x":1e999999"#), body),
        ("b18", format!("{{{}}}", many.join(",")), body),
        ("b19_nan", first("NaN"), body),
        ("b19_comment", format!("/* x */{good}"), body),
        ("b19_quotes", good.replace('"', "'"), body),
        ("b19_comma", good.replace('}', ",}"), body),
        ("b19_cut", good.replace('}', ""), body),
        ("b21", format!("{good}{good}"), body),
        ("b24_proto", put(good, r#""__proto__":{"role":"admin"}"#), "unknown_field"),
        ("b24_constructor", put(good, r#""constructor":1"#), "unknown_field"),
    ];
    let mut cases: Vec<_> = texts.map(|(case, text, code)| (case, text.into_bytes(), code)).into();
    let quoted = |bytes: &[u8]| [format!("{{\"{name}\":\"").as_bytes(), bytes, b"\"}"].concat();
    cases.push(("b14_utf8", quoted(b"\xff"), body));
    cases.push(("b14_overlong", quoted(b"\xc0\x80"), body));
    cases
}

on_each_database! {
    async fn b2_to_b24_a_body_that_is_not_what_was_asked_for_is_refused_by_every_route(
        server: TestApp
    ) {
        let before = scene(&server).await;
        for (path, good) in ROUTES {
            for (case, body, code) in malformed(good) {
                let answer = one(server.address, &post_json(path, &body)).await;
                assert_problem(&format!("{case} {path}"), &answer, 400, code);
            }
            let digits = put(good, &format!("\"x\":{}", "9".repeat(15_000)));
            let answer = one(server.address, &post_json(path, digits.as_bytes())).await;
            assert_eq!(answer.status, 400, "b17_digits {path}: {answer:?}");
        }
        before.is_now(&server).await;
    }

    async fn b7_to_b12_b20_another_media_type_is_refused_by_every_route(server: TestApp) {
        let before = scene(&server).await;
        for (path, good) in ROUTES {
            for (case, headers) in [
                ("b7", "Content-Type: text/plain\r\n"),
                ("b8", "Content-Type: application/x-www-form-urlencoded\r\n"),
                ("b9", "Content-Type: multipart/form-data; boundary=x\r\n"),
                ("b10", "Content-Type: application/evil+json\r\n"),
                ("b11", "Content-Type: application/json; charset=utf-16\r\n"),
                ("b12", ""),
                ("b20", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"),
            ] {
                let answer = one(server.address, &post(path, headers, good.as_bytes())).await;
                assert_problem(&format!("{case} {path}"), &answer, 415, "unsupported_media_type");
            }
        }
        before.is_now(&server).await;
    }

    async fn b16_a_body_of_16_kib_and_1_is_refused_by_every_route_without_a_token(server: TestApp) {
        let before = scene(&server).await;
        for (path, good) in ROUTES {
            let large = post_json(path, padded(good, ' ', 16_385).as_bytes());
            assert_problem(path, &one(server.address, &large).await, 413, "body_too_large");
            // Not a byte of it is waited for.
            let head = large.split(|byte| *byte == b'{').next().expect("a head");
            assert_problem(path, &one(server.address, head).await, 413, "body_too_large");
        }
        before.is_now(&server).await;
        let fits = padded(ROUTES[1].1, ' ', 16_384);
        let answer = one(server.address, &post_json("/v1/login", fits.as_bytes())).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    async fn b16_a_good_token_or_api_key_may_come_with_64_kib_and_a_bad_one_with_none(
        server: TestApp
    ) {
        let session = server.register("alice").await;
        let (_, key) = made(&server.app, &[Right::Introspect]).await;
        let (name, form) = (r#"{"name":"Alice"}"#, "application/x-www-form-urlencoded");
        let patch = |token: &str, size: usize| {
            let (headers, body) = (authorized(token, "application/json"), padded(name, ' ', size));
            let bytes = post("/v1/me", &headers, body.as_bytes());
            [&b"PATCH"[..], &bytes[4..]].concat()
        };
        let ask = |key: &str, size: usize| {
            post("/v1/introspect", &authorized(key, form), padded("token=x", 'x', size).as_bytes())
        };
        for size in [16_385, 65_536] {
            assert_eq!(one(server.address, &patch(&session.access, size)).await.status, 200);
            assert_eq!(one(server.address, &ask(&key, size)).await.status, 200);
            assert_eq!(one(server.address, &patch("bad", size)).await.status, 401);
            assert_eq!(one(server.address, &ask("bad", size)).await.status, 401);
        }
        assert_eq!(one(server.address, &patch(&session.access, 65_537)).await.status, 413);
        assert_eq!(one(server.address, &ask(&key, 65_537)).await.status, 413);
    }

    async fn b4_nobody_registers_as_an_admin(server: TestApp) {
        let body = json!({ "email": "eve@example.org", "password": PASSWORD });
        for (name, value) in [
            ("role", json!("admin")),
            ("roles", json!(["admin"])),
            ("is_admin", json!(true)),
            ("admin", json!(1)),
            ("user", json!({ "roles": ["admin"] })),
            ("verified_at", json!(0)),
            ("epoch", json!(7)),
        ] {
            let mut body = body.clone();
            body[name] = value;
            let answer = server.post("/v1/register", body).await;
            assert_eq!(answer.code(), (400, "unknown_field".into()), "{name}");
            assert_eq!(answer.json()["field"], name);
        }
        assert!(Tables::of(&server.app).await.users.is_empty());
        let session = server.register("eve").await;
        let patch = json!({ "name": "Eve", "roles": ["admin"] });
        let answer = server.send(Method::PATCH, "/v1/me", &session.access, patch).await;
        assert_eq!(answer.code(), (400, "unknown_field".into()));
        let (_, name, roles, ..) = &Tables::of(&server.app).await.users[0];
        assert_eq!((name.as_deref(), roles.as_str()), (None, ""));
    }

    async fn b1_b3_a_body_may_be_missing_only_where_all_its_members_may(server: TestApp) {
        let before = scene(&server).await;
        let json = "Content-Type: application/json\r\n";
        for headers in ["", json] {
            for path in ["/v1/register", "/v1/login"] {
                let answer = one(server.address, &post(path, headers, b"")).await;
                assert_problem(path, &answer, 400, "invalid_body");
                assert_eq!(answer.json()["reason"], "empty");
            }
            for body in ["", "{}"] {
                let headers = if body.is_empty() { headers } else { json };
                let bytes = post("/v1/refresh", headers, body.as_bytes());
                let answer = one(server.address, &bytes).await;
                assert_problem("refresh", &answer, 400, "invalid_field");
            }
            let bearer = format!("{headers}Authorization: Bearer {}\r\n", before.session.access);
            let answer = raw(&server, "PATCH /v1/me", format!("{bearer}Content-Length: 0\r\n"));
            assert_eq!(answer.await.status, 200);
            before.is_now(&server).await;
        }
        let bearer = format!("Authorization: Bearer {}\r\n", before.session.access);
        let answer = one(server.address, &post("/v1/logout", &bearer, b"")).await;
        assert_eq!((answer.status, answer.text().as_str()), (204, ""), "{answer:?}");
        assert_eq!(server.check(&before.session.access).await, 401);
    }

    async fn e10_nul_is_refused_in_every_text_but_a_password(server: TestApp) {
        let session = server.register("alice").await;
        let before = Before::of(&server, session).await;
        let nul = |text: &str| format!("{text}\0x");
        let base = json!({ "email": "bob@example.org", "password": PASSWORD });
        for (field, value) in
            [("email", "bob@example.org"), ("username", "bob"), ("phone", "+4915112345678"), ("name", "Bob")]
        {
            for value in [nul(value), format!("\0{value}"), format!("{value}\0")] {
                let mut body = base.clone();
                body[field] = json!(value);
                let answer = server.post("/v1/register", body).await;
                assert_eq!(answer.code(), (400, "invalid_field".into()), "{field}: {answer:?}");
                assert_eq!(answer.json()["field"], field);
            }
        }
        let name = json!({ "name": nul("Alice") });
        let answer = server.send(Method::PATCH, "/v1/me", &before.session.access, name).await;
        assert_eq!(answer.code(), (400, "invalid_field".into()));
        for identifier in ["alice@example.org\0", "\0", "al\0ice"] {
            let answer = server.log_in_with(identifier, PASSWORD, None).await;
            assert_eq!(answer.code(), (401, "invalid_credentials".into()), "{identifier:?}");
        }
        let answer = server.refresh_answer("a\0b").await;
        assert_eq!(answer.code(), (401, "invalid_grant".into()));
        for scope in [json!({ "scope": "all\0" }), json!({ "scope": "\0" })] {
            let answer = server.send(Method::POST, "/v1/logout", &before.session.access, scope);
            assert_eq!(answer.await.code(), (400, "invalid_body".into()));
        }
        for id in ["%00", "a%00b", "%ff", "%F0%9F%98%80", "'%20OR%201=1--", "..%2f..%2fme"] {
            let path = format!("/v1/sessions/{id}");
            let answer = server.send(Method::DELETE, &path, &before.session.access, Value::Null);
            assert_eq!(answer.await.code(), (404, "not_found".into()), "{id}");
        }
        before.is_now(&server).await;
    }

    async fn e10_nul_in_what_a_client_calls_its_device_is_refused(server: TestApp) {
        let before = scene(&server).await;
        let answer = server.log_in_with("alice@example.org", PASSWORD, Some("pho\0ne")).await;
        assert_eq!(answer.code(), (400, "invalid_field".into()), "{answer:?}");
        assert_eq!(answer.json()["field"], "device");
        before.is_now(&server).await;
    }

    async fn e10_p5_a_password_may_hold_nul_and_ends_at_none(server: TestApp) {
        let password = "correct horse\0battery staple";
        let body = json!({ "email": "bob@example.org", "password": password });
        assert_eq!(server.post("/v1/register", body).await.status, 201);
        for (password, status) in
            [(password, 200), ("correct horse", 401), ("correct horse\0zzzzzzz", 401)]
        {
            let answer = server.log_in_with("bob@example.org", password, None).await;
            assert_eq!(answer.status, status, "{password:?}: {answer:?}");
        }
    }

    async fn w14_a_method_that_a_route_lacks_is_told_those_it_has(server: TestApp) {
        let before = scene(&server).await;
        for (path, _) in ROUTES {
            for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH"] {
                let answer = raw_head(&server, &format!("{method} {path}")).await;
                assert_sober(path, &answer);
                assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
                assert_eq!(answer.header("allow"), Some("POST"), "{method} {path}");
                if method != "HEAD" {
                    assert_problem(path, &answer, 405, "method_not_allowed");
                }
            }
        }
        for (line, status) in [("TRACE /v1/me", 405), ("CONNECT /v1/me", 501), ("FOO /v1/me", 405)] {
            assert_eq!(raw_head(&server, line).await.status, status, "{line}");
        }
        before.is_now(&server).await;
    }

    async fn w15_a_path_has_one_spelling(server: TestApp) {
        let before = scene(&server).await;
        for path in [
            "//v1//login",
            "/v1//login",
            "//v1/login",
            "/v1/login/",
            "/v1/%6cogin",
            "/%76%31/login",
            "/v1%2flogin",
            "/v1/login%00",
            "/v1/login%20",
            "/v1;x/login",
            "/v1/login;x",
            "/x/../v1/login",
            "/./v1/login",
            "/v1/./login",
            "/v1/x/%2e%2e/login",
            "/V1/login",
            "/v1/Login",
            "/v1\\login",
            "/v1",
            "/",
            "/nowhere",
        ] {
            let answer = one(server.address, &post_json(path, ROUTES[1].1.as_bytes())).await;
            assert_problem(path, &answer, 404, "not_found");
        }
        let access = &before.session.access;
        for path in ["//v1/me", "/v1/me/", "/v1/%6de", "/v1/me;x", "/v1/sessions/../me"] {
            assert_eq!(get_as(&server, path, access).await.status, 404, "{path}");
        }
        before.is_now(&server).await;
    }

    async fn b22_the_body_of_a_get_is_not_looked_at(server: TestApp) {
        let before = scene(&server).await;
        let headers = format!(
            "Authorization: Bearer {}\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n",
            before.session.access
        );
        let bytes = format!("GET /v1/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n[[[");
        let answer = one(server.address, bytes.as_bytes()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        before.is_now(&server).await;
    }

    async fn b23_every_answer_is_json_that_nobody_keeps(server: TestApp) {
        let session = server.register("alice").await;
        let access = &session.access;
        let accept = "Accept: text/html\r\n";
        for line in ["GET /v1/me", "GET /v1/sessions", "GET /healthz", "GET /readyz"] {
            let headers = format!("{accept}Authorization: Bearer {access}\r\n");
            let answer = raw(&server, line, headers).await;
            assert_sober(line, &answer);
            assert_eq!(answer.status, 200, "{line}");
            assert_eq!(answer.header("content-type"), Some("application/json"), "{line}");
        }
        for (path, good) in [ROUTES[0], ROUTES[1]] {
            let headers = format!("{accept}Content-Type: application/json\r\n");
            let answer = one(server.address, &post(path, &headers, good.as_bytes())).await;
            assert_sober(path, &answer);
            assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        }
        for (line, status) in [("GET /v1/me", 401), ("GET /x", 404), ("GET /v1/login", 405)] {
            let answer = raw(&server, line, accept).await;
            assert_sober(line, &answer);
            assert_eq!(answer.status, status, "{line}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{line}");
        }
        for line in ["OPTIONS /v1/login", "OPTIONS /nowhere", "HEAD /v1/me"] {
            assert_sober(line, &raw_head(&server, line).await);
        }
        for path in ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server"] {
            let answer = raw(&server, &format!("GET {path}"), accept).await;
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
            assert!(answer.header("cache-control").is_some_and(|value| value.starts_with("public")));
        }
    }
}

/// As [`raw`], for answers that say how long a body would be and have none.
async fn raw_head(server: &TestApp, line: &str) -> RawAnswer {
    if !line.starts_with("HEAD") {
        return raw(server, line, "").await;
    }
    let path = line.trim_start_matches("HEAD ");
    let Answer { status, headers, text } = Answer::of(server.request(Method::HEAD, path)).await;
    let line = |name: &HeaderName| format!("{name}: {}\r\n", headers[name].to_str().expect("text"));
    let lines: Vec<String> = headers.keys().map(line).collect();
    let head = format!("HTTP/1.1 {}\r\n{}", status.as_u16(), lines.concat());
    RawAnswer { status: status.as_u16(), head, body: text.into_bytes() }
}

async fn get_as(server: &TestApp, path: &str, access: &str) -> RawAnswer {
    raw(server, &format!("GET {path}"), format!("Authorization: Bearer {access}\r\n")).await
}
