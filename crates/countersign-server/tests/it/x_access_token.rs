//! The dialect `x-access-token` as its clients know it: every row of its table, then what all
//! dialects promise.

use std::ops::Deref;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::{Algorithm, Issuer, SigningKey};
use countersign_server::config::{
    Config, DialectConfig, ListUsers, PasswordPolicy, RegistrationMode, SigningSecret,
};
use countersign_server::db::Kind;
use countersign_server::operations::Caller;
use countersign_server::sql;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use crate::forms::{MULTIPART, URL_ENCODED, multipart, url_encoded};
use crate::kit::{claims_of, decode};
use crate::server::{Answer, PASSWORD, START, Session, TestApp};

sql! {
    PASSWORDS_AWAY = "ALTER TABLE passwords RENAME TO passwords_away";
    PASSWORDS_BACK = "ALTER TABLE passwords_away RENAME TO passwords";
    IDENTIFIERS_AWAY = "ALTER TABLE identifiers RENAME TO identifiers_away";
    IDENTIFIERS_BACK = "ALTER TABLE identifiers_away RENAME TO identifiers";
    USERS_AWAY = "ALTER TABLE users RENAME TO users_away";
}

const REGISTERED: &str = "Successfully registered.";
const EXISTS: &str = "User already exists. Please Log in.";
const MISSING: &str = "Missing name, email or password.";
const MALFORMED: &str = "Malformed request body.";
const LOGIN_REQUIRED: &str = r#"Basic realm ="Login required !!""#;
const UNKNOWN: &str = r#"Basic realm ="User does not exist !!""#;
const WRONG: &str = r#"Basic realm ="Wrong Password !!""#;
const NO_TOKEN: &str = "Token is missing !!";
const INVALID: &str = "Token is invalid !!";

const SECRET: &str = "a configured secret of 32 bytes, or a few more";

/// A server with the dialect at its usual place, where any user lists all.
struct Flask(TestApp);

impl Flask {
    async fn on_database(kind: Kind) -> Option<Self> {
        Self::with(kind, |_| {}).await
    }

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

    async fn send_body(
        &self,
        path: &str,
        content_type: Option<&str>,
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        let mut request = self.request(Method::POST, path).body(body.into());
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        Answer::of(request).await
    }

    async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send_body(path, Some(MULTIPART), multipart(fields)).await
    }

    async fn signup(&self, email: &str, password: &str) -> Answer {
        let fields = [("name", "Mike"), ("email", email), ("password", password)];
        self.form("/signup", &fields).await
    }

    async fn login(&self, email: &str, password: &str) -> Answer {
        self.form("/login", &[("email", email), ("password", password)]).await
    }

    /// Signs mike up, and gives the token of his login.
    async fn mike(&self) -> String {
        assert_text(&self.signup("mike@x.org", "12345").await, 201, REGISTERED);
        token(&self.login("mike@x.org", "12345").await)
    }

    async fn users_with(&self, token: &str) -> Answer {
        Answer::of(self.request(Method::GET, "/user").header("x-access-token", token)).await
    }

    async fn id_of(&self, email: &str) -> String {
        self.app.find_user(email).await.expect("the user").id
    }
}

impl Deref for Flask {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.0
    }
}

fn dialect() -> DialectConfig {
    let name = "x-access-token".into();
    DialectConfig { name, list_users: ListUsers::Any, ..DialectConfig::default() }
}

fn token(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
    let body = answer.json();
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{body}");
    body["token"].as_str().expect("a token").into()
}

#[track_caller]
fn assert_text(answer: &Answer, status: u16, text: &str) {
    assert_eq!((answer.status.as_u16(), &*answer.text), (status, text), "{answer:?}");
    assert_eq!(answer.headers[CONTENT_TYPE], "text/html; charset=utf-8");
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, challenge: &str) {
    assert_text(answer, status, "Could not verify");
    assert_eq!(answer.headers[WWW_AUTHENTICATE], challenge);
}

#[track_caller]
fn assert_message(answer: &Answer, status: u16, message: &str) {
    let expected = json!({ "message": message });
    assert_eq!((answer.status.as_u16(), answer.json()), (status, expected), "{answer:?}");
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
}

on_each_database! {
    async fn a_signup_is_answered_with_a_text_and_begins_no_session(flask: Flask) {
        assert_text(&flask.signup("mike@x.org", "12345").await, 201, REGISTERED);
        let caller = Caller::command(START);
        let user = flask.app.find_user("mike@x.org").await.expect("mike");
        assert_eq!(user.name.as_deref(), Some("Mike"));
        assert_eq!(flask.app.sessions_of(&user.id, &caller).await.expect("a list"), []);
    }

    async fn an_address_that_is_taken_is_202(flask: Flask) {
        flask.mike().await;
        for email in ["mike@x.org", "MIKE@X.org"] {
            assert_text(&flask.signup(email, "54321").await, 202, EXISTS);
        }
        assert_eq!(flask.users().await, 1);
    }

    async fn a_login_is_answered_with_a_token_of_these_claims(flask: Flask) {
        let token = flask.mike().await;
        let header: Value = serde_json::from_slice(&decode(&token[..token.find('.').expect("a dot")]))
            .expect("JSON");
        assert_eq!(header, json!({ "alg": "HS256", "typ": "JWT" }));
        let claims = claims_of(&token);
        let names: Vec<_> = claims.as_object().expect("an object").keys().collect();
        assert_eq!(names, ["exp", "jti", "public_id", "sid"]);
        assert_eq!(claims["exp"], START.seconds() + 30 * 60);
        assert_eq!(claims["public_id"], flask.id_of("mike@x.org").await);
    }

    async fn a_form_may_also_be_urlencoded(flask: Flask) {
        let fields = [("name", "Jörg & Söhne"), ("email", "j@x.org"), ("password", "a+b=c&d%")];
        let body = url_encoded(&fields);
        let signup = flask.send_body("/signup", Some(URL_ENCODED), body.clone()).await;
        assert_text(&signup, 201, REGISTERED);
        let login = flask.send_body("/login", Some(URL_ENCODED), body).await;
        let listed = flask.users_with(&token(&login)).await.json();
        assert_eq!(listed["users"][0]["name"], "Jörg & Söhne");
        assert_eq!(flask.login("j@x.org", "a+b=c&d%").await.status, 201);
    }

    async fn a_login_without_either_field_is_required(flask: Flask) {
        flask.mike().await;
        for fields in [
            &[][..],
            &[("email", "mike@x.org")],
            &[("password", "12345")],
            &[("email", ""), ("password", "12345")],
            &[("email", "mike@x.org"), ("password", "")],
        ] {
            assert_refused(&flask.form("/login", fields).await, 401, LOGIN_REQUIRED);
            let body = url_encoded(fields);
            let answer = flask.send_body("/login", Some(URL_ENCODED), body).await;
            assert_refused(&answer, 401, LOGIN_REQUIRED);
        }
        let query = "/login?email=mike@x.org&password=12345";
        assert_refused(&flask.form(query, &[]).await, 401, LOGIN_REQUIRED);
        assert_refused(&flask.send_body(query, None, "").await, 401, LOGIN_REQUIRED);
    }

    async fn an_unknown_address_is_told_from_a_wrong_password(flask: Flask) {
        assert_refused(&flask.login("mike@x.org", "12345").await, 401, UNKNOWN);
        flask.mike().await;
        assert_refused(&flask.login("mike@x.org", "12346").await, 403, WRONG);
        assert_refused(&flask.login("mike@x.org", &"a".repeat(1025)).await, 403, WRONG);
        for unknown in ["ann@x.org", "no address", "\u{0}", "mike"] {
            assert_refused(&flask.login(unknown, "12345").await, 401, UNKNOWN);
        }
        assert_refused(&flask.login("ann@x.org", &"a".repeat(1025)).await, 401, UNKNOWN);
    }

    async fn a_disabled_user_is_unknown_whatever_the_password(flask: Flask) {
        let token = flask.mike().await;
        let id = flask.id_of("mike@x.org").await;
        flask.app.disable(&Caller::command(START), &id).await.expect("disabled");
        assert_refused(&flask.login("mike@x.org", "12345").await, 401, UNKNOWN);
        assert_refused(&flask.login("mike@x.org", "12346").await, 401, UNKNOWN);
        assert_message(&flask.users_with(&token).await, 401, INVALID);
    }

    async fn the_token_of_a_user_who_is_gone_is_invalid(flask: Flask) {
        let token = flask.mike().await;
        let id = flask.id_of("mike@x.org").await;
        flask.app.delete_user(&Caller::command(START), &id).await.expect("deleted");
        assert_message(&flask.users_with(&token).await, 401, INVALID);
        assert_refused(&flask.login("mike@x.org", "12345").await, 401, UNKNOWN);
    }

    async fn whoever_may_lists_all_users(flask: Flask) {
        let mike = flask.mike().await;
        let ann = [("name", "Ann"), ("email", "Ann@X.org"), ("password", "1")];
        assert_eq!(flask.form("/signup", &ann).await.status, 201);
        let body = json!({ "username": "eve", "password": PASSWORD });
        assert_eq!(flask.post("/v1/register", body).await.status, 201);
        let answer = flask.users_with(&mike).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
        let expected = json!({ "users": [
            { "public_id": flask.id_of("mike@x.org").await, "name": "Mike", "email": "mike@x.org" },
            { "public_id": flask.id_of("ann@x.org").await, "name": "Ann", "email": "Ann@X.org" },
            { "public_id": flask.id_of("eve").await, "name": null, "email": "eve" },
        ]});
        let mut listed = answer.json();
        let by_email = |user: &Value| user["email"].as_str().map(str::to_lowercase);
        let mut expected = expected;
        for list in [&mut listed, &mut expected] {
            list["users"].as_array_mut().expect("a list").sort_by_key(by_email);
        }
        assert_eq!(listed, expected);
    }

    async fn no_token_is_missing_and_any_other_is_invalid(flask: Flask) {
        let token = flask.mike().await;
        let answer = Answer::of(flask.request(Method::GET, "/user")).await;
        assert_message(&answer, 401, NO_TOKEN);
        assert_message(&flask.users_with("").await, 401, NO_TOKEN);
        let query = format!("/user?x-access-token={token}&token={token}");
        assert_message(&Answer::of(flask.request(Method::GET, &query)).await, 401, NO_TOKEN);
        let bearer = flask.request(Method::GET, "/user").bearer_auth(&token);
        assert_message(&Answer::of(bearer).await, 401, NO_TOKEN);

        let mut parts = token.split('.');
        let (header, claims) = (parts.next().expect("three"), parts.next().expect("three"));
        let signature = parts.next().expect("three");
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        for bad in [
            "x".to_owned(),
            format!("Bearer {token}"),
            format!("{header}.{claims}"),
            format!("{header}.{claims}."),
            format!("{none}.{claims}."),
            format!("{none}.{claims}.{signature}"),
            format!("{header}.{claims}.{}", &signature[1..]),
        ] {
            assert_message(&flask.users_with(&bad).await, 401, INVALID);
        }
        let twice = flask.request(Method::GET, "/user");
        let twice = twice.header("x-access-token", &token).header("x-access-token", &token);
        assert_message(&Answer::of(twice).await, 401, INVALID);
        assert_eq!(flask.users_with(&token).await.status, 200);
    }

    async fn a_token_lives_half_an_hour(flask: Flask) {
        let token = flask.mike().await;
        flask.advance(Duration::from_mins(30) - Duration::from_secs(1)).await;
        assert_eq!(flask.users_with(&token).await.status, 200);
        flask.advance(Duration::from_secs(1)).await;
        assert_message(&flask.users_with(&token).await, 401, INVALID);
    }

    async fn a_login_that_cannot_be_read_is_required(flask: Flask) {
        flask.mike().await;
        let form = multipart(&[("email", "mike@x.org"), ("password", "12345")]);
        for (content_type, body) in unreadable("mike@x.org", "12345") {
            let answer = flask.send_body("/login", Some(content_type), body).await;
            assert_refused(&answer, 401, LOGIN_REQUIRED);
        }
        for content_type in OTHER_TYPES {
            let answer = flask.send_body("/login", *content_type, form.clone()).await;
            assert_refused(&answer, 401, LOGIN_REQUIRED);
        }
    }

    async fn a_signup_that_cannot_be_read_is_told_so(flask: Flask) {
        for (content_type, body) in unreadable("mike@x.org", "12345") {
            let answer = flask.send_body("/signup", Some(content_type), body).await;
            assert_text(&answer, 400, MALFORMED);
        }
        for content_type in OTHER_TYPES {
            let body = r#"{"name":"a","email":"mike@x.org","password":"12345"}"#;
            let answer = flask.send_body("/signup", *content_type, body).await;
            assert_text(&answer, 415, "Unsupported content type.");
        }
        assert_eq!(flask.users().await, 0);
    }

    async fn a_signup_without_a_field_is_told_which(flask: Flask) {
        let all = [("name", "Mike"), ("email", "mike@x.org"), ("password", "12345")];
        for missing in 0..all.len() {
            let mut fields = all.to_vec();
            fields[missing].1 = "";
            assert_text(&flask.form("/signup", &fields).await, 400, MISSING);
            fields.remove(missing);
            assert_text(&flask.form("/signup", &fields).await, 400, MISSING);
        }
        let query = "/signup?name=Mike&email=mike@x.org&password=12345";
        assert_text(&flask.form(query, &[]).await, 400, MISSING);
        assert_eq!(flask.users().await, 0);
    }

    async fn only_an_address_a_name_and_a_password_that_can_be_one_sign_up(flask: Flask) {
        for email in ["mike", "mike@", "+442079460958", "a b@x.org", "a@x.org\r\nBcc: b@x.org"] {
            let refused = flask.signup(email, "12345").await;
            assert_text(&refused, 400, "Provide a valid email.");
        }
        let refused = flask.signup("mike@x.org", &"a".repeat(1025)).await;
        assert_text(&refused, 400, "the password must have at most 1024 characters");
        let fields = [("name", "a\nb"), ("email", "mike@x.org"), ("password", "12345")];
        let refused = flask.form("/signup", &fields).await;
        assert_text(&refused, 400, "control characters and line breaks are not allowed in a name");
        assert_eq!(flask.users().await, 0);
        assert_text(&flask.signup("mike@x.org", "1").await, 201, REGISTERED);
    }

    async fn b4_unknown_fields_are_passed_over_and_make_nobody_an_admin(flask: Flask) {
        let fields = [
            ("name", "Mike"), ("email", "mike@x.org"), ("password", "12345"), ("admin", "true"),
            ("role", "admin"), ("roles", "admin"), ("public_id", "1"), ("id", "7"),
        ];
        assert_text(&flask.form("/signup", &fields).await, 201, REGISTERED);
        let user = flask.app.find_user("mike@x.org").await.expect("mike");
        assert!(!user.is_admin() && user.number == 1 && user.id != "1");
    }

    async fn b16_a_body_that_is_too_large_is_refused_as_natively(flask: Flask) {
        let large = "a".repeat(1 << 17);
        let native = flask.post("/v1/login", json!({ "password": large })).await;
        for path in ["/signup", "/login"] {
            let answer = flask.form(path, &[("password", &large)]).await;
            assert_eq!((answer.status.as_u16(), &answer.text), (413, &native.text));
        }
    }

    async fn an_unknown_path_or_method_is_answered_natively(flask: Flask) {
        assert_eq!(flask.post("/logout", json!({})).await.code(), (404, "not_found".into()));
        let answer = Answer::of(flask.request(Method::GET, "/login")).await;
        assert_eq!(answer.code().0, 405);
    }

    async fn d1_a_failing_database_is_told_in_the_dialects_words(flask: Flask) {
        let mike = flask.mike().await;
        flask.execute(PASSWORDS_AWAY, vec![]).await;
        for answer in
            [flask.signup("ann@x.org", "1").await, flask.login("mike@x.org", "12345").await]
        {
            assert_text(&answer, 503, "Could not verify");
            assert!(answer.headers.contains_key(RETRY_AFTER));
            assert!(!answer.headers.contains_key(WWW_AUTHENTICATE));
        }
        flask.execute(PASSWORDS_BACK, vec![]).await;
        assert_eq!(flask.users().await, 1, "a signup that failed left nothing");
        flask.execute(IDENTIFIERS_AWAY, vec![]).await;
        let login = flask.login("mike@x.org", "12345").await;
        assert_text(&login, 503, "Could not verify");
        assert!(login.headers.contains_key(RETRY_AFTER));
        flask.execute(IDENTIFIERS_BACK, vec![]).await;
        assert_eq!(flask.users_with(&mike).await.status, 200);
        flask.execute(USERS_AWAY, vec![]).await;
        let listed = flask.users_with(&mike).await;
        assert_text(&listed, 503, "Could not verify");
        assert!(listed.headers.contains_key(RETRY_AFTER));
    }

    async fn it_is_one_system_with_the_native_api(flask: Flask) {
        let old = flask.mike().await;
        let body = json!({ "identifier": "mike@x.org", "password": "12345" });
        let native = Session::read(&flask.post("/v1/login", body).await.json());
        assert_eq!(flask.get("/v1/me", &old).await.code(), (401, "invalid_token".into()));
        assert_message(&flask.users_with(&native.access).await, 401, INVALID);
        let all = json!({ "scope": "all" });
        let out = flask.send(Method::POST, "/v1/logout", &native.access, all).await;
        assert_eq!(out.status, 204);
        assert_message(&flask.users_with(&old).await, 401, INVALID);
    }

    async fn whoever_registered_natively_logs_in_here_with_what_they_have(flask: Flask) {
        let body = json!({ "email": "Joe@Gmail.com", "username": "joe", "password": PASSWORD });
        assert_eq!(flask.post("/v1/register", body).await.status, 201);
        for identifier in ["joe@gmail.com", "JOE"] {
            let token = token(&flask.login(identifier, PASSWORD).await);
            assert_eq!(flask.users_with(&token).await.json()["users"][0]["email"], "Joe@Gmail.com");
        }
        assert_text(&flask.signup("joe@gmail.com", "12345").await, 202, EXISTS);
    }
}

const OTHER_TYPES: &[Option<&str>] = &[
    Some("text/plain"),
    Some("application/json"),
    Some("application/x-www-form-urlencoded; charset=utf-16"),
    None,
];

/// Forms that nobody can read, or not in one way only.
fn unreadable(email: &str, password: &str) -> Vec<(&'static str, Vec<u8>)> {
    let fields = [("name", "a"), ("email", email), ("password", password)];
    let whole = multipart(&fields);
    let file = whole.replace("name=\"password\"", "name=\"password\"; filename=\"p\"");
    let twice = format!("{}&email=ann@x.org", url_encoded(&fields));
    let torn = whole[..whole.len() - 8].to_owned();
    vec![
        (MULTIPART, torn.into_bytes()),
        (MULTIPART, b"nothing".to_vec()),
        (MULTIPART, file.into_bytes()),
        ("multipart/form-data", whole.into_bytes()),
        (URL_ENCODED, twice.into_bytes()),
        (URL_ENCODED, b"name=a&email=a%ff&password=1".to_vec()),
        (URL_ENCODED, b"name=a&email=a\xff&password=1".to_vec()),
    ]
}

/// With limits, the server's policy, and a list for admins only.
struct Strict(Flask);

impl Strict {
    async fn on_database(kind: Kind) -> Option<Self> {
        let flask = Flask::with(kind, |config| {
            config.limits.enabled = true;
            config.dialects[0].password_policy = PasswordPolicy::Server;
            config.dialects[0].list_users = ListUsers::default();
        });
        flask.await.map(Self)
    }
}

on_each_database! {
    async fn only_admins_list_users_unless_anybody_may(server: Strict) {
        let Strict(flask) = server;
        assert_text(&flask.signup("mike@x.org", PASSWORD).await, 201, REGISTERED);
        let token = token(&flask.login("mike@x.org", PASSWORD).await);
        assert_message(&flask.users_with(&token).await, 403, "Admins only !!");
        let id = flask.id_of("mike@x.org").await;
        let caller = Caller::command(START);
        flask.app.set_roles(&caller, &id, vec!["admin".into()]).await.expect("mike");
        assert_eq!(flask.users_with(&token).await.status, 200);
    }

    async fn p10_the_servers_policy_holds_where_it_is_asked_for(server: Strict) {
        let Strict(flask) = server;
        for (password, reason) in [
            ("123456", "the password must have at least 8 characters"),
            ("password1", "this password is among the most common ones; choose another"),
            ("mike@x.org", "the password is your own name, address or number; choose another"),
        ] {
            assert_text(&flask.signup("mike@x.org", password).await, 400, reason);
        }
        assert_text(&flask.signup("mike@x.org", PASSWORD).await, 201, REGISTERED);
    }

    async fn p17_too_many_attempts_are_told_in_the_dialects_words(server: Strict) {
        let Strict(flask) = server;
        for _ in 0..5 {
            assert_refused(&flask.login("mike@x.org", "12345").await, 401, UNKNOWN);
        }
        let refused = flask.login("mike@x.org", "12345").await;
        assert_text(&refused, 429, "Too many attempts.");
        assert_eq!(refused.headers[RETRY_AFTER], "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_registration_is_told_in_the_dialects_words() {
    let flask = Flask::on_sqlite(|config| config.registration.mode = RegistrationMode::Closed);
    let refused = flask.await.signup("mike@x.org", "12345").await;
    assert_text(&refused, 403, "Registration is closed.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_moves_every_path() {
    let flask = Flask::on_sqlite(|config| config.dialects[0].prefix = "/old".into()).await;
    let fields = [("name", "Mike"), ("email", "mike@x.org"), ("password", "12345")];
    assert_eq!(flask.form("/signup", &fields).await.code(), (404, "not_found".into()));
    assert_text(&flask.form("/old/signup", &fields).await, 201, REGISTERED);
    let token = token(&flask.form("/old/login", &fields).await);
    let list = flask.request(Method::GET, "/old/user").header("x-access-token", token);
    assert_eq!(Answer::of(list).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_live_as_long_as_configured() {
    let five = Duration::from_secs(5);
    let flask = Flask::on_sqlite(|config| config.dialects[0].access_ttl = Some(five)).await;
    let token = flask.mike().await;
    assert_eq!(claims_of(&token)["exp"], START.seconds() + 5);
    flask.advance(five).await;
    assert_message(&flask.users_with(&token).await, 401, INVALID);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configured_secret_signs_and_what_else_it_signed_is_looked_at_closely() {
    let secret = SigningSecret::parse(SECRET).expect("a secret");
    let flask = Flask::on_sqlite(|config| config.dialects[0].secret = Some(secret)).await;
    let token = flask.mike().await;
    let key = |text: &str| {
        SigningKey::from_secret(Algorithm::Hs256, None, text.as_bytes()).expect("a key")
    };
    let issuer = Issuer::new(key(SECRET));
    let claims = claims_of(&token);
    let signed = issuer.sign("JWT", &claims).expect("a token");
    assert_eq!(flask.users_with(&signed).await.status, 200, "who has the secret can verify it");
    let other = Issuer::new(key("another secret that has 32 bytes or more"));
    let forged = other.sign("JWT", &claims).expect("a token");
    assert_message(&flask.users_with(&forged).await, 401, INVALID);
    for (member, value) in [
        ("public_id", json!("nobody")),
        ("public_id", json!(1)),
        ("public_id", json!(null)),
        ("sid", json!(null)),
        ("jti", json!(7)),
    ] {
        let mut changed = claims.clone();
        changed[member] = value;
        let signed = issuer.sign("JWT", &changed).expect("a token");
        assert_message(&flask.users_with(&signed).await, 401, INVALID);
    }
}
