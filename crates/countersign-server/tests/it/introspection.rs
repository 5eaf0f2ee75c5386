//! Questions about tokens from programs that hold an API key (RFC 7662 and RFC 7009).

use std::time::Duration;

use countersign::EndReason;
use countersign_server::config::DialectConfig;
use countersign_server::db::Kind;
use countersign_server::operations::Caller;
use countersign_server::sql;
use countersign_server::tables::api_key::Right;
use countersign_server::tables::event;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use super::api_keys::made;
use super::refresh::row;
use crate::kit::{Signer, Tables, basic, claims_of, with};
use crate::server::{Answer, PASSWORD, Session, TestApp};

sql! {
    SESSIONS_AWAY = "ALTER TABLE sessions RENAME TO sessions_away";
    USERS_AWAY = "ALTER TABLE users RENAME TO users_away";
}

const FORM: &str = "application/x-www-form-urlencoded";

/// A server with three dialects, and a program that may ask everything.
struct Asked {
    server: TestApp,
    key: String,
    actor: String,
}

impl Asked {
    async fn on_database(kind: Kind) -> Option<Self> {
        let dialect = |(name, prefix): (&str, &str)| DialectConfig {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
            ..DialectConfig::default()
        };
        let server = TestApp::with(kind, |config| {
            let dialects =
                [("auth-token", "/a"), ("access-refresh", "/b"), ("x-access-token", "/c")];
            config.dialects = dialects.map(dialect).into();
        });
        let server = server.await?;
        let (row, key) = made(&server.app, &[Right::Introspect, Right::Revoke]).await;
        Some(Self { server, key, actor: format!("api_key:{}", row.id) })
    }

    async fn send(&self, path: &str, key: &str, (media_type, body): (&str, String)) -> Answer {
        let request = self.server.request(Method::POST, path).header(CONTENT_TYPE, media_type);
        Answer::of(request.header(AUTHORIZATION, basic(key)).body(body)).await
    }

    async fn introspect(&self, token: &str, more: &str) -> Value {
        let body = format!("token={token}{more}");
        let answer = self.send("/v1/introspect", &self.key, (FORM, body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.headers["cache-control"], "no-store");
        answer.json()
    }

    /// What is said of a token that is good, without the word that it is.
    async fn good(&self, token: &str, more: &str) -> Value {
        let mut told = self.introspect(token, more).await;
        let active = told.as_object_mut().and_then(|members| members.remove("active"));
        assert_eq!(active, Some(json!(true)), "{told}");
        told
    }

    async fn is_not_good(&self, token: &str) {
        for more in ["", "&token_type_hint=access_token", REFRESH] {
            assert_eq!(self.introspect(token, more).await, json!({ "active": false }), "{more}");
        }
    }

    async fn revoke(&self, token: &str) {
        let answer = self.send("/v1/revoke", &self.key, (FORM, format!("token={token}"))).await;
        assert_eq!((answer.status.as_u16(), &*answer.text), (200, ""), "{token}");
    }

    async fn is_over(&self, session: &Session) {
        assert_eq!(self.server.get("/v1/me", &session.access).await.reason(), "logout");
        assert_eq!(self.server.refresh_answer(&session.refresh).await.reason(), "logout");
    }

    /// The token of a new user of the dialect `auth-token`.
    async fn auth_token(&self) -> String {
        let body = json!({ "email": "joe@gmail.com", "password": "123456" });
        let answer = self.server.post("/a/auth/register", body).await;
        answer.json()["auth_token"].as_str().expect("a token").to_owned()
    }

    /// Both tokens of a new user of the dialect `access-refresh`.
    async fn pair(&self) -> [String; 2] {
        let body = json!({ "username": "joe", "password": "test" });
        let answer = self.server.post("/b/registration", body).await.json();
        ["access_token", "refresh_token"].map(|it| answer[it].as_str().expect("one").to_owned())
    }

    async fn bearer(&self, method: Method, path: &str, token: &str) -> u16 {
        let request = self.server.request(method, path).bearer_auth(token);
        Answer::of(request).await.status.as_u16()
    }
}

const REFRESH: &str = "&token_type_hint=refresh_token";

on_each_database! {
    async fn r15_only_a_program_with_the_right_is_told_anything(asked: Asked) {
        let session = asked.server.register("alice").await;
        let form = || (FORM, format!("token={}", session.access));
        let (_, other) = made(&asked.server.app, &[Right::Metrics]).await;
        for path in ["/v1/introspect", "/v1/revoke"] {
            let request = asked.server.request(Method::POST, path).header(CONTENT_TYPE, FORM);
            let nobody = Answer::of(request.body(form().1)).await;
            assert_eq!(nobody.code(), (401, "api_key_missing".into()), "{path}");
            assert_eq!(nobody.headers[WWW_AUTHENTICATE], "Bearer");
            let unknown = asked.send(path, "csk_x", form()).await;
            assert_eq!(unknown.code(), (401, "invalid_api_key".into()), "{path}");
            let user = asked.server.request(Method::POST, path).bearer_auth(&session.access);
            let user = Answer::of(user.header(CONTENT_TYPE, FORM).body(form().1)).await;
            assert_eq!(user.code(), (401, "invalid_api_key".into()), "{path}");
            let lacking = asked.send(path, &other, form()).await;
            assert_eq!(lacking.code(), (403, "right_missing".into()), "{path}");
        }
        assert_eq!(asked.server.check(&session.access).await, 200);
    }

    async fn r15_of_garbage_it_is_said_that_it_is_not_good_and_nothing_else(asked: Asked) {
        let garbage = ["", "x", "a.b.c", "%00", "%F0%9F%98%80", "a+b", &"x".repeat(10_000)];
        for token in garbage {
            asked.is_not_good(token).await;
        }
    }

    async fn a_good_access_token_is_told_with_all_that_it_says(asked: Asked) {
        let session = asked.server.register("alice").await;
        let mut expected = claims_of(&session.access);
        expected["token_type"] = json!("Bearer");
        assert_eq!(expected["sub"], session.user_id.as_str());
        for more in ["", "&token_type_hint=access_token", REFRESH, "&token_type_hint=x&other=1"] {
            assert_eq!(asked.good(&session.access, more).await, expected, "{more}");
        }
    }

    async fn an_access_token_that_is_over_is_not_good(asked: Asked) {
        let app = &asked.server.app;
        let session = asked.server.register("alice").await;
        let signer = Signer::of(app).await;
        let claims = claims_of(&session.access);
        let others = json!({ "aud": "https://other.example.org" });
        asked.is_not_good(&signer.sign_claims(with(&claims, others))).await;
        asked.is_not_good(&format!("{}A", session.access)).await;

        let caller = Caller::command(app.clock.now());
        let roles = vec!["editor".to_owned()];
        app.set_roles(&caller, &session.user_id, roles).await.expect("the user is there");
        asked.is_not_good(&session.access).await;
        let session = asked.server.refresh(&session).await;
        assert_eq!(asked.good(&session.access, "").await["roles"], json!(["editor"]));

        asked.server.send(Method::POST, "/v1/logout", &session.access, Value::Null).await;
        asked.is_not_good(&session.access).await;
        asked.is_not_good(&session.refresh).await;

        let session = asked.server.log_in("alice").await;
        asked.server.advance(Duration::from_secs(899)).await;
        asked.good(&session.access, "").await;
        asked.server.advance(Duration::from_secs(1)).await;
        asked.is_not_good(&session.access).await;
    }

    async fn a_refresh_token_is_good_only_for_who_asks_for_one(asked: Asked) {
        let session = asked.server.register("alice").await;
        for more in ["", "&token_type_hint=access_token"] {
            let told = asked.introspect(&session.refresh, more).await;
            assert_eq!(told, json!({ "active": false }), "no resource server lets it in");
        }
        let begun = row(&asked.server.app.db, &session.id).await;
        let expected = json!({
            "iss": asked.server.app.config.issuer(),
            "sub": session.user_id,
            "sid": session.id,
            "iat": begun.started_at.seconds(),
            "exp": begun.over_at().seconds(),
            "token_type": "refresh_token",
        });
        assert_eq!(asked.good(&session.refresh, REFRESH).await, expected);
        assert_eq!(row(&asked.server.app.db, &session.id).await, begun, "asking is not using");

        let next = asked.server.refresh(&session).await;
        asked.good(&session.refresh, REFRESH).await;
        asked.good(&next.refresh, REFRESH).await;
        asked.good(&next.access, "").await;
        asked.server.advance(Duration::from_secs(11)).await;
        asked.is_not_good(&session.refresh).await;
        asked.good(&next.refresh, REFRESH).await;
        asked.server.advance(Duration::from_hours(24 * 30)).await;
        asked.is_not_good(&next.refresh).await;
    }

    async fn asking_about_an_access_token_counts_as_its_use(asked: Asked) {
        let session = asked.server.register("alice").await;
        let next = asked.server.refresh(&session).await;
        asked.good(&next.access, "").await;
        asked.server.advance(Duration::from_secs(11)).await;
        let replayed = asked.server.refresh_answer(&session.refresh).await;
        assert_eq!(replayed.reason(), "refresh_reuse");
    }

    async fn a_token_of_a_dialect_is_told_in_the_words_of_the_standard(asked: Asked) {
        let token = asked.auth_token().await;
        let claims = claims_of(&token);
        assert_eq!(asked.good(&token, "").await, json!({
            "user_number": claims["sub"], "iat": claims["iat"], "exp": claims["exp"],
            "jti": claims["jti"], "sid": claims["sid"], "token_type": "Bearer",
        }));
        assert!(claims["sub"].is_i64());

        let [access, refresh] = asked.pair().await;
        let told = asked.good(&access, "").await;
        assert_eq!((&told["username"], &told["sub"]), (&json!("joe"), &Value::Null));
        assert_eq!(told["token_type"], "Bearer");
        assert_eq!(asked.introspect(&refresh, "").await, json!({ "active": false }));
        let told = asked.good(&refresh, REFRESH).await;
        assert_eq!((&told["username"], &told["token_type"]), (&json!("joe"), &json!("refresh_token")));

        let user = asked.server.register("mike").await;
        let form = format!("email=mike@example.org&password={}", PASSWORD.replace(' ', "+"));
        let login = asked.server.request(Method::POST, "/c/login").header(CONTENT_TYPE, FORM);
        let token = Answer::of(login.body(form)).await.json()["token"].as_str().expect("a token").to_owned();
        assert_eq!(asked.good(&token, "").await["sub"], user.user_id.as_str());
    }

    async fn a_username_that_looks_like_another_users_id_or_number_is_told_as_a_username(asked: Asked) {
        let victim = asked.server.register("victim").await;
        for name in [&*victim.user_id, "1"] {
            let body = json!({ "username": name, "password": "test" });
            let answer = asked.server.post("/b/registration", body).await.json();
            let access = answer["access_token"].as_str().expect("a token");
            let told = asked.good(access, "").await;
            assert_eq!((&told["username"], told.get("sub")), (&json!(name), None));
            assert_eq!(told.get("user_number"), None);
        }
    }

    async fn an_access_token_is_told_without_the_database(asked: Asked) {
        let session = asked.server.register("alice").await;
        let (dialects, [access, _]) = (asked.auth_token().await, asked.pair().await);
        for away in [SESSIONS_AWAY, USERS_AWAY] {
            let moved = asked.server.app.db.write("away", move |tx| {
                Box::pin(async move { tx.execute(away, &[]).await.map(drop) })
            });
            moved.await.expect("the table can be moved");
        }
        for token in [&session.access, &dialects, &access] {
            asked.good(token, "").await;
        }
        asked.is_not_good("x").await;
    }

    async fn a_node_that_is_out_of_touch_answers_503(asked: Asked) {
        let session = asked.server.register("alice").await;
        let other = asked.server.beside().await;
        other.app.clock.advance(Duration::from_secs(6));
        for token in [&*session.access, "x"] {
            let request = other.request(Method::POST, "/v1/introspect").bearer_auth(&asked.key);
            let request = request.header(CONTENT_TYPE, FORM).body(format!("token={token}"));
            assert_eq!(Answer::of(request).await.code(), (503, "unavailable".into()));
        }
    }

    async fn b8_a_form_is_read_and_nothing_else(asked: Asked) {
        for path in ["/v1/introspect", "/v1/revoke"] {
            for (media_type, body, status) in [
                (FORM, "token=x", 200),
                ("application/x-www-form-urlencoded; charset=UTF-8", "&token=x&", 200),
                ("application/json", "{\"token\":\"x\"}", 415),
                ("text/plain", "token=x", 415),
                ("application/x-www-form-urlencoded; charset=utf-16", "token=x", 415),
                ("multipart/form-data; boundary=x", "--x--", 415),
                (FORM, "", 400),
                (FORM, "tok=x", 400),
                (FORM, "token=x&token=y", 400),
                (FORM, "token=x&token_type_hint=a&token_type_hint=b", 400),
                (FORM, "token=%ff", 400),
            ] {
                let answer = asked.send(path, &asked.key, (media_type, body.to_owned())).await;
                assert_eq!(answer.status, status, "{path} {media_type} {body}: {answer:?}");
            }
            let missing = asked.send(path, &asked.key, (FORM, "other=1".to_owned())).await;
            assert_eq!((missing.reason(), &missing.json()["field"]), ("missing".into(), &json!("token")));
            let answer = asked.server.get(path, &asked.key).await;
            assert_eq!(answer.status, 405);
        }
    }

    async fn r13_revoking_an_unknown_or_garbage_token_is_success_and_writes_no_row(asked: Asked) {
        let session = asked.server.register("alice").await;
        let before = Tables::of(&asked.server.app).await;
        let latest = async || event::latest(&asked.server.app.db, 1).await.expect("it answers");
        let last = latest().await;
        let forged = format!("{}AAAA", &session.access[..session.access.len() - 4]);
        let other_key = asked.server.app.entropy.bytes::<60>();
        let shaped = crate::kit::encode(other_key);
        for token in ["", "x", "a.b.c", "%00", &*forged, &shaped, &"y".repeat(10_000)] {
            asked.revoke(token).await;
        }
        assert_eq!(Tables::of(&asked.server.app).await, before);
        assert_eq!(latest().await, last);
        assert_eq!(asked.server.check(&session.access).await, 200);
    }

    async fn r14_with_the_right_any_token_of_ours_ends_its_session(asked: Asked) {
        let by_access = asked.server.register("alice").await;
        let by_refresh = asked.server.log_in("alice").await;
        let by_expired = asked.server.log_in("alice").await;
        let left = asked.server.log_in("alice").await;
        asked.revoke(&by_access.access).await;
        asked.is_over(&by_access).await;
        asked.revoke(&by_refresh.refresh).await;
        asked.is_over(&by_refresh).await;
        asked.server.advance(Duration::from_mins(16)).await;
        asked.revoke(&by_expired.access).await;
        let ended = row(&asked.server.app.db, &by_expired.id).await.ended;
        assert_eq!(ended.map(|(_, reason)| reason), Some(EndReason::Logout));
        for again in [&by_access.access, &by_access.refresh, &by_expired.refresh] {
            asked.revoke(again).await;
        }
        assert_eq!(row(&asked.server.app.db, &left.id).await.ended, None);
        let events = event::latest(&asked.server.app.db, 100).await.expect("it answers");
        let logouts: Vec<_> = events.iter().filter(|event| event.kind == "logout").collect();
        assert_eq!(logouts.len(), 3);
        assert!(logouts.iter().all(|event| event.actor.as_ref() == Some(&asked.actor)));
    }

    async fn a_token_of_a_dialect_is_revoked_as_its_logout_would(asked: Asked) {
        let token = asked.auth_token().await;
        assert_eq!(asked.bearer(Method::GET, "/a/auth/status", &token).await, 200);
        asked.revoke(&token).await;
        assert_eq!(asked.bearer(Method::GET, "/a/auth/status", &token).await, 401);
        asked.is_not_good(&token).await;

        let [access, refresh] = asked.pair().await;
        asked.revoke(&access).await;
        assert_eq!(asked.bearer(Method::GET, "/b/secret", &access).await, 401);
        asked.is_not_good(&access).await;
        assert_eq!(asked.bearer(Method::POST, "/b/token/refresh", &refresh).await, 200);
        asked.good(&refresh, REFRESH).await;
        asked.revoke(&refresh).await;
        assert_eq!(asked.bearer(Method::POST, "/b/token/refresh", &refresh).await, 401);
        asked.is_not_good(&refresh).await;
        asked.revoke(&refresh).await;
    }

    async fn the_metadata_tells_where_to_ask(asked: Asked) {
        let metadata = asked.server.get("/.well-known/oauth-authorization-server", "").await.json();
        let base = asked.server.app.config.public_url.as_str();
        for (name, path) in [("introspection", "introspect"), ("revocation", "revoke")] {
            assert_eq!(metadata[format!("{name}_endpoint")], format!("{base}/v1/{path}"));
            let methods = &metadata[format!("{name}_endpoint_auth_methods_supported")];
            assert_eq!(methods[0], "client_secret_basic", "{name}");
        }
    }
}
