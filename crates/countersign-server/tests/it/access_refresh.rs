//! The dialect `access-refresh` as its clients know it: every row of its table, then what all
//! dialects promise.

use std::ops::Deref;
use std::time::Duration;

use countersign_server::config::{Config, DialectConfig, ListUsers};
use countersign_server::db::Kind;
use countersign_server::sql;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::flask::{OLD_SECRET, SECRET, dialect, segment, sign, strict, undecodable};
use crate::server::{Answer, PASSWORD, START, Session, TestApp};

sql! {
    PASSWORDS_AWAY = "ALTER TABLE passwords RENAME TO passwords_away";
    PASSWORDS_BACK = "ALTER TABLE passwords_away RENAME TO passwords";
    USERS_AWAY = "ALTER TABLE users RENAME TO users_away";
    USERS_BACK = "ALTER TABLE users_away RENAME TO users";
    NODES_AWAY = "ALTER TABLE nodes RENAME TO nodes_away";
    EVENTS_AWAY = "ALTER TABLE events RENAME TO events_away";
    EVENTS_BACK = "ALTER TABLE events_away RENAME TO events";
    COUNT_SESSIONS = "SELECT COUNT(*) FROM sessions";
    COUNT_DELETIONS = "SELECT COUNT(*) FROM events WHERE kind = 'user_deleted'";
}

const NAME: &str = "access-refresh";
const BLANK: &str = "This field cannot be blank";
const REVOKED: &str = "Token has been revoked";
const MISSING_BEARER: &str =
    "Missing 'Bearer' type in 'Authorization' header. Expected 'Authorization: Bearer <JWT>'";
const BAD_HEADER: &str = "Bad Authorization header. Expected 'Authorization: Bearer <JWT>'";

/// Every protected route, and which kind of token it takes.
const PROTECTED: [(Method, &str, &str); 6] = [
    (Method::GET, "/secret", "access"),
    (Method::GET, "/users", "access"),
    (Method::DELETE, "/users", "access"),
    (Method::POST, "/logout/access", "access"),
    (Method::POST, "/logout/refresh", "refresh"),
    (Method::POST, "/token/refresh", "refresh"),
];

/// A server with the dialect at its usual place.
struct Flask(TestApp);

/// What a login answers.
#[derive(Clone)]
struct Pair {
    access: String,
    refresh: String,
}

impl Pair {
    #[track_caller]
    fn read(answer: &Answer, message: &str) -> Self {
        let body = answer.json();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let pair = Self { access: text("access_token"), refresh: text("refresh_token") };
        answer.is(
            200,
            json!({ "message": message, "access_token": pair.access, "refresh_token": pair.refresh }),
        );
        pair
    }
}

impl Flask {
    async fn on_database(kind: Kind) -> Option<Self> {
        Self::with(kind, |_| {}).await
    }

    /// The dialect, and the rest of the configuration, as `change` has changed them.
    async fn with(kind: Kind, change: impl FnOnce(&mut Config)) -> Option<Self> {
        let server = TestApp::with(kind, |config| {
            config.dialects = vec![dialect(NAME)];
            change(config);
        });
        server.await.map(Self)
    }

    async fn on_sqlite(change: impl FnOnce(&mut Config)) -> Self {
        Self::with(Kind::Sqlite, change).await.expect("SQLite is always there")
    }

    async fn registration(&self, username: &str, password: &str) -> Answer {
        let body = json!({ "username": username, "password": password });
        self.post("/registration", body).await
    }

    async fn login(&self, username: &str, password: &str) -> Answer {
        self.post("/login", json!({ "username": username, "password": password })).await
    }

    async fn registered(&self, username: &str) -> Pair {
        let answer = self.registration(username, "test").await;
        Pair::read(&answer, &format!("User {username} was created"))
    }

    async fn logged_in(&self, username: &str) -> Pair {
        Pair::read(&self.login(username, "test").await, &format!("Logged in as {username}"))
    }

    async fn bearer(&self, method: Method, path: &str, token: &str) -> Answer {
        self.authorized(method, path, &format!("Bearer {token}")).await
    }

    async fn secret(&self, token: &str) -> Answer {
        self.bearer(Method::GET, "/secret", token).await
    }

    async fn refresh_token(&self, token: &str) -> Answer {
        self.bearer(Method::POST, "/token/refresh", token).await
    }

    /// The access token that a good refresh token brings.
    async fn refreshed(&self, token: &str) -> String {
        let answer = self.refresh_token(token).await;
        let access = answer.json()["access_token"].as_str().unwrap_or_default().to_owned();
        answer.is(200, json!({ "access_token": access }));
        self.assert_good(&access).await;
        access
    }

    async fn assert_good(&self, access: &str) {
        self.secret(access).await.is(200, json!({ "answer": 42 }));
    }

    async fn log_out_access(&self, token: &str) {
        let answer = self.bearer(Method::POST, "/logout/access", token).await;
        answer.is(200, json!({ "message": "Access token has been revoked" }));
    }

    async fn log_out_refresh(&self, token: &str) {
        let answer = self.bearer(Method::POST, "/logout/refresh", token).await;
        answer.is(200, json!({ "message": "Refresh token has been revoked" }));
    }

    async fn assert_revoked(&self, pair: &Pair) {
        self.secret(&pair.access).await.is_msg(401, REVOKED);
        for path in ["/token/refresh", "/logout/refresh"] {
            self.bearer(Method::POST, path, &pair.refresh).await.is_msg(401, REVOKED);
        }
    }
}

impl Deref for Flask {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.0
    }
}

fn message(text: &str) -> Value {
    json!({ "message": text })
}

/// A form of one part for each field.
fn multipart(fields: &[(&str, &str)]) -> Vec<u8> {
    let part = |(name, value): &(&str, &str)| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let parts: Vec<String> = fields.iter().map(part).collect();
    (parts.concat() + "--x--\r\n").into_bytes()
}

/// A token of the older system, as flask-jwt-extended 4 minted them.
fn old_token(kind: &str, jti: &str, username: &str) -> String {
    let now = START.seconds() - 60;
    let life = if kind == "access" { 900 } else { 30 * 24 * 3600 };
    sign(
        OLD_SECRET,
        &json!({
            "fresh": false, "iat": now, "jti": jti, "type": kind, "sub": username, "nbf": now,
            "csrf": "8a3e", "exp": now + life,
        }),
    )
}

on_each_database! {
    async fn whoever_asks_is_greeted(flask: Flask) {
        Answer::of(flask.request(Method::GET, "/")).await.is(200, message("Hello, World!"));
    }

    async fn a_new_user_gets_both_tokens(flask: Flask) {
        let pair = flask.registered("test").await;
        for (token, kind, life) in
            [(&pair.access, "access", 15 * 60), (&pair.refresh, "refresh", 30 * 24 * 3600)]
        {
            assert_eq!(segment(token, 0), json!({ "alg": "HS256", "typ": "JWT" }));
            let claims = segment(token, 1);
            let names: Vec<_> = claims.as_object().expect("an object").keys().collect();
            let expected = ["csrf", "exp", "fresh", "iat", "jti", "nbf", "sid", "sub", "type"];
            assert_eq!(names, expected);
            let now = START.seconds();
            assert_eq!((&claims["fresh"], &claims["type"]), (&json!(false), &json!(kind)));
            assert_eq!((&claims["iat"], &claims["nbf"]), (&json!(now), &json!(now)));
            assert_eq!((&claims["sub"], &claims["exp"]), (&json!("test"), &json!(now + life)));
        }
        assert_ne!(segment(&pair.access, 1)["jti"], segment(&pair.refresh, 1)["jti"]);
        flask.assert_good(&pair.access).await;
    }

    async fn a_name_that_is_taken_is_told_as_it_is_stored(flask: Flask) {
        flask.registered("Test").await;
        for name in ["Test", "test", " TEST "] {
            let answer = flask.registration(name, "other").await;
            answer.is(200, message("User Test already exists"));
        }
        assert_eq!(flask.users().await, 1);
    }

    async fn the_first_missing_field_is_told_and_an_empty_one_is_missing(flask: Flask) {
        let blank = |name: &str| json!({ "message": { name: BLANK } });
        for path in ["/registration", "/login"] {
            for (body, missing) in [
                (json!({}), "username"),
                (json!({ "password": "test" }), "username"),
                (json!({ "username": "", "password": "test" }), "username"),
                (json!({ "username": "test" }), "password"),
                (json!({ "username": "test", "password": "" }), "password"),
            ] {
                flask.post(path, body).await.is(400, blank(missing));
            }
            let query = format!("{path}?username=test&password=test");
            Answer::of(flask.request(Method::POST, &query)).await.is(400, blank("username"));
            let form = "application/x-www-form-urlencoded";
            flask.post_as(path, form, b"password=test").await.is(400, blank("username"));
            flask.post_as(path, form, b"username=test").await.is(400, blank("password"));
        }
        assert_eq!(flask.users().await, 0);
    }

    async fn a_body_is_json_or_a_form_of_either_kind(flask: Flask) {
        let form = "application/x-www-form-urlencoded";
        let answer = flask.post_as("/registration", form, b"username=a+b%2Dc&password=test").await;
        answer.is(400, json!({ "message": { "username": "This username cannot be used" } }));
        let body = b"username=anna&password=t%C3%A9st+%26";
        Pair::read(&flask.post_as("/registration", form, body).await, "User anna was created");
        let body = multipart(&[("username", "anna"), ("password", "t\u{e9}st &")]);
        let answer = flask.post_as("/login", "multipart/form-data; boundary=x", &body).await;
        Pair::read(&answer, "Logged in as anna");
        Pair::read(&flask.login("anna", "t\u{e9}st &").await, "Logged in as anna");
        let body = multipart(&[("username", "bert"), ("password", "test")]);
        let answer = flask.post_as("/registration", "multipart/form-data; boundary=x", &body).await;
        Pair::read(&answer, "User bert was created");
    }

    async fn bad_bodies_are_told_in_the_dialects_words(flask: Flask) {
        let json = "application/json";
        for path in ["/registration", "/login"] {
            for malformed in [
                "", "null", "1", "[\"test\",\"test\"]", "{",
                r#"{"username":5,"password":"test"}"#,
                r#"{"username":"test","password":123456}"#,
                r#"{"username":"test","password":null}"#,
                r#"{"username":null,"password":"test"}"#,
                r#"{"username":true,"password":"test"}"#,
                r#"{"username":["test"],"password":"test"}"#,
                r#"{"username":"test","username":"other","password":"test"}"#,
            ] {
                let answer = flask.post_as(path, json, malformed.as_bytes()).await;
                answer.is(400, message("Malformed request body"));
            }
            for (content_type, body) in [
                (json, &b"{\"username\":\"test\",\"password\":\"\xFF\"}"[..]),
                ("application/x-www-form-urlencoded", b"username=test&password=%FF"),
                ("application/x-www-form-urlencoded", b"username=a&username=b&password=c"),
                ("multipart/form-data; boundary=x", b"--y"),
                ("multipart/form-data", b"--x--"),
            ] {
                let answer = flask.post_as(path, content_type, body).await;
                answer.is(400, message("Malformed request body"));
            }
            for other in ["text/plain", "application/xml", "application/json; charset=utf-16"] {
                let body = br#"{"username":"test","password":"test"}"#;
                let answer = flask.post_as(path, other, body).await;
                answer.is(415, message("Unsupported content type"));
            }
            let large = json!({ "username": "test", "password": "a".repeat(1 << 17) });
            let native = flask.post("/v1/login", large.clone()).await;
            let answer = flask.post(path, large).await;
            assert_eq!((answer.status.as_u16(), answer.text), (413, native.text));
        }
        assert_eq!(flask.users().await, 0);
    }

    async fn only_a_name_and_a_password_that_can_be_one_register(flask: Flask) {
        for name in ["a b", "-", "te\0st", "test\r\nx: y", "joe@", "+1", &"x".repeat(65)] {
            let answer = flask.registration(name, "test").await;
            answer.is(400, json!({ "message": { "username": "This username cannot be used" } }));
        }
        for (password, reason) in [
            (" ", "the password must not be empty or only spaces"),
            (&*"a".repeat(1025), "the password must have at most 1024 characters"),
        ] {
            let answer = flask.registration("test", password).await;
            answer.is(400, json!({ "message": { "password": reason } }));
        }
        let mut body = json!({ "username": "test", "password": "1" });
        for unknown in ["admin", "role", "roles", "id"] {
            body[unknown] = json!(["admin"]);
        }
        Pair::read(&flask.post("/registration", body).await, "User test was created");
        assert!(!flask.app.find_user("test").await.expect("a user").is_admin());
    }

    async fn a_login_tells_who_it_is_or_what_is_wrong(flask: Flask) {
        flask.registered("Test").await;
        let pair = Pair::read(&flask.login("test", "test").await, "Logged in as Test");
        assert_eq!(segment(&pair.access, 1)["sub"], "Test");
        flask.login("Test", "Test").await.is(200, message("Wrong credentials"));
        flask.login("nobody", "test").await.is(200, message("User nobody doesn't exist"));
        flask.login("no body", "test").await.is(200, message("User no body doesn't exist"));
        flask.disable("Test").await;
        for password in ["test", "Test"] {
            flask.login("Test", password).await.is(200, message("Wrong credentials"));
        }
    }

    async fn a_refresh_token_brings_access_tokens_as_long_as_it_lives(flask: Flask) {
        let pair = flask.registered("test").await;
        let first = flask.refreshed(&pair.refresh).await;
        let second = flask.refreshed(&pair.refresh).await;
        let (was, is) = (segment(&first, 1), segment(&second, 1));
        assert_ne!(was["jti"], is["jti"]);
        assert_eq!((&is["sub"], &is["type"]), (&json!("test"), &json!("access")));
        assert_eq!(is["sid"], segment(&pair.refresh, 1)["sid"]);
        for access in [&pair.access, &first, &second] {
            flask.assert_good(access).await;
        }
        flask.advance(Duration::from_mins(15)).await;
        flask.secret(&second).await.is_msg(401, "Token has expired");
        flask.refreshed(&pair.refresh).await;
        flask.advance(Duration::from_hours(24 * 30) - Duration::from_mins(16)).await;
        let last = flask.refreshed(&pair.refresh).await;
        flask.advance(Duration::from_mins(1)).await;
        flask.refresh_token(&pair.refresh).await.is_msg(401, "Token has expired");
        flask.secret(&last).await.is_msg(401, "Token has expired");
        assert_eq!(flask.live("test").await, 0);
        assert_eq!(flask.count(COUNT_SESSIONS).await, 1, "one row, however often it was used");
    }

    async fn many_refreshes_at_once_all_bring_a_token_of_their_own(flask: Flask) {
        let pair = flask.registered("test").await;
        let answers = join_all((0..16).map(|_| flask.refresh_token(&pair.refresh))).await;
        let mut ids: Vec<String> = Vec::new();
        for answer in answers {
            assert_eq!(answer.status, 200, "{answer:?}");
            let token = answer.json()["access_token"].as_str().expect("a token").to_owned();
            ids.push(segment(&token, 1)["jti"].to_string());
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 16);
    }

    async fn logging_out_the_access_token_leaves_the_refresh_token_alive(flask: Flask) {
        let pair = flask.registered("test").await;
        let other = flask.refreshed(&pair.refresh).await;
        flask.log_out_access(&pair.access).await;
        flask.secret(&pair.access).await.is_msg(401, REVOKED);
        let again = flask.bearer(Method::POST, "/logout/access", &pair.access).await;
        again.is_msg(401, REVOKED);
        flask.assert_good(&other).await;
        flask.refreshed(&pair.refresh).await;
        assert_eq!(flask.live("test").await, 1);

        let flask = Flask(flask.0.restart().await);
        flask.secret(&pair.access).await.is_msg(401, REVOKED);
        flask.assert_good(&other).await;
    }

    async fn logging_out_the_refresh_token_leaves_access_tokens_alive(flask: Flask) {
        let pair = flask.registered("test").await;
        flask.advance(Duration::from_mins(10)).await;
        let last = flask.refreshed(&pair.refresh).await;
        flask.advance(Duration::from_mins(1)).await;
        flask.log_out_refresh(&pair.refresh).await;
        for path in ["/token/refresh", "/logout/refresh"] {
            flask.bearer(Method::POST, path, &pair.refresh).await.is_msg(401, REVOKED);
        }
        flask.assert_good(&pair.access).await;
        flask.advance(Duration::from_mins(14) - Duration::from_secs(1)).await;
        flask.assert_good(&last).await;
        assert_eq!(flask.live("test").await, 1);
        flask.advance(Duration::from_secs(1)).await;
        flask.secret(&last).await.is_msg(401, "Token has expired");
        assert_eq!(flask.live("test").await, 0, "its last access token is over");
        flask.refresh_token(&pair.refresh).await.is_msg(401, REVOKED);

        flask.advance(Duration::from_hours(24 * 29)).await;
        flask.purge().await;
        let flask = Flask(flask.0.restart().await);
        flask.refresh_token(&pair.refresh).await.is_msg(401, REVOKED);
    }

    async fn with_its_last_access_token_and_its_refresh_token_the_session_ends(flask: Flask) {
        let (one, other) = (flask.registered("test").await, flask.logged_in("test").await);
        flask.log_out_access(&one.access).await;
        assert_eq!(flask.live("test").await, 2);
        flask.log_out_refresh(&one.refresh).await;
        assert_eq!(flask.live("test").await, 1);
        flask.assert_revoked(&one).await;

        let last = flask.refreshed(&other.refresh).await;
        flask.log_out_refresh(&other.refresh).await;
        flask.log_out_access(&other.access).await;
        assert_eq!(flask.live("test").await, 1, "the last one is alive");
        flask.log_out_access(&last).await;
        assert_eq!(flask.live("test").await, 0);
    }

    async fn what_is_wrong_with_a_token_is_told_as_flask_jwt_extended_4_does(flask: Flask) {
        let pair = flask.registered("test").await;
        for (method, path, wanted) in PROTECTED {
            let (good, other) = match wanted {
                "access" => (&pair.access, &pair.refresh),
                _ => (&pair.refresh, &pair.access),
            };
            let answer = Answer::of(flask.request(method.clone(), path)).await;
            answer.is_msg(401, "Missing Authorization Header");
            for (header, status, msg) in [
                (String::new(), 401, "Missing Authorization Header"),
                (format!("JWT {good}"), 401, MISSING_BEARER),
                (format!("bearer {good}"), 401, MISSING_BEARER),
                (good.clone(), 401, MISSING_BEARER),
                (format!("Bearer{good}"), 401, MISSING_BEARER),
                ("Bearer".to_owned(), 422, BAD_HEADER),
                (format!("Bearer {good} x"), 422, BAD_HEADER),
            ] {
                flask.authorized(method.clone(), path, &header).await.is_msg(status, msg);
            }
            let wrong = flask.bearer(method.clone(), path, other).await;
            wrong.is_msg(422, match wanted {
                "access" => "Only non-refresh tokens are allowed",
                _ => "Only refresh tokens are allowed",
            });
            for (bad, msg) in undecodable(good) {
                flask.bearer(method.clone(), path, &bad).await.is_msg(422, msg);
            }
        }
        flask.assert_good(&pair.access).await;
        flask.refreshed(&pair.refresh).await;
    }

    async fn a_token_is_expired_before_it_is_of_the_wrong_type_and_that_before_revoked(flask: Flask) {
        let pair = flask.registered("test").await;
        flask.log_out_everywhere("test").await;
        flask.refresh_token(&pair.access).await.is_msg(422, "Only refresh tokens are allowed");
        flask.secret(&pair.refresh).await.is_msg(422, "Only non-refresh tokens are allowed");
        flask.assert_revoked(&pair).await;
        flask.advance(Duration::from_mins(15)).await;
        for (method, path, wanted) in PROTECTED {
            let answer = flask.bearer(method, path, &pair.access).await;
            answer.is_msg(401, "Token has expired");
            assert!(!wanted.is_empty());
        }
    }

    async fn a_user_who_is_gone_cannot_be_loaded(flask: Flask) {
        let (anna, bert) = (flask.registered("anna").await, flask.registered("Bert").await);
        flask.disable("anna").await;
        flask.delete("Bert").await;
        for (pair, name) in [(anna, "anna"), (bert, "Bert")] {
            for (method, path, wanted) in PROTECTED {
                let token = if wanted == "access" { &pair.access } else { &pair.refresh };
                let answer = flask.bearer(method, path, token).await;
                answer.is_msg(401, &format!("Error loading the user {name}"));
            }
        }
        // Long after, when no node keeps in memory what has ended.
        let pair = flask.registered("cleo").await;
        flask.disable("cleo").await;
        flask.advance(Duration::from_hours(24 * 3)).await;
        flask.purge().await;
        let answer = flask.refresh_token(&pair.refresh).await;
        answer.is_msg(401, "Error loading the user cleo");
    }

    async fn admins_list_all_users_and_others_nobody(flask: Flask) {
        let (anna, bert) = (flask.registered("Anna").await, flask.registered("bert").await);
        let body = json!({ "email": "Cleo@x.org", "username": "cleo", "password": PASSWORD });
        assert_eq!(flask.post("/v1/register", body).await.status, 201);
        flask.make_admin("Anna").await;
        flask.bearer(Method::GET, "/users", &bert.access).await.is_msg(403, "Admins only");
        let answer = flask.bearer(Method::GET, "/users", &anna.access).await;
        let user = |name: &str| json!({ "username": name });
        answer.is(200, json!({ "users": [user("Anna"), user("bert"), user("cleo")] }));
    }

    async fn nobody_deletes_users_where_that_is_not_allowed(flask: Flask) {
        let (anna, bert) = (flask.registered("anna").await, flask.registered("bert").await);
        flask.make_admin("anna").await;
        for pair in [anna, bert] {
            let answer = flask.bearer(Method::DELETE, "/users", &pair.access).await;
            answer.is_msg(403, "Admins only");
        }
        assert_eq!(flask.users().await, 2);
    }

    async fn a_failing_database_is_told_in_the_dialects_words(flask: Flask) {
        let pair = flask.registered("test").await;
        flask.make_admin("test").await;
        let wrong = || message("Something went wrong");
        flask.execute(PASSWORDS_AWAY, vec![]).await;
        flask.registration("anna", "test").await.is(500, wrong());
        flask.login("test", "test").await.is_for_later(503, wrong());
        flask.execute(PASSWORDS_BACK, vec![]).await;
        assert_eq!(flask.users().await, 1, "a registration that failed left nothing");

        flask.execute(USERS_AWAY, vec![]).await;
        for (method, path, status, token) in [
            (Method::POST, "/logout/access", 500, &pair.access),
            (Method::POST, "/logout/refresh", 500, &pair.refresh),
            (Method::DELETE, "/users", 200, &pair.access),
        ] {
            flask.bearer(method, path, token).await.is(status, wrong());
        }
        flask.bearer(Method::GET, "/users", &pair.access).await.is_for_later(503, wrong());
        flask.refresh_token(&pair.refresh).await.is_for_later(503, wrong());
        flask.assert_good(&pair.access).await;
        flask.execute(USERS_BACK, vec![]).await;
        flask.refreshed(&pair.refresh).await;
    }

    async fn a_node_that_is_out_of_touch_says_so(flask: Flask) {
        let pair = flask.registered("test").await;
        flask.execute(NODES_AWAY, vec![]).await;
        assert!(flask.app.catch_up().await.is_err());
        flask.app.clock.advance(Duration::from_millis(5_001));
        for (method, path, wanted) in PROTECTED {
            let token = if wanted == "access" { &pair.access } else { &pair.refresh };
            let answer = flask.bearer(method, path, token).await;
            answer.is_for_later(503, message("Something went wrong"));
        }
    }

    async fn it_is_one_system_with_the_native_api(flask: Flask) {
        let old = flask.registered("test").await;
        let body = json!({ "identifier": "test", "password": "test" });
        let native = Session::read(&flask.post("/v1/login", body).await.json());
        let sessions = flask.get("/v1/sessions", &native.access).await.json();
        let mut sessions = sessions["sessions"].as_array().expect("a list").iter();
        let session = sessions.find(|session| session["channel"] == NAME).expect("a session");
        for token in [&old.access, &old.refresh] {
            assert_eq!(flask.get("/v1/me", token).await.code(), (401, "invalid_token".into()));
            assert_eq!(flask.refresh_answer(token).await.status, 401);
        }
        flask.secret(&native.access).await.is_msg(422, "Invalid header string");
        flask.refresh_token(&native.refresh).await.is_msg(422, "Not enough segments");

        let path = format!("/v1/sessions/{}", session["id"].as_str().expect("an id"));
        let ended = flask.send(Method::DELETE, &path, &native.access, Value::Null).await;
        assert_eq!(ended.status, 204);
        flask.assert_revoked(&old).await;
        flask.advance(Duration::from_hours(24 * 3)).await;
        flask.purge().await;
        flask.refresh_token(&old.refresh).await.is_msg(401, REVOKED);
        flask.advance(Duration::from_hours(24 * 26)).await;
        flask.purge().await;
        flask.refresh_token(&old.refresh).await.is_msg(401, REVOKED);
    }

    async fn a_token_of_the_older_system_is_good_for_a_user_who_came_along(flask: Flask) {
        flask.registered("Anna").await;
        flask.registered("bert").await;
        flask.come_along("Anna", NAME).await;
        flask.come_along("bert", "code-envelope").await;
        let access = old_token("access", "a-1", "anna");
        flask.assert_good(&access).await;
        flask.refresh_token(&access).await.is_msg(422, "Only refresh tokens are allowed");
        for other in ["bert", "nobody", "no body"] {
            let answer = flask.secret(&old_token("access", "a-2", other)).await;
            answer.is_msg(401, &format!("Error loading the user {other}"));
        }
        flask.log_out_access(&access).await;
        flask.secret(&access).await.is_msg(401, REVOKED);
        flask.assert_good(&old_token("access", "a-3", "Anna")).await;
        flask.revoked_there("a-4").await;
        let flask = Flask(flask.0.restart().await);
        for revoked in ["a-1", "a-4"] {
            flask.secret(&old_token("access", revoked, "Anna")).await.is_msg(401, REVOKED);
        }
        flask.log_out_everywhere("Anna").await;
        flask.secret(&old_token("access", "a-3", "Anna")).await.is_msg(401, REVOKED);
        flask.advance(Duration::from_hours(24)).await;
        let late = flask.secret(&old_token("access", "a-3", "Anna")).await;
        late.is_msg(401, "Token has expired");
    }

    async fn a_refresh_token_of_the_older_system_makes_one_session(flask: Flask) {
        flask.registered("anna").await;
        flask.come_along("anna", NAME).await;
        let refresh = old_token("refresh", "r-1", "anna");
        flask.secret(&refresh).await.is_msg(422, "Only non-refresh tokens are allowed");
        assert_eq!(flask.live("anna").await, 1);
        let answers = join_all((0..8).map(|_| flask.refresh_token(&refresh))).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
        let access = flask.refreshed(&refresh).await;
        assert_eq!(flask.live("anna").await, 2);
        flask.refreshed(&old_token("refresh", "r-2", "anna")).await;
        assert_eq!(flask.live("anna").await, 3, "another token is another login");

        flask.log_out_refresh(&refresh).await;
        flask.refresh_token(&refresh).await.is_msg(401, REVOKED);
        flask.assert_good(&access).await;
        flask.advance(Duration::from_hours(24 * 29)).await;
        flask.purge().await;
        let flask = Flask(flask.0.restart().await);
        flask.refresh_token(&refresh).await.is_msg(401, REVOKED);
        flask.advance(Duration::from_hours(24)).await;
        flask.refresh_token(&refresh).await.is_msg(401, "Token has expired");
    }

    async fn a_refresh_token_of_the_older_system_ends_with_its_session_for_good(flask: Flask) {
        flask.registered("anna").await;
        flask.come_along("anna", NAME).await;
        let refresh = old_token("refresh", "r-1", "anna");
        let access = flask.refreshed(&refresh).await;
        let session_id = segment(&access, 1)["sid"].as_str().expect("an id").to_owned();
        let ended = flask.app.end_session_as_operator(&flask.operator(), &session_id).await;
        assert!(ended.expect("it can be done"));
        flask.secret(&access).await.is_msg(401, REVOKED);
        flask.refresh_token(&refresh).await.is_msg(401, REVOKED);
        flask.advance(Duration::from_hours(24 * 29)).await;
        flask.purge().await;
        flask.refresh_token(&refresh).await.is_msg(401, REVOKED);
        assert_eq!(flask.live("anna").await, 1);
    }

    async fn a_refresh_token_of_the_older_system_can_be_revoked_before_its_first_use(flask: Flask) {
        flask.registered("anna").await;
        flask.come_along("anna", NAME).await;
        let (out, blacklisted) =
            (old_token("refresh", "r-1", "anna"), old_token("refresh", "r-2", "anna"));
        flask.log_out_refresh(&out).await;
        // As an import beside a running server writes it: looked up, not remembered.
        flask.revoked_there("r-2").await;
        for _ in 0..2 {
            for token in [&out, &blacklisted] {
                for path in ["/token/refresh", "/logout/refresh"] {
                    flask.bearer(Method::POST, path, token).await.is_msg(401, REVOKED);
                }
            }
            flask.advance(Duration::from_hours(24 * 14)).await;
            flask.purge().await;
        }
        let changed = old_token("refresh", "r-3", "anna");
        flask.log_out_everywhere("anna").await;
        flask.refresh_token(&changed).await.is_msg(401, REVOKED);
        assert_eq!(flask.count(COUNT_SESSIONS).await, 1);
    }
}

/// Where its deletion of users is allowed, and all may list them.
struct Open(Flask);

impl Open {
    async fn on_database(kind: Kind) -> Option<Self> {
        let flask = Flask::with(kind, |config| {
            config.dialects[0].delete_users = true;
            config.dialects[0].list_users = ListUsers::Any;
        });
        flask.await.map(Self)
    }
}

on_each_database! {
    async fn an_admin_deletes_everybody_but_admins(server: Open) {
        let Open(flask) = server;
        let (anna, bert) = (flask.registered("anna").await, flask.registered("bert").await);
        let mut others = Vec::new();
        for index in 0..70 {
            others.push(flask.registered(&format!("user{index}")).await);
        }
        let refused = flask.bearer(Method::DELETE, "/users", &anna.access).await;
        refused.is_msg(403, "Admins only");
        flask.make_admin("anna").await;
        flask.make_admin("bert").await;
        let deleted = flask.bearer(Method::DELETE, "/users", &anna.access).await;
        deleted.is(200, message("70 row(s) deleted"));
        let answer = flask.bearer(Method::GET, "/users", &bert.access).await;
        answer.is(200, json!({ "users": [{ "username": "anna" }, { "username": "bert" }] }));
        assert_eq!(flask.count(COUNT_DELETIONS).await, 70);
        let gone = flask.secret(&others[69].access).await;
        gone.is_msg(401, "Error loading the user user69");
        let again = flask.bearer(Method::DELETE, "/users", &anna.access).await;
        again.is(200, message("0 row(s) deleted"));
        flask.registered("user0").await;
    }

    async fn a_deletion_that_fails_is_told_and_deletes_nobody(server: Open) {
        let Open(flask) = server;
        let anna = flask.registered("anna").await;
        flask.make_admin("anna").await;
        let (bert, _) = (flask.registered("bert").await, flask.registered("cleo").await);
        flask.execute(EVENTS_AWAY, vec![]).await;
        let failed = flask.bearer(Method::DELETE, "/users", &anna.access).await;
        failed.is(200, message("Something went wrong"));
        flask.execute(EVENTS_BACK, vec![]).await;
        assert_eq!(flask.users().await, 3);
        flask.assert_good(&bert.access).await;
        let deleted = flask.bearer(Method::DELETE, "/users", &anna.access).await;
        deleted.is(200, message("2 row(s) deleted"));
    }

    async fn anybody_lists_users_where_that_is_allowed_and_nobody_is_told_a_hash(server: Open) {
        let Open(flask) = server;
        let anna = flask.registered("anna").await;
        let answer = flask.bearer(Method::GET, "/users", &anna.access).await;
        answer.is(200, json!({ "users": [{ "username": "anna" }] }));
    }
}

/// With limits, and the server's policy.
struct Strict(Flask);

impl Strict {
    async fn on_database(kind: Kind) -> Option<Self> {
        Flask::with(kind, strict).await.map(Self)
    }
}

on_each_database! {
    async fn the_servers_policy_and_limits_are_told_in_the_dialects_words(server: Strict) {
        let Strict(flask) = server;
        for (password, reason) in [
            ("123456", "the password must have at least 8 characters"),
            ("password1", "this password is among the most common ones; choose another"),
        ] {
            let answer = flask.registration("test", password).await;
            answer.is(400, json!({ "message": { "password": reason } }));
        }
        assert_eq!(flask.registration("test", PASSWORD).await.status, 200);
        for _ in 0..5 {
            flask.login("test", "wrong").await.is(200, message("Wrong credentials"));
        }
        let refused = flask.login("test", PASSWORD).await;
        refused.is_for_later(429, message("Too many attempts"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_registration_is_told_in_the_dialects_words() {
    let flask = Flask::on_sqlite(|config| {
        config.registration.mode = countersign_server::config::RegistrationMode::Closed;
    });
    let answer = flask.await.registration("test", "test").await;
    answer.is(403, message("Registration is closed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_longer_than_a_page_is_whole_and_in_order() {
    let flask = Flask::on_sqlite(|_| {}).await;
    let anna = flask.registered("anna").await;
    flask.make_admin("anna").await;
    let names: Vec<String> = (0..1002).map(|index| format!("user{index}")).collect();
    for name in &names {
        assert_eq!(flask.registration(name, "test").await.status, 200);
    }
    let answer = flask.bearer(Method::GET, "/users", &anna.access).await;
    let listed: Vec<Value> = [&"anna".to_owned()]
        .into_iter()
        .chain(&names)
        .map(|name| json!({ "username": name }))
        .collect();
    answer.is(200, json!({ "users": listed }));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_login_more_than_allowed_ends_the_oldest_session() {
    let flask = Flask::on_sqlite(|config| config.sessions.max_per_user = 2).await;
    let first = flask.registered("test").await;
    flask.come_along("test", NAME).await;
    flask.advance(Duration::from_secs(1)).await;
    let second = flask.logged_in("test").await;
    flask.log_out_refresh(&second.refresh).await;
    flask.advance(Duration::from_mins(15)).await;
    let third = flask.logged_in("test").await;
    flask.refreshed(&first.refresh).await;
    flask.refreshed(&old_token("refresh", "r-1", "test")).await;
    flask.refresh_token(&first.refresh).await.is_msg(401, REVOKED);
    flask.refreshed(&third.refresh).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_live_as_long_as_configured_and_none_outlives_its_session() {
    let flask = Flask::on_sqlite(|config| {
        config.dialects[0].access_ttl = Some(Duration::from_secs(5));
        config.dialects[0].refresh_ttl = Some(Duration::from_secs(8));
    });
    let flask = flask.await;
    let pair = flask.registered("test").await;
    let (access, refresh) = (segment(&pair.access, 1), segment(&pair.refresh, 1));
    let now = START.seconds();
    assert_eq!((&access["exp"], &refresh["exp"]), (&json!(now + 5), &json!(now + 8)));
    flask.advance(Duration::from_secs(5)).await;
    flask.secret(&pair.access).await.is_msg(401, "Token has expired");
    let last = flask.refreshed(&pair.refresh).await;
    assert_eq!(segment(&last, 1)["exp"], now + 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_moves_every_path_and_tells_the_dialects_apart() {
    let flask = Flask::on_sqlite(|config| {
        config.dialects[0].prefix = "/old".into();
        config
            .dialects
            .push(DialectConfig { name: "auth-token".into(), ..DialectConfig::default() });
    });
    let flask = flask.await;
    Answer::of(flask.request(Method::GET, "/old/")).await.is(200, message("Hello, World!"));
    assert_eq!(flask.registration("joe", "test").await.code(), (404, "not_found".into()));
    let body = json!({ "username": "joe@x.org", "password": "test" });
    let answer = flask.post("/old/registration", body).await;
    let pair = Pair::read(&answer, "User joe@x.org was created");
    let body = json!({ "email": "joe@x.org", "password": "test" });
    let other = flask.post("/auth/login", body).await.json();
    let other = other["auth_token"].as_str().expect("a token");
    let refused = flask.bearer(Method::GET, "/old/secret", other).await;
    refused.is_msg(422, "Signature verification failed");
    let refused = flask.bearer(Method::GET, "/auth/status", &pair.access).await;
    assert_eq!(refused.json()["message"], "Invalid token. Please log in again.");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_knows_the_secret_can_verify_and_a_token_without_its_session_is_worth_nothing() {
    let flask = Flask::on_sqlite(|_| {}).await;
    let pair = flask.registered("test").await;
    flask.assert_good(&sign(SECRET, &segment(&pair.access, 1))).await;
    let mut claims = segment(&pair.refresh, 1);
    claims["sid"] = json!("01890000-0000-7000-8000-000000000000");
    flask.refresh_token(&sign(SECRET, &claims)).await.is_msg(401, REVOKED);
    claims.as_object_mut().expect("an object").remove("sid");
    let refused = flask.refresh_token(&sign(SECRET, &claims)).await;
    refused.is_msg(422, "Missing claim: sid");
}
