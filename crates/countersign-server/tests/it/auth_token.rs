//! The dialect `auth-token` as its clients know it: the tests of the document that it comes from,
//! then every row of its table, then what all dialects promise.

use std::ops::Deref;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::{Algorithm, Issuer, SigningKey};
use countersign_server::app::{App, Setup};
use countersign_server::clock::Clock;
use countersign_server::config::{Config, DialectConfig, Overrides, PasswordPolicy, SigningSecret};
use countersign_server::db::Kind;
use countersign_server::entropy::Entropy;
use countersign_server::http::{dialects, router::router};
use countersign_server::operations::Caller;
use countersign_server::sql;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::{Answer, PASSWORD, START, Session, TestApp};

sql! {
    PASSWORDS_AWAY = "ALTER TABLE passwords RENAME TO passwords_away";
    PASSWORDS_BACK = "ALTER TABLE passwords_away RENAME TO passwords";
    IDENTIFIERS_AWAY = "ALTER TABLE identifiers RENAME TO identifiers_away";
    IDENTIFIERS_BACK = "ALTER TABLE identifiers_away RENAME TO identifiers";
    SESSIONS_AWAY = "ALTER TABLE sessions RENAME TO sessions_away";
}

const EXISTS: &str = "User already exists. Please Log in.";
const UNKNOWN: &str = "User does not exist.";
const MALFORMED: &str = "Malformed request body.";
const MISSING: &str = "Provide an email and a password.";
const NO_TOKEN: &str = "Provide a valid auth token.";
const BAD_BEARER: &str = "Bearer token malformed.";
const EXPIRED: &str = "Signature expired. Please log in again.";
const INVALID: &str = "Invalid token. Please log in again.";
const BLACKLISTED: &str = "Token blacklisted. Please log in again.";

const SECRET: &str = "a configured secret of 32 bytes, or a few more";

/// A server with the dialect at its usual place.
struct Flask(TestApp);

impl Flask {
    async fn on_database(kind: Kind) -> Option<Self> {
        Self::with(kind, |_| {}).await
    }

    /// The dialect, and the rest of the configuration, as `change` has changed them.
    async fn with(kind: Kind, change: impl FnOnce(&mut Config)) -> Option<Self> {
        let server = TestApp::with(kind, |config| {
            config.dialects = vec![dialect()];
            change(config);
        });
        server.await.map(Self)
    }

    async fn on_sqlite(change: impl FnOnce(&mut Config)) -> Self {
        Self::with(Kind::Sqlite, change).await.expect("SQLite is always there")
    }

    async fn register_user(&self, email: &str, password: &str) -> Answer {
        self.post("/auth/register", json!({ "email": email, "password": password })).await
    }

    async fn login_user(&self, email: &str, password: &str) -> Answer {
        self.post("/auth/login", json!({ "email": email, "password": password })).await
    }

    /// Registers joe, as the document's tests do, and gives the token.
    async fn joe(&self) -> String {
        token(&self.register_user("joe@gmail.com", "123456").await)
    }

    async fn with_header(&self, method: Method, path: &str, authorization: &str) -> Answer {
        Answer::of(self.request(method, path).header(AUTHORIZATION, authorization)).await
    }

    async fn status(&self, token: &str) -> Answer {
        self.with_header(Method::GET, "/auth/status", &format!("Bearer {token}")).await
    }

    async fn logout(&self, token: &str) -> Answer {
        self.with_header(Method::POST, "/auth/logout", &format!("Bearer {token}")).await
    }

    /// What is answered to these bytes, until the server closes the connection.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.expect("the server listens");
        // The server may answer, and close, before it has read all.
        let (mut from, mut to) = stream.split();
        let (_, answer) = tokio::join!(to.write_all(request.as_bytes()), async {
            let mut answer = Vec::new();
            let _ = from.read_to_end(&mut answer).await;
            String::from_utf8(answer).expect("text")
        });
        answer
    }

    async fn post_body(&self, path: &str, content_type: Option<&str>, body: Vec<u8>) -> Answer {
        let mut request = self.request(Method::POST, path).body(body);
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        Answer::of(request).await
    }
}

impl Deref for Flask {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.0
    }
}

fn dialect() -> DialectConfig {
    DialectConfig { name: "auth-token".into(), ..DialectConfig::default() }
}

fn secret(text: &str) -> SigningSecret {
    SigningSecret::parse(text).expect("a secret")
}

fn token(answer: &Answer) -> String {
    answer.json()["auth_token"].as_str().unwrap_or_else(|| panic!("no token: {answer:?}")).into()
}

/// The JSON of one of a token's segments.
fn segment(token: &str, index: usize) -> Value {
    let segment = token.split('.').nth(index).expect("a segment");
    let bytes = URL_SAFE_NO_PAD.decode(segment).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[track_caller]
fn assert_fails(answer: &Answer, status: u16, message: &str) {
    let expected = json!({ "status": "fail", "message": message });
    assert_eq!((answer.status.as_u16(), answer.json()), (status, expected), "{answer:?}");
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
}

#[track_caller]
fn assert_token(answer: &Answer, status: u16, message: &str) {
    let expected = json!({ "status": "success", "message": message, "auth_token": token(answer) });
    assert_eq!((answer.status.as_u16(), answer.json()), (status, expected));
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
}

#[track_caller]
fn assert_logged_out(answer: &Answer) {
    let expected = json!({ "status": "success", "message": "Successfully logged out." });
    assert_eq!((answer.status.as_u16(), answer.json()), (200, expected));
}

on_each_database! {
    async fn seed_encode_and_decode_auth_token(flask: Flask) {
        let token = flask.joe().await;
        assert_eq!(segment(&token, 0), json!({ "alg": "HS256", "typ": "JWT" }));
        let claims = segment(&token, 1);
        let names: Vec<_> = claims.as_object().expect("an object").keys().collect();
        assert_eq!(names, ["exp", "iat", "jti", "sid", "sub"]);
        assert_eq!((&claims["sub"], &claims["iat"]), (&json!(1), &json!(START.seconds())));
        assert_eq!(claims["exp"], START.seconds() + 24 * 60 * 60);
        assert!(claims["jti"].is_string() && claims["sid"].is_string() && !token.contains('='));
    }

    async fn seed_registration(flask: Flask) {
        let registered = flask.register_user("joe@gmail.com", "123456").await;
        assert_token(&registered, 201, "Successfully registered.");
    }

    async fn seed_registered_with_already_registered_user(flask: Flask) {
        flask.joe().await;
        for email in ["joe@gmail.com", "JOE@gmail.com"] {
            assert_fails(&flask.register_user(email, "654321").await, 202, EXISTS);
        }
        assert_eq!(flask.users().await, 1);
    }

    async fn seed_registered_user_login(flask: Flask) {
        flask.joe().await;
        let answer = flask.login_user("joe@gmail.com", "123456").await;
        assert_token(&answer, 200, "Successfully logged in.");
        let answer = flask.login_user("Joe@Gmail.com", "123456").await;
        assert_token(&answer, 200, "Successfully logged in.");
    }

    async fn seed_non_registered_user_login(flask: Flask) {
        assert_fails(&flask.login_user("joe@gmail.com", "123456").await, 404, UNKNOWN);
        flask.joe().await;
        assert_fails(&flask.login_user("joe@gmail.com", "1234567").await, 404, UNKNOWN);
        assert_fails(&flask.login_user("no address", "123456").await, 404, UNKNOWN);
    }

    async fn seed_user_status(flask: Flask) {
        let token = flask.joe().await;
        let answer = flask.status(&token).await;
        let data = json!({
            "user_id": 1,
            "email": "joe@gmail.com",
            "admin": false,
            "registered_on": "Fri, 02 Jan 2026 03:04:05 GMT",
        });
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json(), json!({ "status": "success", "data": data }));

        let caller = Caller::command(START);
        let user = flask.app.find_user("1").await.expect("joe");
        flask.app.set_roles(&caller, &user.id, vec!["admin".into()]).await.expect("joe");
        assert_eq!(flask.status(&token).await.json()["data"]["admin"], true);
    }

    async fn seed_valid_logout(flask: Flask) {
        flask.joe().await;
        let token = token(&flask.login_user("joe@gmail.com", "123456").await);
        assert_logged_out(&flask.logout(&token).await);
    }

    async fn seed_invalid_logout(flask: Flask) {
        let token = flask.joe().await;
        flask.advance(Duration::from_hours(24) - Duration::from_secs(1)).await;
        assert_eq!(flask.status(&token).await.status, 200);
        flask.advance(Duration::from_secs(1)).await;
        assert_fails(&flask.logout(&token).await, 401, EXPIRED);
        assert_fails(&flask.status(&token).await, 401, EXPIRED);
    }

    async fn seed_valid_blacklisted_token(flask: Flask) {
        let (other, token) =
            (flask.joe().await, token(&flask.login_user("joe@gmail.com", "123456").await));
        assert_logged_out(&flask.logout(&token).await);
        assert_fails(&flask.logout(&token).await, 401, BLACKLISTED);
        assert_fails(&flask.status(&token).await, 401, BLACKLISTED);
        assert_eq!(flask.status(&other).await.status, 200, "another login is another session");
    }

    async fn seed_user_status_malformed_bearer_token(flask: Flask) {
        let token = flask.joe().await;
        for (method, path) in [(Method::GET, "/auth/status"), (Method::POST, "/auth/logout")] {
            for header in [
                format!("Bearer{token}"),
                format!("Bearer\t{token}"),
                format!("Bearer:{token}"),
                format!("JWT {token}"),
                format!("Basic {token}"),
                token.clone(),
            ] {
                let answer = flask.with_header(method.clone(), path, &header).await;
                assert_fails(&answer, 401, BAD_BEARER);
            }
        }
        for scheme in ["bearer", "BEARER"] {
            let header = format!("{scheme} {token}");
            let answer = flask.with_header(Method::GET, "/auth/status", &header).await;
            assert_eq!(answer.status, 200);
        }
    }

    async fn no_token_is_401_for_status_and_403_for_logout(flask: Flask) {
        let two_spaces = format!("Bearer  {}", flask.joe().await);
        for (method, path, status) in
            [(Method::GET, "/auth/status", 401), (Method::POST, "/auth/logout", 403)]
        {
            let answer = Answer::of(flask.request(method.clone(), path)).await;
            assert_fails(&answer, status, NO_TOKEN);
            // What follows the last visible character of a header does not reach anybody.
            for header in ["", "Bearer ", "Bearer  ", "Bearer"] {
                let answer = flask.with_header(method.clone(), path, header).await;
                assert_fails(&answer, status, NO_TOKEN);
            }
            let answer = flask.with_header(method, path, &two_spaces).await;
            assert_fails(&answer, status, NO_TOKEN);
        }
    }

    async fn anything_else_wrong_with_a_token_is_one_answer(flask: Flask) {
        let token = flask.joe().await;
        let mut parts = token.split('.');
        let (header, claims) = (parts.next().expect("three"), parts.next().expect("three"));
        let signature = parts.next().expect("three");
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        for bad in [
            "x".to_owned(),
            "a.b.c".to_owned(),
            format!("{header}.{claims}"),
            format!("{header}.{claims}."),
            format!("{none}.{claims}."),
            format!("{none}.{claims}.{signature}"),
            format!("{header}.{claims}.{}", &signature[1..]),
            format!("{token}."),
        ] {
            assert_fails(&flask.status(&bad).await, 401, INVALID);
            assert_fails(&flask.logout(&bad).await, 401, INVALID);
        }
        assert_fails(&flask.status(&format!("{token} x")).await, 401, INVALID);
        assert_eq!(flask.status(&token).await.status, 200);
    }

    async fn a_user_who_is_gone_has_no_valid_token_and_no_login(flask: Flask) {
        let caller = Caller::command(START);
        let (joe, ann) =
            (flask.joe().await, token(&flask.register_user("ann@x.org", "123456").await));
        let user = async |email: &str| flask.app.find_user(email).await.expect("the user").id;
        flask.app.disable(&caller, &user("joe@gmail.com").await).await.expect("disabled");
        flask.app.delete_user(&caller, &user("ann@x.org").await).await.expect("deleted");
        for token in [joe, ann] {
            assert_fails(&flask.status(&token).await, 401, INVALID);
            assert_fails(&flask.logout(&token).await, 401, INVALID);
        }
        assert_fails(&flask.login_user("joe@gmail.com", "123456").await, 404, UNKNOWN);
        assert_fails(&flask.login_user("ann@x.org", "123456").await, 404, UNKNOWN);
    }

    async fn bad_bodies_are_told_in_the_dialects_words(flask: Flask) {
        for path in ["/auth/register", "/auth/login"] {
            for malformed in [
                "",
                "null",
                "1",
                "[\"a@x.org\",\"123456\"]",
                "{",
                "{\"email\":\"a@x.org\",}",
                r#"{"email":1,"password":"123456"}"#,
                r#"{"email":"a@x.org","password":123456}"#,
                r#"{"email":"a@x.org","password":null}"#,
                r#"{"email":["a@x.org"],"password":"123456"}"#,
                r#"{"email":"a@x.org","email":"b@x.org","password":"123456"}"#,
                r#"{"email":"a@x.org","password":"\ud800"}"#,
            ] {
                let body = malformed.as_bytes().to_vec();
                let answer = flask.post_body(path, Some("application/json"), body).await;
                assert_fails(&answer, 400, MALFORMED);
            }
            let body = b"{\"email\":\"a@x.org\",\"password\":\"\xFF\"}".to_vec();
            let answer = flask.post_body(path, Some("application/json"), body).await;
            assert_fails(&answer, 400, MALFORMED);
            for missing in [
                json!({}),
                json!({ "email": "a@x.org" }),
                json!({ "password": "123456" }),
                json!({ "email": "", "password": "123456" }),
                json!({ "email": "a@x.org", "password": "" }),
            ] {
                assert_fails(&flask.post(path, missing).await, 400, MISSING);
            }
            let query = format!("{path}?email=a@x.org&password=123456");
            assert_fails(&flask.post(&query, json!({})).await, 400, MISSING);
        }
        assert_eq!(flask.users().await, 0);
    }

    async fn a_content_type_other_than_json_is_not_read(flask: Flask) {
        let body = br#"{"email":"a@x.org","password":"123456"}"#;
        for path in ["/auth/register", "/auth/login"] {
            for other in [
                Some("text/plain"),
                Some("application/x-www-form-urlencoded"),
                Some("multipart/form-data; boundary=x"),
                Some("application/json; charset=utf-16"),
                None,
            ] {
                let answer = flask.post_body(path, other, body.to_vec()).await;
                assert_fails(&answer, 415, "Unsupported content type.");
            }
        }
        let utf8 = Some("application/json; charset=utf-8");
        assert_eq!(flask.post_body("/auth/register", utf8, body.to_vec()).await.status, 201);
    }

    async fn b16_a_body_that_is_too_large_is_refused_as_natively(flask: Flask) {
        for path in ["/auth/register", "/auth/login"] {
            let body = json!({ "email": "a@x.org", "password": "a".repeat(1 << 17) });
            let (old, native) =
                (flask.post(path, body.clone()).await, flask.post("/v1/login", body).await);
            assert_eq!((old.status.as_u16(), &old.text), (413, &native.text));
        }
        let large = "a".repeat(1 << 17);
        let chunked = format!(
            "POST /auth/login HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n20000\r\n{large}",
            flask.address
        );
        let answer = flask.raw(&chunked).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("body_too_large"), "{answer}");
    }

    async fn an_unknown_path_or_method_is_answered_natively(flask: Flask) {
        let answer = flask.post("/auth/unknown", json!({})).await;
        assert_eq!(answer.code(), (404, "not_found".into()));
        let answer = Answer::of(flask.request(Method::GET, "/auth/login")).await;
        assert_eq!(answer.code().0, 405);
    }

    async fn b4_unknown_members_are_passed_over_and_make_nobody_an_admin(flask: Flask) {
        let body = json!({
            "email": "joe@gmail.com", "password": "123456", "admin": true, "role": "admin",
            "roles": ["admin"], "user_id": 7, "id": 7, "__proto__": { "admin": true },
        });
        let registered = flask.post("/auth/register", body).await;
        assert_token(&registered, 201, "Successfully registered.");
        let data = flask.status(&token(&registered)).await.json()["data"].clone();
        assert_eq!((&data["admin"], &data["user_id"]), (&json!(false), &json!(1)));
    }

    async fn only_an_address_and_a_password_that_can_be_one_register(flask: Flask) {
        for email in [
            "joe",
            "joe@",
            "+442079460958",
            "a b@x.org",
            "joe@gmail.com\r\nBcc: a@x.org",
            "j\0oe@x.org",
        ] {
            let refused = flask.register_user(email, "123456").await;
            assert_fails(&refused, 400, "Provide a valid email.");
        }
        let refused = flask.register_user("joe@gmail.com", &"a".repeat(1025)).await;
        assert_fails(&refused, 400, "the password must have at most 1024 characters");
        assert_eq!(flask.users().await, 0);
        assert_eq!(flask.register_user("joe@gmail.com", "1").await.status, 201);
    }

    async fn d1_a_failing_database_is_told_in_the_dialects_words(flask: Flask) {
        let joe = flask.joe().await;
        flask.execute(PASSWORDS_AWAY, vec![]).await;
        let refused = flask.register_user("ann@x.org", "123456").await;
        assert_fails(&refused, 401, "Some error occurred. Please try again.");
        assert_fails(&flask.login_user("joe@gmail.com", "123456").await, 500, "Try again");
        flask.execute(PASSWORDS_BACK, vec![]).await;
        flask.execute(IDENTIFIERS_AWAY, vec![]).await;
        let status = flask.status(&joe).await;
        assert_fails(&status, 503, "Try again");
        assert!(status.headers.contains_key(RETRY_AFTER));
        flask.execute(IDENTIFIERS_BACK, vec![]).await;
        assert_eq!(flask.status(&joe).await.status, 200);
        assert_eq!(flask.users().await, 1, "a registration that failed left nothing");

        flask.execute(SESSIONS_AWAY, vec![]).await;
        assert_fails(&flask.login_user("joe@gmail.com", "123456").await, 500, "Try again");
        let logout = flask.logout(&joe).await;
        assert_fails(&logout, 503, "Try again");
        assert!(logout.headers.contains_key(RETRY_AFTER));
    }

    async fn it_is_one_system_with_the_native_api(flask: Flask) {
        let old = flask.joe().await;
        let body = json!({ "identifier": "joe@gmail.com", "password": "123456" });
        let native = Session::read(&flask.post("/v1/login", body).await.json());
        let refused = flask.get("/v1/me", &old).await;
        assert_eq!(refused.code(), (401, "invalid_token".into()));
        assert_fails(&flask.status(&native.access).await, 401, INVALID);
        assert_fails(&flask.logout(&native.access).await, 401, INVALID);
        let sessions = flask.get("/v1/sessions", &native.access).await.json();
        assert_eq!(sessions["sessions"].as_array().map(Vec::len), Some(2));

        let all = json!({ "scope": "all" });
        let out = flask.send(Method::POST, "/v1/logout", &native.access, all).await;
        assert_eq!(out.status, 204);
        assert_fails(&flask.status(&old).await, 401, BLACKLISTED);
        assert_fails(&flask.logout(&old).await, 401, BLACKLISTED);
    }

    async fn whoever_registered_natively_logs_in_here_with_what_they_have(flask: Flask) {
        let body = json!({ "email": "Joe@Gmail.com", "username": "joe", "password": PASSWORD });
        assert_eq!(flask.post("/v1/register", body).await.status, 201);
        for identifier in ["joe@gmail.com", "JOE"] {
            let token = token(&flask.login_user(identifier, PASSWORD).await);
            assert_eq!(flask.status(&token).await.json()["data"]["email"], "Joe@Gmail.com");
        }
        assert_fails(&flask.register_user("joe@gmail.com", "123456").await, 202, EXISTS);
    }
}

/// With limits, few lanes, and the server's policy.
struct Strict(Flask);

impl Strict {
    async fn on_database(kind: Kind) -> Option<Self> {
        let flask = Flask::with(kind, |config| {
            config.limits.enabled = true;
            config.dialects[0].password_policy = PasswordPolicy::Server;
        });
        flask.await.map(Self)
    }
}

on_each_database! {
    async fn p10_the_servers_policy_holds_where_it_is_asked_for(server: Strict) {
        let Strict(flask) = server;
        for (password, reason) in [
            ("123456", "the password must have at least 8 characters"),
            ("password1", "this password is among the most common ones; choose another"),
            ("joe@gmail.com", "the password is your own name, address or number; choose another"),
        ] {
            assert_fails(&flask.register_user("joe@gmail.com", password).await, 400, reason);
        }
        assert_eq!(flask.register_user("joe@gmail.com", PASSWORD).await.status, 201);
    }

    async fn p17_too_many_attempts_are_told_in_the_dialects_words(server: Strict) {
        let Strict(flask) = server;
        for _ in 0..5 {
            assert_fails(&flask.login_user("joe@gmail.com", "123456").await, 404, UNKNOWN);
        }
        let refused = flask.login_user("joe@gmail.com", "123456").await;
        assert_fails(&refused, 429, "Too many attempts. Please try again later.");
        assert_eq!(refused.headers[RETRY_AFTER], "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_moves_every_path() {
    let flask = Flask::on_sqlite(|config| config.dialects[0].prefix = "/old".into()).await;
    let body = json!({ "email": "joe@gmail.com", "password": "123456" });
    assert_eq!(flask.post("/auth/register", body.clone()).await.code(), (404, "not_found".into()));
    assert_eq!(flask.post("/old/auth/register", body.clone()).await.status, 201);
    let bearer = format!("Bearer {}", token(&flask.post("/old/auth/login", body).await));
    let status = flask.with_header(Method::GET, "/old/auth/status", &bearer).await;
    assert_eq!(status.status, 200);
    assert_logged_out(&flask.with_header(Method::POST, "/old/auth/logout", &bearer).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_live_as_long_as_configured_and_their_sessions_as_well() {
    let five = Duration::from_secs(5);
    let flask = Flask::on_sqlite(|config| config.dialects[0].access_ttl = Some(five)).await;
    let token = flask.joe().await;
    assert_eq!(segment(&token, 1)["exp"], START.seconds() + 5);
    flask.advance(five).await;
    assert_fails(&flask.status(&token).await, 401, EXPIRED);
    assert_fails(&flask.logout(&token).await, 401, EXPIRED);
    let user = flask.app.find_user("joe@gmail.com").await.expect("joe");
    let caller = Caller::command(flask.app.clock.now());
    assert_eq!(flask.app.sessions_of(&user.id, &caller).await.expect("a list"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_is_remembered_as_long_as_the_dialects_tokens_live() {
    let flask = Flask::on_sqlite(|_| {}).await;
    let token = flask.joe().await;
    assert_logged_out(&flask.logout(&token).await);
    flask.advance(Duration::from_hours(23)).await;
    flask.app.purge(flask.app.clock.now()).await.expect("the database answers");
    let flask = Flask(flask.0.restart().await);
    assert_fails(&flask.status(&token).await, 401, BLACKLISTED);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configured_secret_signs_and_what_else_it_signed_is_looked_at_closely() {
    let flask = Flask::on_sqlite(|config| config.dialects[0].secret = Some(secret(SECRET))).await;
    let token = flask.joe().await;
    let key = |text: &str| {
        SigningKey::from_secret(Algorithm::Hs256, None, text.as_bytes()).expect("a key")
    };
    let issuer = Issuer::new(key(SECRET));
    let claims = segment(&token, 1);
    let signed = issuer.sign("JWT", &claims).expect("a token");
    assert_eq!(flask.status(&signed).await.status, 200, "anybody with the secret can verify it");
    let other = Issuer::new(key("another secret that has 32 bytes or more"));
    let forged = other.sign("JWT", &claims).expect("a token");
    assert_fails(&flask.status(&forged).await, 401, INVALID);
    let as_native = issuer.sign("at+jwt", &claims).expect("a token");
    assert_fails(&flask.status(&as_native).await, 401, INVALID);
    for (member, value) in [
        ("sub", json!("1")),
        ("sub", json!(999)),
        ("sid", json!(null)),
        ("jti", json!(7)),
        ("iat", json!(null)),
        ("iat", json!(START.seconds() + 3600)),
    ] {
        let mut changed = claims.clone();
        changed[member] = value.clone();
        let signed = issuer.sign("JWT", &changed).expect("a token");
        assert_fails(&flask.status(&signed).await, 401, INVALID);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d9_a_weak_secret_signs_only_where_that_is_allowed() {
    let weak = |allowed| DialectConfig {
        secret: Some(secret("my_precious")),
        allow_weak_secret: allowed,
        ..dialect()
    };
    let problem = mount(vec![weak(false)]).await.expect_err("refused");
    assert!(problem.contains("auth-token") && !problem.contains("my_precious"), "{problem}");
    let flask = Flask::on_sqlite(|config| config.dialects = vec![weak(true)]).await;
    let token = flask.joe().await;
    assert_eq!(flask.status(&token).await.status, 200);

    let known = "[[dialects]]\nname = \"auth-token\"\nsecret = \"my_precious\"\n";
    let folder = tempfile::tempdir().expect("there is room");
    let file = folder.path().join("countersign.toml");
    std::fs::write(&file, known).expect("there is room");
    let load = || Config::load(Some(&file), [], &Overrides::default(), &dialects::names());
    let problem = load().expect_err("refused").to_string();
    assert!(problem.contains("dialects.0.secret") && !problem.contains("my_precious"), "{problem}");
    std::fs::write(&file, format!("{known}allow_weak_secret = true")).expect("there is room");
    load().expect("allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_claim_a_path_are_refused_with_both_names_and_the_path() {
    let problem = mount(vec![dialect(), dialect()]).await.expect_err("refused");
    assert_eq!(problem.matches("auth-token").count(), 2, "{problem}");
    assert!(problem.contains("POST /auth/register"), "{problem}");
    let apart = DialectConfig { prefix: "/old".into(), ..dialect() };
    mount(vec![dialect(), apart]).await.expect("no path is claimed twice");
    let unknown = DialectConfig { name: "esperanto".into(), ..dialect() };
    assert!(mount(vec![unknown]).await.expect_err("refused").contains("esperanto"));
}

/// Puts the routes of these dialects together, as a start does.
pub(crate) async fn mount(dialects: Vec<DialectConfig>) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("there is room");
    let mut config = crate::server::test_config();
    config.data_dir = folder.path().to_owned();
    config.dialects = dialects;
    let setup = Setup {
        dialects_access_ttl: dialects::longest_access_ttl(&config),
        mirrored: dialects::mirror::mirrored(&config),
        shapes: dialects::shapes(&config),
        dialects_want_client_sha256: dialects::want_client_sha256(&config),
        config,
        master_secret: None,
        clock: Clock::manual(START),
        entropy: Entropy::System,
        command: true,
    };
    let (app, _) = App::build(setup).await.expect("the app starts");
    router(&app).map(drop).map_err(|error| error.to_string())
}
