//! The dialect `passport` as its clients know it: every row of its table, then one session a user,
//! the log of actions, mobile numbers, and what all dialects promise.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::{Algorithm, Issuer, SigningKey};
use countersign_server::config::{
    Config, DialectConfig, PasswordPolicy, RegistrationMode, SigningSecret,
};
use countersign_server::db::Kind;
use countersign_server::operations::Caller;
use countersign_server::sql;
use futures::future::join_all;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use serde_json::{Value, json};

use crate::auth_token::mount;
use crate::forms::{MULTIPART, URL_ENCODED, multipart, url_encoded};
use crate::kit::{claims_of, decode};
use crate::server::{Answer, PASSWORD, START, Session, TestApp};

sql! {
    PASSWORDS_AWAY = "ALTER TABLE passwords RENAME TO passwords_away";
    PASSWORDS_BACK = "ALTER TABLE passwords_away RENAME TO passwords";
    IDENTIFIERS_AWAY = "ALTER TABLE identifiers RENAME TO identifiers_away";
    IDENTIFIERS_BACK = "ALTER TABLE identifiers_away RENAME TO identifiers";
    EVENTS_AWAY = "ALTER TABLE events RENAME TO events_away";
    EVENTS_BACK = "ALTER TABLE events_away RENAME TO events";
    SESSIONS_AWAY = "ALTER TABLE sessions RENAME TO sessions_away";
    COUNT_EVENTS = "SELECT COUNT(*) FROM events";
    USERS_AWAY = "ALTER TABLE users RENAME TO users_away";
}

const MOBILE: &str = "13812345678";
const MALFORMED: &str = "请求体格式错误";
const MISSING: &str = "参数不完整";
const NO_MOBILE: &str = "手机号格式不正确";
const TAKEN: &str = "手机号已存在，请重新输入";
const UNKNOWN: &str = "请求的用户不存在";
const WRONG: &str = "用户登录密码输入错误";
const NOT_READ: &str = "登录时间查询失败";
const NOT_COMMITTED: &str = "token保存redis失败";
const NOT_SIGNED: &str = "没有生成对应的token";
const NO_HEADER: &str = "用户认证失败,请求未携带对应认证信息";
const BAD_HEADER: &str = "请求未携带认证信息，认证失败";
const EXPIRED: &str = "Token过期";
const INVALID: &str = "无效Token";
const WITHOUT_ID: &str = "用户认证失败，携带认证参数不合法";
const GONE: &str = "用户不存在，查无此用户";
const ENDED: &str = "jwt-token失效";
const REPLACED: &str = "用户认证失败，需要再次登录";
const OUT_OF_TOUCH: &str = "redis查询token失败";

const SECRET: &str = "a configured secret of 32 bytes, or a few more";

/// A server with the dialect at its usual place.
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

    async fn register(&self, mobile: &str, password: &str) -> Answer {
        let body = json!({ "mobile": mobile, "password": password });
        self.post("/passport/register", body).await
    }

    async fn login(&self, mobile: &str, password: &str) -> Answer {
        let body = json!({ "mobile": mobile, "password": password });
        self.post("/passport/login", body).await
    }

    /// Registers the one user, and gives the token of a login.
    async fn barry(&self) -> String {
        assert_success(&self.register(MOBILE, "123456").await, "注册成功", json!({ "user_id": 1 }));
        self.log_barry_in().await
    }

    async fn log_barry_in(&self) -> String {
        token(&self.login(MOBILE, "123456").await)
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

    async fn with_header(&self, method: Method, path: &str, authorization: &str) -> Answer {
        Answer::of(self.request(method, path).header(AUTHORIZATION, authorization)).await
    }

    async fn identify(&self, token: &str) -> Answer {
        self.with_header(Method::GET, "/passport/identify", &format!("JWT {token}")).await
    }

    async fn logout(&self, token: &str) -> Answer {
        self.with_header(Method::POST, "/passport/logout", &format!("JWT {token}")).await
    }

    /// The lines of the audit file that are actions, without those of events and seals.
    async fn actions(&self) -> Vec<Value> {
        let events = self.app.db.find(COUNT_EVENTS, &[]).await.expect("the database answers");
        let events = usize::try_from(events.unwrap_or(0_i64)).expect("a count");
        let file = self.data_dir.path().join("audit.jsonl");
        loop {
            let text = std::fs::read_to_string(&file).expect("the audit file is there");
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let lines = whole.lines().map(|line| serde_json::from_str(line).expect("JSON"));
            let lines = lines.filter(|line: &Value| line["seal"].is_null());
            let (actions, of_events): (Vec<Value>, Vec<Value>) =
                lines.partition(|line: &Value| line["url"].is_string());
            // The file is written behind the answers, and in order.
            if of_events.len() >= events {
                return actions;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Deref for Flask {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.0
    }
}

fn dialect() -> DialectConfig {
    DialectConfig { name: "passport".into(), ..DialectConfig::default() }
}

fn issuer(secret: &str) -> Issuer {
    let key = SigningKey::from_secret(Algorithm::Hs256, None, secret.as_bytes());
    Issuer::new(key.expect("a key"))
}

#[track_caller]
fn token(answer: &Answer) -> String {
    let token = answer.json()["data"]["token"].as_str().unwrap_or_default().to_owned();
    assert_success(answer, "用户登录成功", json!({ "token": token, "user_id": 1 }));
    token
}

#[track_caller]
fn assert_success(answer: &Answer, msg: &str, data: impl Into<Value>) {
    let data: Value = data.into();
    let expected = json!({ "code": 200, "msg": msg, "data": data });
    assert_eq!((answer.status.as_u16(), answer.json()), (200, expected), "{answer:?}");
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
}

#[track_caller]
fn assert_identified(answer: &Answer) {
    assert_success(answer, "用户认证成功", json!({ "user_id": 1 }));
}

#[track_caller]
fn assert_logged_out(answer: &Answer) {
    assert_success(answer, "退出登录成功", Value::Null);
}

#[track_caller]
fn assert_fails(answer: &Answer, code: i64, msg: &str) {
    let expected = json!({ "code": code, "msg": msg, "data": null });
    assert_eq!((answer.status.as_u16(), answer.json()), (200, expected), "{answer:?}");
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
    assert_eq!(answer.headers.contains_key(RETRY_AFTER), [429, 1001].contains(&code), "{answer:?}");
}

on_each_database! {
    async fn a_registration_is_answered_with_the_users_number_and_begins_no_session(flask: Flask) {
        let registered = flask.register(MOBILE, "123456").await;
        assert_success(&registered, "注册成功", json!({ "user_id": 1 }));
        let user = flask.app.find_user("+8613812345678").await.expect("the user");
        let caller = Caller::command(START);
        assert_eq!(flask.app.sessions_of(&user.id, &caller).await.expect("a list"), []);
    }

    async fn a_number_that_is_taken_is_told(flask: Flask) {
        flask.barry().await;
        assert_fails(&flask.register(MOBILE, "654321").await, 400, TAKEN);
        assert_eq!(flask.users().await, 1);
    }

    async fn a_missing_or_empty_field_is_told(flask: Flask) {
        for path in ["/passport/register", "/passport/login"] {
            for missing in [
                json!({}),
                json!({ "mobile": MOBILE }),
                json!({ "password": "123456" }),
                json!({ "mobile": "", "password": "123456" }),
                json!({ "mobile": MOBILE, "password": "" }),
            ] {
                assert_fails(&flask.post(path, missing).await, 400, MISSING);
            }
            for (content_type, body) in [
                (URL_ENCODED, url_encoded(&[("mobile", MOBILE)])),
                (MULTIPART, multipart(&[("password", "123456")])),
            ] {
                let answer = flask.send_body(path, Some(content_type), body).await;
                assert_fails(&answer, 400, MISSING);
            }
            let query = format!("{path}?mobile={MOBILE}&password=123456");
            assert_fails(&flask.post(&query, json!({})).await, 400, MISSING);
        }
        assert_eq!(flask.users().await, 0);
    }

    async fn only_a_mobile_number_registers(flask: Flask) {
        for mobile in [
            "12812345678", "1381234567", "138123456789", "+8613812345678", "138-1234-5678",
            "１３８１２３４５６７８", "joe", "joe@x.org",
        ] {
            assert_fails(&flask.register(mobile, "123456").await, 400, NO_MOBILE);
        }
        let refused = flask.register(MOBILE, &"a".repeat(1025)).await;
        assert_fails(&refused, 400, "the password must have at most 1024 characters");
        assert_eq!(flask.users().await, 0);
        let registered = flask.register(MOBILE, "1").await;
        assert_success(&registered, "注册成功", json!({ "user_id": 1 }));
    }

    async fn a_login_is_answered_with_a_token_of_these_claims(flask: Flask) {
        let token = flask.barry().await;
        let header = decode(token.split('.').next().expect("a header"));
        let header: Value = serde_json::from_slice(&header).expect("JSON");
        assert_eq!(header, json!({ "alg": "HS256", "typ": "JWT" }));
        let claims = claims_of(&token);
        let names: Vec<_> = claims.as_object().expect("an object").keys().collect();
        assert_eq!(names, ["data", "exp", "iat", "iss", "jti", "sid"]);
        let now = START.seconds();
        assert_eq!(claims["data"], json!({ "id": 1, "login_time": now }));
        assert_eq!((&claims["iat"], &claims["exp"]), (&json!(now), &json!(now + 24 * 60 * 60)));
        assert_eq!(claims["iss"], flask.app.config.public_url.as_str());
    }

    async fn a_body_may_also_be_a_form(flask: Flask) {
        let fields = [("mobile", MOBILE), ("password", "a+b=c&d%")];
        let body = url_encoded(&fields);
        let registered = flask.send_body("/passport/register", Some(URL_ENCODED), body.clone()).await;
        assert_success(&registered, "注册成功", json!({ "user_id": 1 }));
        token(&flask.send_body("/passport/login", Some(URL_ENCODED), body).await);
        token(&flask.send_body("/passport/login", Some(MULTIPART), multipart(&fields)).await);
    }

    async fn an_unknown_number_is_told_from_a_wrong_password(flask: Flask) {
        assert_fails(&flask.login(MOBILE, "123456").await, 401, UNKNOWN);
        flask.barry().await;
        assert_fails(&flask.login(MOBILE, "1234567").await, 400, WRONG);
        for unknown in ["13912345678", "1381234567", "a b", "joe@x.org"] {
            assert_fails(&flask.login(unknown, "123456").await, 401, UNKNOWN);
        }
    }

    async fn a_disabled_user_is_unknown_and_their_token_nobodys(flask: Flask) {
        let token = flask.barry().await;
        let user = flask.app.find_user("1").await.expect("the user");
        flask.app.disable(&Caller::command(START), &user.id).await.expect("disabled");
        assert_fails(&flask.login(MOBILE, "123456").await, 401, UNKNOWN);
        assert_fails(&flask.login(MOBILE, "1234567").await, 401, UNKNOWN);
        assert_fails(&flask.identify(&token).await, 401, GONE);
        assert_fails(&flask.logout(&token).await, 401, GONE);
    }

    async fn a_good_token_is_identified(flask: Flask) {
        let token = flask.barry().await;
        assert_identified(&flask.identify(&token).await);
    }

    async fn no_header_is_told_from_one_that_is_not_jwt_and_a_token(flask: Flask) {
        let token = flask.barry().await;
        for (method, path) in
            [(Method::GET, "/passport/identify"), (Method::POST, "/passport/logout")]
        {
            assert_fails(&Answer::of(flask.request(method.clone(), path)).await, 401, NO_HEADER);
            assert_fails(&flask.with_header(method.clone(), path, "").await, 401, NO_HEADER);
            for header in [
                "JWT".to_owned(),
                format!("jwt {token}"),
                format!("Bearer {token}"),
                format!("JWT  {token}"),
                format!("JWT {token} x"),
                token.clone(),
            ] {
                let answer = flask.with_header(method.clone(), path, &header).await;
                assert_fails(&answer, 401, BAD_HEADER);
            }
            let twice = flask.request(method.clone(), path);
            let header = format!("JWT {token}");
            let twice = twice.header(AUTHORIZATION, &header).header(AUTHORIZATION, &header);
            assert_fails(&Answer::of(twice).await, 401, BAD_HEADER);
        }
        assert_identified(&flask.identify(&token).await);
    }

    async fn an_expired_token_is_told_so(flask: Flask) {
        let token = flask.barry().await;
        flask.advance(Duration::from_hours(24) - Duration::from_secs(1)).await;
        assert_identified(&flask.identify(&token).await);
        flask.advance(Duration::from_secs(1)).await;
        assert_fails(&flask.identify(&token).await, 401, EXPIRED);
        assert_fails(&flask.logout(&token).await, 401, EXPIRED);
    }

    async fn a_token_that_is_otherwise_bad_is_invalid(flask: Flask) {
        let token = flask.barry().await;
        let mut parts = token.split('.');
        let (header, claims) = (parts.next().expect("three"), parts.next().expect("three"));
        let signature = parts.next().expect("three");
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let forged = issuer("another secret that has 32 bytes or more");
        for bad in [
            "x".to_owned(),
            format!("{header}.{claims}"),
            format!("{header}.{claims}."),
            format!("{none}.{claims}."),
            format!("{none}.{claims}.{signature}"),
            format!("{header}.{claims}.{}", &signature[1..]),
            forged.sign("JWT", &claims_of(&token)).expect("a token"),
        ] {
            assert_fails(&flask.identify(&bad).await, 401, INVALID);
            assert_fails(&flask.logout(&bad).await, 401, INVALID);
        }
    }

    async fn a_user_who_is_gone_is_told(flask: Flask) {
        let token = flask.barry().await;
        let user = flask.app.find_user("1").await.expect("the user");
        flask.app.delete_user(&Caller::command(START), &user.id).await.expect("deleted");
        assert_fails(&flask.identify(&token).await, 401, GONE);
        assert_fails(&flask.logout(&token).await, 401, GONE);
        assert_fails(&flask.login(MOBILE, "123456").await, 401, UNKNOWN);
    }

    async fn a_token_that_was_logged_out_is_over(flask: Flask) {
        let token = flask.barry().await;
        assert_logged_out(&flask.logout(&token).await);
        assert_fails(&flask.identify(&token).await, 401, ENDED);
        assert_fails(&flask.logout(&token).await, 401, ENDED);
        let next = flask.log_barry_in().await;
        assert_identified(&flask.identify(&next).await);
        assert_fails(&flask.identify(&token).await, 401, ENDED);
    }

    async fn a_session_that_ended_otherwise_is_over(flask: Flask) {
        let token = flask.barry().await;
        let sid = claims_of(&token)["sid"].as_str().expect("a sid").to_owned();
        let caller = Caller::command(START);
        flask.app.end_session_as_operator(&caller, &sid).await.expect("ended");
        assert_fails(&flask.identify(&token).await, 401, ENDED);
    }

    async fn a_later_login_replaces_the_one_before_even_in_the_same_second(flask: Flask) {
        let first = flask.barry().await;
        let second = flask.log_barry_in().await;
        assert_eq!(claims_of(&first)["data"], claims_of(&second)["data"]);
        assert_fails(&flask.identify(&first).await, 401, REPLACED);
        assert_fails(&flask.logout(&first).await, 401, REPLACED);
        assert_identified(&flask.identify(&second).await);
        flask.advance(Duration::from_secs(5)).await;
        let third = flask.log_barry_in().await;
        assert_fails(&flask.identify(&second).await, 401, REPLACED);
        assert_identified(&flask.identify(&third).await);
    }

    async fn a_later_login_on_another_node_replaces_the_one_before_on_every_node(flask: Flask) {
        let first = flask.barry().await;
        let node = Flask(flask.beside().await);
        assert_identified(&node.identify(&first).await);
        let second = node.log_barry_in().await;
        flask.app.catch_up().await.expect("the database answers");
        for node in [&flask, &node] {
            assert_fails(&node.identify(&first).await, 401, REPLACED);
            assert_identified(&node.identify(&second).await);
        }
        let third = flask.log_barry_in().await;
        node.app.catch_up().await.expect("the database answers");
        assert_fails(&node.identify(&second).await, 401, REPLACED);
        assert_identified(&node.identify(&third).await);
    }

    async fn one_of_many_logins_at_once_is_live(flask: Flask) {
        flask.barry().await;
        let logins = join_all((0..8).map(|_| flask.login(MOBILE, "123456"))).await;
        let mut live = 0;
        for login in &logins {
            let answer = flask.identify(&token(login)).await;
            match answer.json()["code"].as_i64() {
                Some(200) => live += 1,
                _ => assert_fails(&answer, 401, REPLACED),
            }
        }
        assert_eq!(live, 1);
    }

    async fn only_sessions_begun_here_are_one_a_user(flask: Flask) {
        let old = flask.barry().await;
        let log_in = async || {
            let body = json!({ "identifier": "+8613812345678", "password": "123456" });
            Session::read(&flask.post("/v1/login", body).await.json())
        };
        let (one, two) = (log_in().await, log_in().await);
        assert_identified(&flask.identify(&old).await);
        flask.log_barry_in().await;
        assert_fails(&flask.identify(&old).await, 401, REPLACED);
        assert_eq!((flask.check(&one.access).await, flask.check(&two.access).await), (200, 200));
    }

    async fn bodies_that_cannot_be_read_are_told(flask: Flask) {
        for path in ["/passport/register", "/passport/login"] {
            for malformed in [
                "",
                "null",
                "[]",
                "{",
                r#"{"mobile":13812345678,"password":"123456"}"#,
                r#"{"mobile":"13812345678","password":null}"#,
                r#"{"mobile":"13812345678","password":["123456"]}"#,
                r#"{"mobile":"13812345678","mobile":"13912345678","password":"123456"}"#,
                r#"{"mobile":"13812345678","password":"\ud800"}"#,
            ] {
                let answer = flask.send_body(path, Some("application/json"), malformed).await;
                assert_fails(&answer, 400, MALFORMED);
            }
            let twice = format!("mobile={MOBILE}&mobile={MOBILE}&password=1");
            let answer = flask.send_body(path, Some(URL_ENCODED), twice).await;
            assert_fails(&answer, 400, MALFORMED);
            for other in [Some("text/plain"), Some("application/json; charset=utf-16"), None] {
                let body = r#"{"mobile":"13812345678","password":"123456"}"#;
                assert_fails(&flask.send_body(path, other, body).await, 400, MALFORMED);
            }
        }
        assert_eq!(flask.users().await, 0);
    }

    async fn b4_unknown_members_are_passed_over_and_make_nobody_an_admin(flask: Flask) {
        let body = json!({
            "mobile": MOBILE, "password": "123456", "admin": true, "role": "admin",
            "roles": ["admin"], "user_id": 7, "id": 7, "__proto__": { "admin": true },
        });
        let registered = flask.post("/passport/register", body).await;
        assert_success(&registered, "注册成功", json!({ "user_id": 1 }));
        assert!(!flask.app.find_user("1").await.expect("the user").is_admin());
    }

    async fn b16_a_body_that_is_too_large_is_refused_as_natively(flask: Flask) {
        let body = json!({ "mobile": MOBILE, "password": "a".repeat(1 << 17) });
        let native = flask.post("/v1/login", body.clone()).await;
        for path in ["/passport/register", "/passport/login"] {
            let answer = flask.post(path, body.clone()).await;
            assert_eq!((answer.status.as_u16(), &answer.text), (413, &native.text));
        }
    }

    async fn an_unknown_path_or_method_is_answered_natively(flask: Flask) {
        let answer = flask.post("/passport/unknown", json!({})).await;
        assert_eq!(answer.code(), (404, "not_found".into()));
        let answer = Answer::of(flask.request(Method::GET, "/passport/login")).await;
        assert_eq!(answer.code().0, 405);
    }

    async fn a_failing_database_is_told_in_the_dialects_words(flask: Flask) {
        let token = flask.barry().await;
        flask.execute(PASSWORDS_AWAY, vec![]).await;
        assert_fails(&flask.register("13912345678", "1").await, 1001, OUT_OF_TOUCH);
        assert_fails(&flask.login(MOBILE, "123456").await, 1001, NOT_READ);
        flask.execute(PASSWORDS_BACK, vec![]).await;
        flask.execute(IDENTIFIERS_AWAY, vec![]).await;
        assert_fails(&flask.login(MOBILE, "123456").await, 1001, NOT_READ);
        flask.execute(IDENTIFIERS_BACK, vec![]).await;
        assert_eq!(flask.users().await, 1, "a registration that failed left nothing");

        flask.execute(EVENTS_AWAY, vec![]).await;
        assert_fails(&flask.login(MOBILE, "123456").await, 1001, NOT_COMMITTED);
        flask.execute(EVENTS_BACK, vec![]).await;
        flask.execute(SESSIONS_AWAY, vec![]).await;
        assert_fails(&flask.login(MOBILE, "123456").await, 1001, NOT_READ);
        assert_fails(&flask.logout(&token).await, 1001, OUT_OF_TOUCH);
        assert_identified(&flask.identify(&token).await);
    }

    async fn a_token_is_identified_without_the_database(flask: Flask) {
        let token = flask.barry().await;
        flask.execute(SESSIONS_AWAY, vec![]).await;
        flask.execute(IDENTIFIERS_AWAY, vec![]).await;
        flask.execute(PASSWORDS_AWAY, vec![]).await;
        flask.execute(USERS_AWAY, vec![]).await;
        assert_identified(&flask.identify(&token).await);
    }

    async fn each_login_and_logout_is_a_line_in_the_audit_file(flask: Flask) {
        let first = flask.barry().await;
        flask.login(MOBILE, "wrong").await;
        flask.advance(Duration::from_secs(1)).await;
        let second = flask.log_barry_in().await;
        flask.logout(&first).await;
        flask.logout(&second).await;
        flask.logout(&second).await;
        let line = |event: &str, time: &str| json!({
            "user_id": 1, "url": format!("/passport/{event}"), "method": "post",
            "msg": event, "event": event, "time": time,
        });
        let (early, late) = ("2026-01-02T03:04:05.000Z", "2026-01-02T03:04:06.000Z");
        let expected = [line("login", early), line("login", late), line("logout", late)];
        assert_eq!(flask.actions().await, expected);
    }

    async fn it_is_one_system_with_the_native_api(flask: Flask) {
        let old = flask.barry().await;
        let body = json!({ "identifier": "+86 138 1234 5678", "password": "123456" });
        let native = Session::read(&flask.post("/v1/login", body).await.json());
        assert_eq!(flask.get("/v1/me", &old).await.code(), (401, "invalid_token".into()));
        assert_fails(&flask.identify(&native.access).await, 401, INVALID);
        let all = json!({ "scope": "all" });
        let out = flask.send(Method::POST, "/v1/logout", &native.access, all).await;
        assert_eq!(out.status, 204);
        assert_fails(&flask.identify(&old).await, 401, ENDED);
        assert_eq!(flask.actions().await.len(), 1, "only what was done here is a line of its own");
    }

    async fn a_bare_mobile_number_is_a_phone_everywhere(flask: Flask) {
        flask.barry().await;
        let native = async |identifier: &str| {
            let body = json!({ "identifier": identifier, "password": "123456" });
            flask.post("/v1/login", body).await.status.as_u16()
        };
        assert_eq!((native(MOBILE).await, native("+8613812345678").await), (200, 200));
        assert_eq!(native("13912345678").await, 401);
        assert_eq!(flask.app.find_user(MOBILE).await.expect("the user").number, 1);

        let taken = json!({ "phone": MOBILE, "password": PASSWORD });
        assert_eq!(flask.post("/v1/register", taken).await.code().1, "identifier_taken");
        let username = json!({ "username": MOBILE, "password": PASSWORD });
        let refused = flask.post("/v1/register", username).await;
        assert_eq!(refused.code(), (400, "invalid_field".into()));
        assert_eq!(refused.reason(), "mobile_number");
        let phone = json!({ "phone": "13912345678", "password": PASSWORD });
        assert_eq!(flask.post("/v1/register", phone).await.status, 201);
        assert_fails(&flask.register("13912345678", "123456").await, 400, TAKEN);
    }

    async fn whoever_registered_natively_logs_in_here_with_what_they_have(flask: Flask) {
        let body = json!({
            "email": "joe@x.org", "phone": "+86 138 1234 5678", "password": PASSWORD,
        });
        assert_eq!(flask.post("/v1/register", body).await.status, 201);
        for identifier in [MOBILE, "+8613812345678", "JOE@x.org"] {
            token(&flask.login(identifier, PASSWORD).await);
        }
    }
}

/// With limits and the server's policy.
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
            ("1234567", "the password must have at least 8 characters"),
            ("password1", "this password is among the most common ones; choose another"),
        ] {
            assert_fails(&flask.register(MOBILE, password).await, 400, reason);
        }
        let registered = flask.register(MOBILE, PASSWORD).await;
        assert_success(&registered, "注册成功", json!({ "user_id": 1 }));
    }

    async fn p17_too_many_attempts_are_told_in_the_dialects_words(server: Strict) {
        let Strict(flask) = server;
        for _ in 0..5 {
            assert_fails(&flask.login(MOBILE, "123456").await, 401, UNKNOWN);
        }
        let refused = flask.login(MOBILE, "123456").await;
        assert_fails(&refused, 429, "尝试次数过多，请稍后再试");
        assert_eq!(refused.headers[RETRY_AFTER], "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_username_of_a_mobile_numbers_shape_keeps_its_owner() {
    let flask = Flask::on_sqlite(|config| config.dialects.clear()).await;
    let early = json!({ "username": MOBILE, "password": PASSWORD });
    assert_eq!(flask.post("/v1/register", early).await.status, 201);
    let config = Config { dialects: vec![dialect()], ..flask.app.config.clone() };
    let flask = Flask(flask.0.restart_with(config).await);
    assert_eq!(flask.register(MOBILE, "123456").await.json()["code"], 200);
    let native = async |password: &str| {
        let body = json!({ "identifier": MOBILE, "password": password });
        flask.post("/v1/login", body).await.status.as_u16()
    };
    assert_eq!((native(PASSWORD).await, native("123456").await), (200, 401));
    for (password, code) in [("123456", 200), (PASSWORD, 400)] {
        let here = flask.login(MOBILE, password).await;
        assert_eq!(here.json()["code"], code, "here a number is a mobile number");
    }
}

/// With an issuer so long that no token has room for it.
struct LongIssuer(Flask);

impl LongIssuer {
    async fn on_database(kind: Kind) -> Option<Self> {
        let long = |config: &mut Config| config.dialects[0].issuer = Some("x".repeat(9000));
        Flask::with(kind, long).await.map(Self)
    }
}

on_each_database! {
    async fn a_token_that_cannot_be_signed_is_told(server: LongIssuer) {
        let LongIssuer(flask) = server;
        flask.register(MOBILE, "123456").await;
        assert_fails(&flask.login(MOBILE, "123456").await, 401, NOT_SIGNED);
    }
}

/// Where the platform's own secret signs.
struct OwnSecret(Flask);

impl OwnSecret {
    async fn on_database(kind: Kind) -> Option<Self> {
        let secret = SigningSecret::parse(SECRET).expect("a secret");
        Flask::with(kind, |config| config.dialects[0].secret = Some(secret)).await.map(Self)
    }
}

on_each_database! {
    async fn well_signed_tokens_are_looked_at_closely(server: OwnSecret) {
        let OwnSecret(flask) = server;
        let claims = claims_of(&flask.barry().await);
        let with = |member: &str, value: Value| {
            let mut changed = claims.clone();
            changed[member] = value;
            issuer(SECRET).sign("JWT", &changed).expect("a token")
        };
        assert_identified(&flask.identify(&with("iss", json!("Barry"))).await);
        for data in
            [json!(null), json!(1), json!({}), json!({ "id": "1" }), json!({ "user_id": 1 })]
        {
            let token = with("data", data);
            assert_fails(&flask.identify(&token).await, 401, WITHOUT_ID);
            assert_fails(&flask.logout(&token).await, 401, WITHOUT_ID);
        }
        for (member, value) in [
            ("sid", json!(null)),
            ("jti", json!(7)),
            ("iat", json!(null)),
            ("iat", json!(START.seconds() + 3600)),
        ] {
            assert_fails(&flask.identify(&with(member, value)).await, 401, INVALID);
        }
    }
}

/// With what an operator may choose.
struct Chosen(Flask);

impl Chosen {
    async fn on_database(kind: Kind) -> Option<Self> {
        let flask = Flask::with(kind, |config| {
            let codes =
                [("ok", 0), ("parmas_error", 4103), ("auth_error", 4101), ("db_error", 4001)];
            let dialect = &mut config.dialects[0];
            dialect.codes = codes.map(|(name, number)| (name.to_owned(), number)).into();
            dialect.issuer = Some("Barry".into());
            dialect.access_ttl = Some(Duration::from_secs(5));
            dialect.prefix = "/old".into();
        });
        flask.await.map(Self)
    }
}

on_each_database! {
    async fn issuer_codes_life_and_prefix_are_the_operators(server: Chosen) {
        let Chosen(flask) = server;
        let body = json!({ "mobile": MOBILE, "password": "123456" });
        let gone = flask.post("/passport/register", body.clone()).await;
        assert_eq!(gone.code(), (404, "not_found".into()));
        assert_eq!(flask.post("/old/passport/register", body.clone()).await.json()["code"], 0);
        let login = flask.post("/old/passport/login", body.clone()).await.json();
        assert_eq!(login["code"], 0);
        let token = login["data"]["token"].as_str().expect("a token");
        let claims = claims_of(token);
        let until = json!(START.seconds() + 5);
        assert_eq!((&claims["iss"], &claims["exp"]), (&json!("Barry"), &until));
        let again = flask.post("/old/passport/register", body.clone()).await.json();
        assert_eq!(again["code"], 4103);
        let nobody = flask.request(Method::GET, "/old/passport/identify");
        assert_eq!(Answer::of(nobody).await.json()["code"], 4101);
        assert_eq!(flask.actions().await[0]["url"], "/old/passport/login");
        flask.execute(PASSWORDS_AWAY, vec![]).await;
        let failed = flask.post("/old/passport/login", body).await;
        assert_eq!(failed.json(), json!({ "code": 4001, "msg": NOT_READ, "data": null }));
        assert!(failed.headers.contains_key(RETRY_AFTER), "{failed:?}");
        flask.app.clock.advance(Duration::from_secs(6));
        let header = format!("JWT {token}");
        let expired = flask.with_header(Method::GET, "/old/passport/identify", &header).await;
        let expired = expired.json();
        assert_eq!((&expired["code"], &expired["msg"]), (&json!(4101), &json!(EXPIRED)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_no_such_name_is_refused_at_start() {
    for (name, code) in [("passport", "db_eror"), ("auth-token", "ok")] {
        let codes = BTreeMap::from([(code.to_owned(), 1)]);
        let dialect = DialectConfig { name: name.into(), codes, ..DialectConfig::default() };
        let problem = mount(vec![dialect]).await.expect_err("refused");
        assert!(problem.contains(&format!("dialects.codes.{code}: {name} ")), "{problem}");
    }
    let codes = BTreeMap::from([("db_error".to_owned(), 1001)]);
    mount(vec![DialectConfig { codes, ..dialect() }]).await.expect("a code of that name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_registration_is_told_in_the_dialects_words() {
    let flask = Flask::on_sqlite(|config| config.registration.mode = RegistrationMode::Closed);
    assert_fails(&flask.await.register(MOBILE, "123456").await, 401, "注册已关闭");
}
