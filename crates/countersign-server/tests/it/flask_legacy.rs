//! Tokens that the older systems with flask-jwt-extended minted before the move, in both dialects
//! that take their place.

use std::ops::Deref;
use std::time::Duration;

use countersign_server::config::ListUsers;
use countersign_server::db::Kind;
use reqwest::Method;
use serde_json::{Value, json};

use crate::flask::{OLD_SECRET, dialect, sign};
use crate::server::{Answer, PASSWORD, START, TestApp};

const REVOKED: &str = "Token has been revoked";
const MONTH: i64 = 30 * 24 * 3600;

/// A dialect, the one user who came along from its older system, and where their token is good.
#[derive(Clone, Copy, Debug)]
struct Old {
    name: &'static str,
    prefix: &'static str,
    user: &'static str,
    open: &'static str,
    log_out: &'static str,
}

const ACCESS_REFRESH: Old = Old {
    name: "access-refresh",
    prefix: "/a",
    user: "anna",
    open: "/a/secret",
    log_out: "/a/logout/access",
};

const CODE_ENVELOPE: Old =
    Old { name: "code-envelope", prefix: "", user: "bert", open: "/users", log_out: "/logout" };

const BOTH: [Old; 2] = [ACCESS_REFRESH, CODE_ENVELOPE];

impl Old {
    /// A token that lives for a month, as the older system would have minted it.
    fn token(self, change: impl FnOnce(&mut Value)) -> String {
        let now = START.seconds() - 60;
        let mut claims = json!({
            "fresh": false, "iat": now, "nbf": now, "jti": "o-1", "type": "access",
            "exp": now + MONTH,
        });
        let name = if self.name == "access-refresh" { "sub" } else { "identity" };
        claims[name] = json!(self.user);
        change(&mut claims);
        sign(OLD_SECRET, &claims)
    }

    /// As [`Old::token`], without a `jti`; another for each `number`.
    fn nameless(self, number: i64) -> String {
        self.token(|claims| {
            claims.as_object_mut().expect("an object").remove("jti");
            claims["iat"] = json!(START.seconds() - 60 - number);
        })
    }
}

/// A server with both, which take the older systems' tokens to the end of its first day.
struct Moved(TestApp);

impl Deref for Moved {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.0
    }
}

impl Moved {
    async fn on_database(kind: Kind) -> Option<Self> {
        let server = TestApp::with(kind, |config| {
            config.dialects = BOTH
                .map(|old| {
                    let mut dialect = dialect(old.name);
                    dialect.prefix = old.prefix.into();
                    dialect.secret = None;
                    dialect.list_users = ListUsers::Any;
                    dialect.legacy_tokens_until = Some(jiff::civil::date(2026, 1, 2));
                    dialect
                })
                .into();
        });
        let this = Self(server.await?);
        for old in BOTH {
            let body = json!({ "username": old.user, "password": PASSWORD });
            assert_eq!(this.post("/v1/register", body).await.status, 201);
            this.come_along(old.user, old.name).await;
        }
        Some(this)
    }

    async fn bearer(&self, method: Method, path: &str, token: &str) -> Answer {
        self.authorized(method, path, &format!("Bearer {token}")).await
    }

    async fn open(&self, old: Old, token: &str) -> Answer {
        self.bearer(Method::GET, old.open, token).await
    }

    async fn is_good(&self, old: Old, token: &str) {
        let answer = self.open(old, token).await;
        assert_eq!(answer.status, 200, "{old:?} {answer:?}");
        assert!(answer.json()["msg"].is_null(), "{old:?} {answer:?}");
    }
}

on_each_database! {
    async fn one_without_a_jti_is_good_and_can_be_logged_out_for_good(moved: Moved) {
        for old in BOTH {
            let (token, other) = (old.nameless(1), old.nameless(2));
            moved.is_good(old, &token).await;
            let out = moved.bearer(Method::POST, old.log_out, &token).await;
            assert_eq!(out.status, 200, "{old:?} {out:?}");
            moved.open(old, &token).await.is_msg(401, REVOKED);
            moved.bearer(Method::POST, old.log_out, &token).await.is_msg(401, REVOKED);
            moved.is_good(old, &other).await;
        }
        let moved = Moved(moved.0.restart().await);
        for old in BOTH {
            moved.open(old, &old.nameless(1)).await.is_msg(401, REVOKED);
            moved.is_good(old, &old.nameless(2)).await;
        }
    }

    async fn a_refresh_token_without_a_jti_makes_one_session_and_can_be_revoked(moved: Moved) {
        let refresh = |number: i64| {
            ACCESS_REFRESH.token(|claims| {
                claims.as_object_mut().expect("an object").remove("jti");
                claims["type"] = json!("refresh");
                claims["iat"] = json!(START.seconds() - 60 - number);
            })
        };
        let (used, unused, other) = (refresh(1), refresh(2), refresh(3));
        let path = "/a/token/refresh";
        for _ in 0..2 {
            let brought = moved.bearer(Method::POST, path, &used).await;
            let access = brought.json()["access_token"].as_str().expect("a token").to_owned();
            moved.is_good(ACCESS_REFRESH, &access).await;
        }
        assert_eq!(moved.live("anna").await, 2, "one of the registration and one more");
        for token in [&used, &unused] {
            let out = moved.bearer(Method::POST, "/a/logout/refresh", token).await;
            assert_eq!(out.status, 200, "{out:?}");
        }
        let moved = Moved(moved.0.restart().await);
        for token in [&used, &unused] {
            moved.bearer(Method::POST, path, token).await.is_msg(401, REVOKED);
        }
        assert_eq!(moved.bearer(Method::POST, path, &other).await.status, 200);
    }

    async fn whoever_issued_them_they_are_good_to_the_end_of_the_last_day(moved: Moved) {
        let tokens = BOTH.map(|old| (old, old.token(|claims| claims["iss"] = json!("whoever"))));
        moved.advance(Duration::from_hours(20)).await;
        for (old, token) in &tokens {
            moved.is_good(*old, token).await;
        }
        moved.advance(Duration::from_hours(1)).await;
        for (old, token) in &tokens {
            moved.open(*old, token).await.is_msg(422, "Signature verification failed");
        }
    }

    async fn a_user_who_is_gone_cannot_be_loaded(moved: Moved) {
        for old in BOTH {
            let (token, gone) = (old.token(|_| {}), format!("Error loading the user {}", old.user));
            moved.disable(old.user).await;
            for (method, path) in [(Method::GET, old.open), (Method::POST, old.log_out)] {
                moved.bearer(method, path, &token).await.is_msg(401, &gone);
            }
            let id = moved.user_id(old.user).await;
            moved.app.enable(&moved.operator(), &id).await.expect("a user");
            moved.open(old, &token).await.is_msg(401, REVOKED);
            moved.delete(old.user).await;
            for (method, path) in [(Method::GET, old.open), (Method::POST, old.log_out)] {
                moved.bearer(method, path, &token).await.is_msg(401, &gone);
            }
        }
    }
}
