//! The dialect `code-envelope` as its clients know it: every row of its table, the cookies, then
//! what all dialects promise.

use std::ops::Deref;
use std::time::Duration;

use countersign_server::config::{Config, DialectConfig, ListUsers, Origins, PublicUrl};
use countersign_server::db::Kind;
use countersign_server::password::Password;
use countersign_server::sql;
use countersign_server::tables::event;
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::flask::{OLD_SECRET, SECRET, dialect, segment, sign, strict, undecodable};
use crate::server::{Answer, PASSWORD, START, TestApp};

sql! {
    PASSWORDS_AWAY = "ALTER TABLE passwords RENAME TO passwords_away";
    USERS_AWAY = "ALTER TABLE users RENAME TO users_away";
    NODES_AWAY = "ALTER TABLE nodes RENAME TO nodes_away";
}

const NAME: &str = "code-envelope";
const BAD_HEADER: &str = "Bad Authorization header. Expected value 'Bearer <JWT>'";
const MISSING: &str = "Missing Authorization Header";
const MISSING_EVERYWHERE: &str = "Missing JWT in headers or cookies (Missing Authorization Header; Missing cookie \"access_token_cookie\")";
const MISSING_CSRF: &str = "Missing CSRF token";
const OTHER_CSRF: &str = "CSRF double submit tokens do not match";
const REVOKED: &str = "Token has been revoked";
const FORM: &str = "application/x-www-form-urlencoded";

/// Every protected route.
const PROTECTED: [(Method, &str); 2] = [(Method::GET, "/users"), (Method::POST, "/logout")];

/// What a client of this dialect sends for a password.
fn hex(password: &str) -> String {
    Password::parse(password.to_owned()).expect("a password").client_sha256().expose().to_owned()
}

/// A server with the dialect at its usual place.
struct Flask(TestApp);

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

    async fn login(&self, username: &str, password: &str) -> Answer {
        self.post("/login", json!({ "username": username, "password": hex(password) })).await
    }

    /// Makes a user who has logged in elsewhere, so that this dialect can serve them.
    async fn user(&self, email: &str) {
        let body = json!({ "email": email, "password": PASSWORD });
        assert_eq!(self.post("/v1/register", body).await.status, 201);
        let body = json!({ "identifier": email, "password": PASSWORD });
        assert_eq!(self.post("/v1/login", body).await.status, 200);
    }

    async fn token_of(&self, email: &str) -> String {
        let answer = self.login(email, PASSWORD).await;
        answer.json()["token"].as_str().unwrap_or_else(|| panic!("no token: {answer:?}")).into()
    }

    /// Makes the user of the document, an admin, and logs them in.
    async fn admin(&self) -> String {
        self.user("admin@gmail.com").await;
        self.make_admin("admin@gmail.com").await;
        self.token_of("admin@gmail.com").await
    }

    async fn bearer(&self, method: Method, path: &str, token: &str) -> Answer {
        self.authorized(method, path, &format!("Bearer {token}")).await
    }

    async fn list(&self, token: &str) -> Answer {
        self.bearer(Method::GET, "/users", token).await
    }

    async fn log_out(&self, token: &str) -> Answer {
        self.bearer(Method::POST, "/logout", token).await
    }

    /// A request with this token in its cookie.
    fn with_cookie(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        let cookies = format!("theme=dark; access_token_cookie={token}; csrf_access_token=x");
        self.request(method, path).header(COOKIE, cookies)
    }
}

impl Deref for Flask {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.0
    }
}

fn envelope(code: u16, message: &str) -> Value {
    json!({ "code": code, "message": message })
}

fn no_login(code: u16, message: &str) -> Value {
    json!({ "code": code, "message": message, "token": null, "userid": null })
}

fn admin_listed() -> Value {
    let users = json!([{ "userid": 1, "username": "admin@gmail.com" }]);
    json!({ "code": 200, "message": "success", "users": users })
}

/// A token of the older system, as flask-jwt-extended 3.24.1 minted them.
fn old_token(change: impl FnOnce(&mut Value)) -> String {
    let now = START.seconds() - 60;
    let mut claims = json!({
        "iat": now, "nbf": now, "jti": "o-1", "exp": now + 3600,
        "identity": "admin@gmail.com", "fresh": false, "type": "access",
    });
    change(&mut claims);
    sign(OLD_SECRET, &claims)
}

/// What the answer sets, by name: the value and the attributes.
fn set_cookies(answer: &Answer) -> Vec<(String, String, String)> {
    let read = |cookie: &reqwest::header::HeaderValue| {
        let text = cookie.to_str().expect("text");
        let (pair, attributes) = text.split_once("; ").expect("attributes");
        let (name, value) = pair.split_once('=').expect("a value");
        (name.to_owned(), value.to_owned(), attributes.to_owned())
    };
    answer.headers.get_all(SET_COOKIE).iter().map(read).collect()
}

on_each_database! {
    async fn what_guards_and_logouts_refuse_is_counted(flask: Flask) {
        for (method, path) in PROTECTED {
            flask.request(method, path).send().await.expect("an answer");
        }
        let text = flask.app.metrics_text().expect("text");
        assert!(text.contains("\ncountersign_refusals_total{reason=\"missing\"} 2\n"), "{text}");
    }

    async fn a_right_login_is_told_token_and_userid(flask: Flask) {
        let token = flask.admin().await;
        let answer = flask.login("ADMIN@gmail.com", PASSWORD).await;
        let (again, userid) = (answer.json()["token"].clone(), answer.json()["userid"].clone());
        answer.is(
            200,
            json!({ "code": 200, "message": "success", "token": again, "userid": userid }),
        );
        assert_eq!(userid, 1);
        assert_eq!(set_cookies(&answer), []);
        assert_eq!(segment(&token, 0), json!({ "alg": "HS256", "typ": "JWT" }));
        let claims = segment(&token, 1);
        let names: Vec<_> = claims.as_object().expect("an object").keys().collect();
        assert_eq!(names, ["exp", "fresh", "iat", "identity", "jti", "nbf", "sid", "sub", "type"]);
        assert_eq!(claims["identity"], "admin@gmail.com");
        assert_eq!(claims["sub"], claims["identity"]);
        assert_eq!((&claims["fresh"], &claims["type"]), (&json!(false), &json!("access")));
        let now = START.seconds();
        assert_eq!((&claims["iat"], &claims["nbf"]), (&json!(now), &json!(now)));
        assert_eq!(claims["exp"], now + 3600);
    }

    async fn a_wrong_login_is_told_which_half_was_wrong(flask: Flask) {
        flask.user("admin@gmail.com").await;
        for unknown in ["nobody@gmail.com", "no body"] {
            flask.login(unknown, PASSWORD).await.is(200, no_login(201, "user not exist"));
        }
        flask.login("admin@gmail.com", "1").await.is(200, no_login(202, "wrong password"));
        let typed = json!({ "username": "admin@gmail.com", "password": PASSWORD });
        flask.post("/login", typed).await.is(200, no_login(202, "wrong password"));
        flask.disable("admin@gmail.com").await;
        for password in [PASSWORD, "1"] {
            let answer = flask.login("admin@gmail.com", password).await;
            answer.is(200, no_login(201, "user not exist"));
        }
    }

    async fn a_plain_password_serves_only_after_a_login_elsewhere(flask: Flask) {
        let session = flask.register("anna").await;
        let refused = flask.login("anna@example.org", PASSWORD).await;
        refused.is(200, no_login(202, "wrong password"));
        let events = event::latest_of_user(&flask.app.db, &session.user_id, 9).await;
        let mut events = events.expect("the database answers").into_iter();
        let told = events.any(|event| event.reason.as_deref() == Some("needs_client_sha256"));
        assert!(told);
        flask.log_in("anna").await;
        assert_eq!(flask.login("anna@example.org", PASSWORD).await.json()["code"], 200);
    }

    async fn the_first_missing_field_is_told_and_an_empty_one_is_missing(flask: Flask) {
        let username = json!({ "message": { "username": "用户名不能为空" } });
        let password = json!({ "message": { "password": "密码不能为空" } });
        for (body, missing) in [
            (json!({}), &username),
            (json!({ "password": "x" }), &username),
            (json!({ "username": "", "password": "x" }), &username),
            (json!({ "username": "x" }), &password),
            (json!({ "username": "x", "password": "" }), &password),
        ] {
            flask.post("/login", body).await.is(400, missing.clone());
        }
        let query = "/login?username=x&password=x";
        Answer::of(flask.request(Method::POST, query)).await.is(400, username);
    }

    async fn bad_bodies_are_told_in_the_dialects_words(flask: Flask) {
        let json = "application/json";
        for malformed in [
            "", "null", "[]", "{",
            r#"{"username":5,"password":"x"}"#,
            r#"{"username":"x","password":null}"#,
            r#"{"username":"x","password":["x"]}"#,
            r#"{"username":"x","username":"y","password":"x"}"#,
        ] {
            let answer = flask.post_as("/login", json, malformed.as_bytes()).await;
            answer.is(400, json!({ "message": "Malformed request body" }));
        }
        let answer = flask.post_as("/login", json, b"{\"username\":\"\xFF\"}").await;
        answer.is(400, json!({ "message": "Malformed request body" }));
        for other in ["text/plain", FORM, "multipart/form-data; boundary=x"] {
            let answer = flask.post_as("/login", other, b"username=x&password=x").await;
            answer.is(415, json!({ "message": "Unsupported content type" }));
        }
    }

    async fn admins_list_all_users_and_others_nobody(flask: Flask) {
        let admin = flask.admin().await;
        let body = json!({ "username": "Bert", "password": PASSWORD });
        assert_eq!(flask.post("/v1/register", body).await.status, 201);
        flask.user("cleo@gmail.com").await;
        let users = json!([
            { "userid": 1, "username": "admin@gmail.com" },
            { "userid": 2, "username": "Bert" },
            { "userid": 3, "username": "cleo@gmail.com" },
        ]);
        let answer = flask.list(&admin).await;
        answer.is(200, json!({ "code": 200, "message": "success", "users": users }));
        let cleo = flask.token_of("cleo@gmail.com").await;
        flask.list(&cleo).await.is(200, envelope(403, "admins only"));
    }

    async fn what_is_wrong_with_a_token_is_told_as_flask_jwt_extended_3_does(flask: Flask) {
        let token = flask.admin().await;
        for (method, path) in PROTECTED {
            let answer = Answer::of(flask.request(method.clone(), path)).await;
            answer.is_msg(401, MISSING);
            flask.authorized(method.clone(), path, "").await.is_msg(401, MISSING);
            for header in [
                format!("JWT {token}"),
                format!("bearer {token}"),
                token.clone(),
                "Bearer".to_owned(),
                format!("Bearer {token} x"),
                format!("Basic x, Bearer {token}"),
            ] {
                flask.authorized(method.clone(), path, &header).await.is_msg(422, BAD_HEADER);
            }
            for (bad, msg) in undecodable(&token) {
                flask.bearer(method.clone(), path, &bad).await.is_msg(422, msg);
            }
            let with_cookie = flask.with_cookie(method.clone(), path, &token);
            Answer::of(with_cookie).await.is_msg(401, MISSING);
        }
        flask.list(&token).await.is(200, admin_listed());
        flask.advance(Duration::from_hours(1)).await;
        for (method, path) in PROTECTED {
            let answer = flask.bearer(method, path, &token).await;
            answer.is(200, envelope(201, "token expired"));
        }
    }

    async fn a_logout_ends_the_session(flask: Flask) {
        let (token, other) = (flask.admin().await, flask.token_of("admin@gmail.com").await);
        let answer = flask.log_out(&token).await;
        answer.is(200, envelope(200, "success"));
        assert_eq!(set_cookies(&answer), []);
        flask.list(&token).await.is_msg(401, REVOKED);
        flask.log_out(&token).await.is_msg(401, REVOKED);
        flask.list(&other).await.is(200, admin_listed());
        let flask = Flask(flask.0.restart().await);
        flask.list(&token).await.is_msg(401, REVOKED);
    }

    async fn a_user_who_is_gone_cannot_be_loaded(flask: Flask) {
        for gone in ["anna@gmail.com", "bert@gmail.com"] {
            flask.user(gone).await;
            let token = flask.token_of(gone).await;
            if gone.starts_with("anna") {
                flask.disable(gone).await;
            } else {
                flask.delete(gone).await;
            }
            for (method, path) in PROTECTED {
                let answer = flask.bearer(method, path, &token).await;
                answer.is_msg(401, &format!("Error loading the user {gone}"));
            }
        }
    }

    async fn a_failing_database_is_told_in_the_dialects_words(flask: Flask) {
        let token = flask.admin().await;
        flask.execute(PASSWORDS_AWAY, vec![]).await;
        let answer = flask.login("admin@gmail.com", PASSWORD).await;
        answer.is_for_later(503, envelope(503, "try again"));
        flask.execute(USERS_AWAY, vec![]).await;
        for (method, path) in PROTECTED {
            let answer = flask.bearer(method, path, &token).await;
            answer.is_for_later(503, envelope(503, "try again"));
        }
    }

    async fn a_node_that_is_out_of_touch_says_so(flask: Flask) {
        let token = flask.admin().await;
        flask.execute(NODES_AWAY, vec![]).await;
        assert!(flask.app.catch_up().await.is_err());
        flask.app.clock.advance(Duration::from_millis(5_001));
        let answer = flask.list(&token).await;
        answer.is_for_later(503, envelope(503, "try again"));
    }

    async fn it_is_one_system_with_the_native_api(flask: Flask) {
        let token = flask.admin().await;
        let refused = flask.get("/v1/me", &token).await;
        assert_eq!(refused.code(), (401, "invalid_token".into()));
        let body = json!({ "identifier": "admin@gmail.com", "password": PASSWORD });
        let native = flask.post("/v1/login", body).await.json();
        let native = native["access_token"].as_str().expect("a token");
        flask.list(native).await.is_msg(422, "Invalid header string");
        let sessions = flask.get("/v1/sessions", native).await.json();
        let sessions = sessions["sessions"].as_array().expect("a list").clone();
        assert!(sessions.iter().any(|session| session["channel"] == NAME), "{sessions:?}");
        flask.log_out_everywhere("admin@gmail.com").await;
        flask.list(&token).await.is_msg(401, REVOKED);
    }

    async fn a_token_of_the_older_system_is_good_for_a_user_who_came_along(flask: Flask) {
        flask.admin().await;
        flask.come_along("admin@gmail.com", NAME).await;
        flask.list(&old_token(|_| {})).await.is(200, admin_listed());
        let by_sub = old_token(|claims| {
            claims["sub"] = claims["identity"].take();
            claims.as_object_mut().expect("an object").remove("identity");
            claims["jti"] = json!("o-2");
        });
        flask.list(&by_sub).await.is(200, admin_listed());
        let refresh = old_token(|claims| claims["type"] = json!("refresh"));
        flask.list(&refresh).await.is_msg(422, "Only access tokens are allowed");
        let nobody = old_token(|claims| claims["identity"] = json!("nobody"));
        flask.list(&nobody).await.is_msg(401, "Error loading the user nobody");

        flask.log_out(&by_sub).await.is(200, envelope(200, "success"));
        flask.list(&by_sub).await.is_msg(401, REVOKED);
        flask.list(&old_token(|_| {})).await.is(200, admin_listed());
        flask.revoked_there("o-3").await;
        let flask = Flask(flask.0.restart().await);
        for jti in ["o-2", "o-3"] {
            let token = old_token(|claims| claims["jti"] = json!(jti));
            flask.list(&token).await.is_msg(401, REVOKED);
        }
        flask.log_out_everywhere("admin@gmail.com").await;
        flask.list(&old_token(|_| {})).await.is_msg(401, REVOKED);
        flask.advance(Duration::from_hours(1)).await;
        flask.list(&old_token(|_| {})).await.is(200, envelope(201, "token expired"));
    }
}

/// With tokens in cookies, and the CSRF value in a form.
struct InCookies(Flask);

impl InCookies {
    async fn on_database(kind: Kind) -> Option<Self> {
        let flask = Flask::with(kind, |config| {
            config.dialects[0].cookies = true;
            config.dialects[0].csrf_check_form = true;
        });
        flask.await.map(Self)
    }
}

on_each_database! {
    async fn a_login_sets_the_token_and_its_csrf_value_as_cookies(server: InCookies) {
        let InCookies(flask) = server;
        flask.admin().await;
        let answer = flask.login("admin@gmail.com", PASSWORD).await;
        let token = answer.json()["token"].as_str().expect("in the body as well").to_owned();
        let csrf = segment(&token, 1)["csrf"].as_str().expect("a claim").to_owned();
        let attributes = "Path=/; SameSite=Lax".to_owned();
        assert_eq!(set_cookies(&answer), [
            ("access_token_cookie".into(), token.clone(), format!("{attributes}; HttpOnly")),
            ("csrf_access_token".into(), csrf, attributes),
        ]);
        let listed = Answer::of(flask.with_cookie(Method::GET, "/users", &token)).await;
        listed.is(200, admin_listed());
        let header = flask.list(&token).await;
        header.is(200, admin_listed());
    }

    async fn what_changes_something_needs_the_csrf_value_of_the_cookies_token(server: InCookies) {
        let InCookies(flask) = server;
        let (token, other) = (flask.admin().await, flask.token_of("admin@gmail.com").await);
        let csrf = |token: &str| segment(token, 1)["csrf"].as_str().expect("a claim").to_owned();
        let logout = || flask.with_cookie(Method::POST, "/logout", &token);
        Answer::of(logout()).await.is_msg(401, MISSING_CSRF);
        Answer::of(logout().header("X-CSRF-TOKEN", "")).await.is_msg(401, MISSING_CSRF);
        Answer::of(logout().json(&json!({ "csrf_token": csrf(&token) }))).await
            .is_msg(401, MISSING_CSRF);
        for wrong in ["x".to_owned(), csrf(&other), csrf(&token).to_lowercase() + "x"] {
            let answer = Answer::of(logout().header("X-CSRF-TOKEN", &wrong)).await;
            answer.is_msg(401, OTHER_CSRF);
            let form = format!("csrf_token={wrong}");
            let sent = logout().header("content-type", FORM).body(form);
            Answer::of(sent).await.is_msg(401, OTHER_CSRF);
        }
        let listed = Answer::of(flask.with_cookie(Method::GET, "/users", &token)).await;
        listed.is(200, admin_listed());

        let answer = Answer::of(logout().header("X-CSRF-TOKEN", csrf(&token))).await;
        answer.is(200, envelope(200, "success"));
        let over = "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; SameSite=Lax".to_owned();
        assert_eq!(set_cookies(&answer), [
            ("access_token_cookie".into(), String::new(), format!("{over}; HttpOnly")),
            ("csrf_access_token".into(), String::new(), over),
        ]);
        Answer::of(logout().header("X-CSRF-TOKEN", csrf(&token))).await.is_msg(401, REVOKED);
        Answer::of(logout().header("X-CSRF-TOKEN", csrf(&other))).await.is_msg(401, OTHER_CSRF);

        let form = format!("name=x&csrf_token={}", csrf(&other));
        let sent = flask.with_cookie(Method::POST, "/logout", &other);
        let answer = Answer::of(sent.header("content-type", FORM).body(form)).await;
        answer.is(200, envelope(200, "success"));
    }

    async fn a_cookie_is_looked_at_where_no_header_is(server: InCookies) {
        let InCookies(flask) = server;
        let token = flask.admin().await;
        for (method, path) in PROTECTED {
            let answer = Answer::of(flask.request(method.clone(), path)).await;
            answer.is_msg(401, MISSING_EVERYWHERE);
            let empty = flask.request(method.clone(), path).header(COOKIE, "access_token_cookie=");
            Answer::of(empty).await.is_msg(401, MISSING_EVERYWHERE);
            let two = format!("access_token_cookie={token}; access_token_cookie=x");
            let two = flask.request(method.clone(), path).header(COOKIE, two);
            Answer::of(two).await.is_msg(422, "Two cookies of one name");
            let both = flask.with_cookie(method.clone(), path, &token);
            let answer = Answer::of(both.header("authorization", "JWT x")).await;
            answer.is_msg(422, BAD_HEADER);
            let bad = flask.with_cookie(method.clone(), path, "x").header("X-CSRF-TOKEN", "x");
            Answer::of(bad).await.is_msg(422, "Not enough segments");
        }
        let without = old_token(|_| {});
        flask.come_along("admin@gmail.com", NAME).await;
        let sent = flask.with_cookie(Method::POST, "/logout", &without);
        let answer = Answer::of(sent.header("X-CSRF-TOKEN", "x")).await;
        answer.is_msg(422, "Missing claim: csrf");
        flask.log_out(&token).await.is(200, envelope(200, "success"));
    }

    async fn the_older_systems_cookies_go_on(server: InCookies) {
        let InCookies(flask) = server;
        flask.admin().await;
        flask.come_along("admin@gmail.com", NAME).await;
        let token = old_token(|claims| claims["csrf"] = json!("8a3e"));
        let logout = || flask.with_cookie(Method::POST, "/logout", &token);
        Answer::of(logout().header("X-CSRF-TOKEN", "8a3f")).await.is_msg(401, OTHER_CSRF);
        let answer = Answer::of(logout().header("X-CSRF-TOKEN", "8a3e")).await;
        answer.is(200, envelope(200, "success"));
        Answer::of(logout().header("X-CSRF-TOKEN", "8a3e")).await.is_msg(401, REVOKED);
    }
}

/// Called by https, with tokens in cookies that pages of one origin may send.
struct ByHttps(Flask);

const ORIGIN: &str = "https://app.example.org";

impl ByHttps {
    async fn on_database(kind: Kind) -> Option<Self> {
        let flask = Flask::with(kind, |config| {
            config.dialects[0].cookies = true;
            config.public_url = PublicUrl::parse(ORIGIN).expect("a URL");
            config.cors.origins = Origins::Listed(vec![ORIGIN.into()]);
        });
        flask.await.map(Self)
    }
}

on_each_database! {
    async fn cookies_are_secure_and_pages_of_listed_origins_may_send_them(server: ByHttps) {
        let ByHttps(flask) = server;
        flask.admin().await;
        let login = flask.login("admin@gmail.com", PASSWORD).await;
        let token = login.json()["token"].as_str().expect("a token").to_owned();
        let listed = flask.with_cookie(Method::GET, "/users", &token).header("origin", ORIGIN);
        let listed = Answer::of(listed).await;
        assert_eq!(listed.headers["access-control-allow-credentials"], "true");
        listed.is(200, admin_listed());
        for answer in [login, flask.log_out(&token).await] {
            let cookies = set_cookies(&answer);
            assert_eq!(cookies.len(), 2);
            assert!(cookies.iter().all(|(_, _, attributes)| attributes.contains("Secure; ")));
        }
    }

    async fn the_form_counts_only_where_that_is_configured(server: ByHttps) {
        let ByHttps(flask) = server;
        let token = flask.admin().await;
        let csrf = segment(&token, 1)["csrf"].as_str().expect("a claim").to_owned();
        let sent = flask.with_cookie(Method::POST, "/logout", &token);
        let sent = sent.header("content-type", FORM).body(format!("csrf_token={csrf}"));
        Answer::of(sent).await.is_msg(401, MISSING_CSRF);
        let sent = flask.with_cookie(Method::POST, "/logout", &token).header("x-csrf-token", csrf);
        Answer::of(sent).await.is(200, envelope(200, "success"));
    }
}

/// With limits, where anybody lists users, and pages of one origin may call without cookies.
struct Strict(Flask);

impl Strict {
    async fn on_database(kind: Kind) -> Option<Self> {
        let flask = Flask::with(kind, |config| {
            strict(config);
            config.dialects[0].list_users = ListUsers::Any;
            config.cors.origins = Origins::Listed(vec![ORIGIN.into()]);
        });
        flask.await.map(Self)
    }
}

on_each_database! {
    async fn too_many_attempts_are_told_in_the_dialects_words(server: Strict) {
        let Strict(flask) = server;
        flask.user("admin@gmail.com").await;
        for _ in 0..5 {
            flask.login("admin@gmail.com", "1").await.is(200, no_login(202, "wrong password"));
        }
        let refused = flask.login("admin@gmail.com", PASSWORD).await;
        refused.is_for_later(429, envelope(429, "too many attempts"));
    }

    async fn anybody_lists_users_where_that_is_allowed(server: Strict) {
        let Strict(flask) = server;
        flask.user("admin@gmail.com").await;
        let token = flask.token_of("admin@gmail.com").await;
        flask.list(&token).await.is(200, admin_listed());
        let request = flask.request(Method::GET, "/users").header("origin", ORIGIN);
        let headers = Answer::of(request).await.headers;
        assert_eq!(headers["access-control-allow-origin"], ORIGIN);
        assert!(!headers.contains_key("access-control-allow-credentials"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_moves_every_path_and_tells_the_dialects_apart() {
    let flask = Flask::on_sqlite(|config| {
        config.dialects[0].prefix = "/old".into();
        config
            .dialects
            .push(DialectConfig { name: "access-refresh".into(), ..DialectConfig::default() });
    });
    let flask = flask.await;
    flask.user("admin@gmail.com").await;
    let body = json!({ "username": "admin@gmail.com", "password": hex(PASSWORD) });
    let token = flask.post("/old/login", body).await.json()["token"].clone();
    let token = token.as_str().expect("a token");
    let refused = flask.bearer(Method::GET, "/secret", token).await;
    refused.is_msg(422, "Signature verification failed");
    let body = json!({ "username": "admin@gmail.com", "password": PASSWORD });
    let pair = flask.post("/login", body).await.json();
    let refused =
        flask.bearer(Method::GET, "/old/users", pair["access_token"].as_str().expect("a token"));
    refused.await.is_msg(422, "Signature verification failed");
    let allowed = flask.bearer(Method::POST, "/old/logout", token).await;
    allowed.is(200, envelope(200, "success"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_knows_the_secret_can_verify() {
    let flask = Flask::on_sqlite(|_| {}).await;
    let token = flask.admin().await;
    flask.list(&sign(SECRET, &segment(&token, 1))).await.is(200, admin_listed());
}
