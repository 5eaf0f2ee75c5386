//! Tokens that the older systems minted before the move, in the dialects that find their users by
//! a number or a public id: as `PyJWT` 1.x made them, with the secrets of the documents.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::time::Duration;

use aws_lc_rs::hmac;
use countersign::EndReason;
use countersign_server::clock::Time;
use countersign_server::config::{Config, DialectConfig, ListUsers, SigningSecret};
use countersign_server::db::{DbError, Kind};
use countersign_server::identifier::{self, Identifier};
use countersign_server::operations::Caller;
use countersign_server::operations::changes::Changes;
use countersign_server::operations::legacy::token_id;
use countersign_server::password::Password;
use countersign_server::sql;
use countersign_server::tables::import::{self, Import};
use countersign_server::tables::password::{self, PLAIN};
use countersign_server::tables::revocation::{self, Revocation, Subject};
use countersign_server::tables::user::{self, User};
use reqwest::header::{AUTHORIZATION, RETRY_AFTER};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::kit::encode;
use crate::server::{Answer, PASSWORD, START, Session, TestApp};

sql! {
    USERS_AWAY = "ALTER TABLE users RENAME TO users_away";
}

const DAY: Duration = Duration::from_hours(24);
/// The last login at the older system of `passport`: an hour before [`START`].
const LOGIN_TIME: i64 = 1_767_319_445;
/// What a good token is told, whatever the dialect's own words.
const GOOD: &str = "good";

/// A dialect, the secret of its document, and its words for a token that is not taken.
#[derive(Clone, Copy, Debug)]
struct Old {
    name: &'static str,
    secret: &'static str,
    number: i64,
    identifier: &'static str,
    invalid: &'static str,
    expired: &'static str,
    ended: &'static str,
    gone: &'static str,
}

const AUTH_TOKEN: Old = Old {
    name: "auth-token",
    secret: "my_precious",
    number: 5001,
    identifier: "joe@gmail.com",
    invalid: "Invalid token. Please log in again.",
    expired: "Signature expired. Please log in again.",
    ended: "Token blacklisted. Please log in again.",
    gone: "Invalid token. Please log in again.",
};

const X_ACCESS_TOKEN: Old = Old {
    name: "x-access-token",
    secret: "your secret key",
    number: 5002,
    identifier: "mike@x.org",
    invalid: "Token is invalid !!",
    expired: "Token is invalid !!",
    ended: "Token is invalid !!",
    gone: "Token is invalid !!",
};

const PASSPORT: Old = Old {
    name: "passport",
    secret: "a secret of the platform",
    number: 5003,
    identifier: "+8613812345678",
    invalid: "无效Token",
    expired: "Token过期",
    ended: "jwt-token失效",
    gone: "用户不存在，查无此用户",
};

const ALL: [Old; 3] = [AUTH_TOKEN, X_ACCESS_TOKEN, PASSPORT];

impl Old {
    fn config(self) -> DialectConfig {
        DialectConfig {
            name: self.name.into(),
            list_users: ListUsers::Any,
            legacy_secret: Some(SigningSecret::parse(self.secret).expect("a secret")),
            legacy_tokens_until: Some("2026-01-31".parse().expect("a date")),
            legacy_issuer: (self.name == PASSPORT.name).then(|| "Barry".to_owned()),
            ..DialectConfig::default()
        }
    }

    /// What the older system wrote into a token that it gave this user yesterday.
    fn claims(self, user: &User) -> Value {
        let (iat, exp) = ((START.minus(DAY)).seconds(), START.plus(60 * DAY).seconds());
        match self.name {
            "auth-token" => json!({ "exp": exp, "iat": iat, "sub": user.number }),
            "x-access-token" => json!({ "public_id": user.id, "exp": exp }),
            _ => {
                let data = json!({ "id": user.number, "login_time": LOGIN_TIME });
                json!({ "exp": exp, "iat": iat, "iss": "Barry", "data": data })
            }
        }
    }

    fn sign(self, claims: &Value) -> String {
        pyjwt(claims, self.secret)
    }

    fn token(self, user: &User) -> String {
        self.sign(&self.claims(user))
    }
}

/// A token as `PyJWT` 1.x writes it.
fn pyjwt(claims: &Value, secret: &str) -> String {
    let header = encode(r#"{"typ":"JWT","alg":"HS256"}"#);
    let message = format!("{header}.{}", encode(claims.to_string()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = encode(hmac::sign(&key, message.as_bytes()));
    format!("{message}.{signature}")
}

/// A server with all three, each with the one user who came along from its older system.
struct Moved {
    server: TestApp,
    users: Vec<User>,
}

impl Deref for Moved {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.server
    }
}

impl Moved {
    async fn on_database(kind: Kind) -> Option<Self> {
        Self::with(kind, |_| {}).await
    }

    async fn with(kind: Kind, change: impl FnOnce(&mut Config)) -> Option<Self> {
        let server = TestApp::with(kind, |config| {
            config.dialects = ALL.map(Old::config).into();
            change(config);
        });
        let server = server.await?;
        let mut users = Vec::new();
        for old in ALL {
            users.push(import(&server, old).await);
        }
        Some(Self { server, users })
    }

    /// Each dialect with its user.
    fn all(&self) -> impl Iterator<Item = (Old, &User)> {
        ALL.into_iter().zip(&self.users)
    }

    fn user(&self, of: Old) -> &User {
        self.users.iter().find(|user| user.number == of.number).expect("the user came along")
    }

    fn caller(&self) -> Caller {
        Caller::command(self.app.clock.now())
    }

    /// A request of the dialect's that shows who the token's user is.
    fn asking(&self, old: Old, token: &str) -> RequestBuilder {
        match old.name {
            "auth-token" => self.request(Method::GET, "/auth/status").bearer_auth(token),
            "x-access-token" => self.request(Method::GET, "/user").header("x-access-token", token),
            _ => {
                let header = format!("JWT {token}");
                self.request(Method::GET, "/passport/identify").header(AUTHORIZATION, header)
            }
        }
    }

    /// What the dialect says of the token.
    async fn told(&self, old: Old, token: &str) -> String {
        told(&Answer::of(self.asking(old, token)).await)
    }

    async fn log_out(&self, old: Old, token: &str) -> String {
        let (path, scheme) = match old.name {
            "auth-token" => ("/auth/logout", "Bearer"),
            _ => ("/passport/logout", "JWT"),
        };
        let request = self.request(Method::POST, path);
        told(&Answer::of(request.header(AUTHORIZATION, format!("{scheme} {token}"))).await)
    }

    async fn restart(self) -> Self {
        Self { server: self.server.restart().await, users: self.users }
    }

    /// Puts a token on the blacklist that came along, which a server reads when it starts.
    async fn blacklist(&self, id: String) {
        let until = START.plus(60 * DAY);
        let revocation =
            Revocation { subject: Subject::Token(id), reason: EndReason::Logout, until };
        let written: Result<(), DbError> = self
            .app
            .db
            .write("blacklist", move |tx| {
                let revocation = revocation.clone();
                Box::pin(async move { revocation::insert(tx, &revocation).await })
            })
            .await;
        written.expect("the database takes it");
    }
}

/// The message of an answer; the same word of each good one.
fn told(answer: &Answer) -> String {
    assert!(answer.status.as_u16() < 500, "{answer:?}");
    let body = answer.json();
    if answer.status == 200 && (body["code"].is_null() || body["code"] == 200) {
        return GOOD.to_owned();
    }
    let message = body["msg"].as_str().or(body["message"].as_str());
    message.unwrap_or_else(|| panic!("no message: {answer:?}")).to_owned()
}

/// A user as an import writes one.
async fn import(server: &TestApp, old: Old) -> User {
    let user = User {
        id: format!("6f1ed002-ab5d-42a8-a41a-0d2f5c3b{}", old.number),
        number: old.number,
        name: None,
        roles: Vec::new(),
        epoch: 0,
        created_at: START.minus(100 * DAY),
        last_login_at: None,
        disabled_at: None,
    };
    let typed = Password::parse(PASSWORD.to_owned()).expect("a password");
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let hash = server.app.lane.hash(typed, address).await.expect("it can be hashed");
    let login_stamp = (old.name == PASSPORT.name).then_some(LOGIN_TIME);
    let job = (user.clone(), hash, Import { source: old.name.into(), login_stamp });
    let written: Result<(), DbError> = server
        .app
        .db
        .write("import", move |tx| {
            let (user, hash, import) = job.clone();
            let identifier = Identifier::parse(old.identifier).expect("an identifier");
            Box::pin(async move {
                user::insert(tx, &user).await?;
                let now = user.created_at;
                countersign_server::tables::identifier::insert(tx, &user.id, &identifier, now)
                    .await?;
                password::insert(tx, &user.id, (PLAIN, &hash), now).await?;
                import::insert(tx, &user.id, &import).await
            })
        })
        .await;
    written.expect("the database takes it");
    user
}

on_each_database! {
    async fn d7_they_are_good_until_the_end_of_the_last_day(moved: Moved) {
        for (old, user) in moved.all() {
            assert_eq!(moved.told(old, &old.token(user)).await, GOOD, "{old:?}");
        }
        let end = Time(1_769_904_000_000);
        assert_eq!(end.to_rfc3339(), "2026-02-01T00:00:00.000Z");
        moved.advance(Time(end.0 - 1).since(START)).await;
        for (old, user) in moved.all() {
            assert_eq!(moved.told(old, &old.token(user)).await, GOOD, "{old:?}");
        }
        moved.advance(Duration::from_millis(1)).await;
        for (old, user) in moved.all() {
            assert_eq!(moved.told(old, &old.token(user)).await, old.invalid, "{old:?}");
        }
    }

    async fn they_say_who_their_user_is(moved: Moved) {
        let [joe, mike, barry] = ALL.map(|old| old.token(moved.user(old)));
        let status = Answer::of(moved.asking(AUTH_TOKEN, &joe)).await.json();
        assert_eq!(status["data"]["user_id"], 5001);
        assert_eq!(status["data"]["email"], "joe@gmail.com");
        let users = Answer::of(moved.asking(X_ACCESS_TOKEN, &mike)).await.json();
        assert_eq!(users["users"].as_array().map(Vec::len), Some(3));
        let identified = Answer::of(moved.asking(PASSPORT, &barry)).await.json();
        assert_eq!(identified["data"], json!({ "user_id": 5003 }));
    }

    async fn an_expired_or_forged_one_is_refused(moved: Moved) {
        for (old, user) in moved.all() {
            let mut claims = old.claims(user);
            let forged = pyjwt(&claims, "another secret");
            assert_eq!(moved.told(old, &forged).await, old.invalid, "{old:?}");
            claims["exp"] = json!(START.seconds());
            assert_eq!(moved.told(old, &old.sign(&claims)).await, old.expired, "{old:?}");
            claims["exp"] = json!(null);
            assert_eq!(moved.told(old, &old.sign(&claims)).await, old.invalid, "{old:?}");
        }
    }

    async fn one_on_the_blacklist_that_came_along_is_refused(moved: Moved) {
        let mut tokens = Vec::new();
        for (old, user) in moved.all() {
            let plain = old.token(user);
            let mut claims = old.claims(user);
            claims["jti"] = json!(format!("jti-of-{}", old.number));
            let named = old.sign(&claims);
            moved.blacklist(token_id(None, &plain)).await;
            moved.blacklist(token_id(claims["jti"].as_str(), &named)).await;
            claims["jti"] = json!("another");
            tokens.push((old, [plain, named], old.sign(&claims)));
        }
        let moved = moved.restart().await;
        for (old, listed, other) in tokens {
            for token in listed {
                assert_eq!(moved.told(old, &token).await, old.ended, "{old:?}");
            }
            assert_eq!(moved.told(old, &other).await, GOOD, "{old:?}");
        }
    }

    async fn none_is_good_after_a_password_change_here(moved: Moved) {
        for (old, user) in moved.all() {
            let token = old.token(user);
            let new = Password::parse("a new battery staple".into()).expect("a password");
            moved.app.set_password(&moved.caller(), user.clone(), new).await.expect("it can be set");
            assert_eq!(moved.told(old, &token).await, old.ended, "{old:?}");
        }
    }

    async fn none_is_good_after_all_sessions_were_ended_here(moved: Moved) {
        for (old, user) in moved.all() {
            let (caller, reason) = (moved.caller(), EndReason::LogoutAll);
            let ended = moved.app.log_out_everywhere(&caller, &user.id, None, reason);
            ended.await.expect("they can be ended");
            assert_eq!(moved.told(old, &old.token(user)).await, old.ended, "{old:?}");
        }
    }

    async fn none_is_good_after_what_the_user_is_found_by_was_changed_here(moved: Moved) {
        for (old, user) in moved.all() {
            let token = old.token(user);
            assert_eq!(moved.told(old, &token).await, GOOD, "{old:?}");
            let phone = Identifier::parse(&format!("+44207946{:04}", user.number));
            let identifiers = vec![(identifier::Kind::Phone, Some(phone.expect("a phone")))];
            let changes = Changes { identifiers, ..Changes::default() };
            let done = moved.app.change_user(&moved.caller(), &user.id, changes).await;
            done.expect("it can be changed");
            assert_eq!(moved.told(old, &token).await, old.ended, "{old:?}");
        }
    }

    async fn none_is_good_of_a_user_who_is_disabled_or_deleted(moved: Moved) {
        for (old, user) in moved.all() {
            moved.app.disable(&moved.caller(), &user.id).await.expect("disabled");
            assert_eq!(moved.told(old, &old.token(user)).await, old.gone, "{old:?}");
            moved.app.enable(&moved.caller(), &user.id).await.expect("enabled");
            assert_eq!(moved.told(old, &old.token(user)).await, old.ended, "{old:?}");
            moved.app.delete_user(&moved.caller(), &user.id).await.expect("deleted");
            assert_eq!(moved.told(old, &old.token(user)).await, old.gone, "{old:?}");
        }
    }

    async fn one_that_was_logged_out_is_over_for_good_and_no_other(moved: Moved) {
        let mut out = Vec::new();
        for old in [AUTH_TOKEN, PASSPORT] {
            let user = moved.user(old);
            let mut claims = old.claims(user);
            let token = old.sign(&claims);
            claims["iat"] = json!(START.seconds() - 5);
            let other = old.sign(&claims);
            assert_eq!(moved.log_out(old, &token).await, GOOD, "{old:?}");
            assert_eq!(moved.told(old, &token).await, old.ended, "{old:?}");
            assert_eq!(moved.log_out(old, &token).await, old.ended, "{old:?}");
            assert_eq!(moved.told(old, &other).await, GOOD, "{old:?}");
            out.push((old, token));
        }
        moved.advance(20 * DAY).await;
        moved.app.purge(moved.app.clock.now()).await.expect("the database answers");
        let moved = moved.restart().await;
        for (old, token) in out {
            assert_eq!(moved.told(old, &token).await, old.ended, "{old:?}");
        }
    }

    async fn none_is_good_for_users_who_did_not_come_along_from_that_system(moved: Moved) {
        let session = moved.register("native").await;
        let mut native = moved.app.user(&session.user_id).await.expect("the user");
        for old in ALL {
            assert_eq!(moved.told(old, &old.token(&native)).await, old.gone, "{old:?}");
            for (other, user) in moved.all().filter(|(other, _)| other.name != old.name) {
                let (told, token) = (moved.told(old, &old.token(user)).await, other.token(user));
                assert_eq!(told, old.gone, "{old:?}");
                assert_eq!(moved.told(old, &token).await, old.invalid, "{other:?} in {old:?}");
            }
            native.number = 77;
            native.id = "77".into();
            assert_eq!(moved.told(old, &old.token(&native)).await, old.gone, "{old:?}");
        }
    }

    async fn none_is_good_in_the_native_api(moved: Moved) {
        for (old, user) in moved.all() {
            let answer = moved.get("/v1/me", &old.token(user)).await;
            assert_eq!(answer.code(), (401, "invalid_token".into()), "{old:?}");
        }
    }

    async fn without_the_database_nobody_can_know_whose_they_are(moved: Moved) {
        moved.execute(USERS_AWAY, vec![]).await;
        for (old, user) in moved.all() {
            let answer = Answer::of(moved.asking(old, &old.token(user))).await;
            let (status, words) = match old.name {
                "auth-token" => (503, r#"{"status":"fail","message":"Try again"}"#),
                "x-access-token" => (503, "Could not verify"),
                _ => (200, r#"{"code":1001,"msg":"redis查询token失败","data":null}"#),
            };
            assert_eq!(answer.status, status, "{old:?} {answer:?}");
            assert!(answer.headers.contains_key(RETRY_AFTER), "{old:?} {answer:?}");
            match serde_json::from_str::<Value>(words) {
                Ok(body) => assert_eq!(answer.json(), body, "{old:?}"),
                Err(_) => assert_eq!(answer.text, words, "{old:?}"),
            }
        }
    }

    async fn one_with_a_session_is_not_taken_for_one_of_the_older_system(moved: Moved) {
        for (old, user) in moved.all() {
            let mut claims = old.claims(user);
            claims["sid"] = json!("0199a0b0-0000-7000-8000-000000000000");
            claims["jti"] = json!("x");
            assert_eq!(moved.told(old, &old.sign(&claims)).await, old.invalid, "{old:?}");
        }
    }

    async fn in_passport_only_the_one_of_the_last_login_is_good(moved: Moved) {
        let claims = PASSPORT.claims(moved.user(PASSPORT));
        let told = async |change: fn(&mut Value)| {
            let mut claims = claims.clone();
            change(&mut claims);
            moved.told(PASSPORT, &PASSPORT.sign(&claims)).await
        };
        assert_eq!(told(|_| {}).await, GOOD);
        let again = "用户认证失败，需要再次登录";
        assert_eq!(told(|it| it["data"]["login_time"] = json!(LOGIN_TIME - 1)).await, again);
        assert_eq!(told(|it| it["iss"] = json!("Larry")).await, PASSPORT.invalid);
        assert_eq!(told(|it| it["iss"] = json!(null)).await, PASSPORT.invalid);
        let without_id = "用户认证失败，携带认证参数不合法";
        assert_eq!(told(|it| it["data"] = json!(null)).await, without_id);
        assert_eq!(told(|it| it["data"]["id"] = json!(null)).await, without_id);
        assert_eq!(told(|it| it["data"]["login_time"] = json!("1")).await, without_id);

        let body = json!({ "mobile": "13812345678", "password": PASSWORD });
        let login = moved.post("/passport/login", body).await.json();
        let minted = login["data"]["token"].as_str().expect("a token");
        assert_eq!(moved.told(PASSPORT, minted).await, GOOD);
        assert_eq!(told(|_| {}).await, again, "a login here replaces the one there");
        let native = json!({ "identifier": "joe@gmail.com", "password": PASSWORD });
        let native = Session::read(&moved.post("/v1/login", native).await.json());
        assert_eq!(moved.check(&native.access).await, 200);
        let joe = AUTH_TOKEN.token(moved.user(AUTH_TOKEN));
        assert_eq!(moved.told(AUTH_TOKEN, &joe).await, GOOD, "elsewhere a login replaces nothing");
    }
}

/// The same secret signs and verifies what is old, as where a Python service goes on using it.
struct OneSecret(Moved);

impl OneSecret {
    async fn on_database(kind: Kind) -> Option<Self> {
        let moved = Moved::with(kind, |config| {
            for dialect in &mut config.dialects {
                dialect.secret.clone_from(&dialect.legacy_secret);
                dialect.allow_weak_secret = true;
            }
        });
        moved.await.map(Self)
    }
}

on_each_database! {
    async fn they_are_good_beside_new_ones_that_the_same_secret_signs(moved: OneSecret) {
        let OneSecret(moved) = moved;
        for (old, user) in moved.all() {
            assert_eq!(moved.told(old, &old.token(user)).await, GOOD, "{old:?}");
        }
        let body = json!({ "email": "joe@gmail.com", "password": PASSWORD });
        let login = moved.post("/auth/login", body).await.json();
        let minted = login["auth_token"].as_str().expect("a token");
        assert_eq!(moved.told(AUTH_TOKEN, minted).await, GOOD);
        assert_eq!(moved.log_out(AUTH_TOKEN, minted).await, GOOD);
        assert_eq!(moved.told(AUTH_TOKEN, minted).await, AUTH_TOKEN.ended);
        let old = AUTH_TOKEN.token(moved.user(AUTH_TOKEN));
        assert_eq!(moved.told(AUTH_TOKEN, &old).await, GOOD, "another token");
    }
}

/// Where it is not said who issued the tokens of `passport`.
struct AnyIssuer(Moved);

impl AnyIssuer {
    async fn on_database(kind: Kind) -> Option<Self> {
        let moved = Moved::with(kind, |config| {
            for dialect in &mut config.dialects {
                dialect.legacy_issuer = None;
            }
        });
        moved.await.map(Self)
    }
}

on_each_database! {
    async fn whoever_issued_them_they_are_good_where_no_issuer_is_configured(moved: AnyIssuer) {
        let AnyIssuer(moved) = moved;
        for (old, user) in moved.all() {
            let mut claims = old.claims(user);
            claims.as_object_mut().expect("an object").remove("iss");
            for issuer in [None, Some("Barry"), Some("Larry")] {
                if let Some(issuer) = issuer {
                    claims["iss"] = json!(issuer);
                }
                let told = moved.told(old, &old.sign(&claims)).await;
                assert_eq!(told, GOOD, "{old:?} {claims}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_their_secret_none_is_taken() {
    let moved = Moved::with(Kind::Sqlite, |config| {
        for dialect in &mut config.dialects {
            dialect.legacy_secret = None;
            dialect.legacy_tokens_until = None;
        }
    });
    let moved = moved.await.expect("SQLite is always there");
    for (old, user) in moved.all() {
        assert_eq!(moved.told(old, &old.token(user)).await, old.invalid, "{old:?}");
    }
}
