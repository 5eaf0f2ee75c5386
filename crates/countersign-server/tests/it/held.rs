//! W16 and W17b: a request is judged when its head has arrived, so that no body is read for a bad
//! token, and again when it is whole. Whatever ended while the body was held back refuses it: a
//! walk over every route that takes one, native or a dialect's.

mod actors;
mod scene;

use std::time::Duration;

use countersign_server::config::DialectConfig;
use countersign_server::db::Kind;
use countersign_server::http::dialects;
use countersign_server::http::router::{Route, about_itself, about_tokens, administration, native};
use countersign_server::tables::api_key::Right;
use countersign_server::tables::signing_key::SigningKeyRow;
use http::Method;
use serde_json::json;

use self::scene::{Scene, Sender};
use crate::admin::{admin, events};
use crate::api_keys::made;
use crate::client::{Answer as RawAnswer, Held};
use crate::kit::Tables;
use crate::server::{Answer, PASSWORD, Session, TestApp};

/// What happens while a body is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    /// The session ends.
    Logout,
    /// The account is disabled.
    Disable,
    /// The account is deleted.
    Delete,
    /// The admin loses the role.
    Demote,
    /// The key that signed the token is withdrawn.
    WithdrawSigningKey,
    /// The API key is revoked.
    RevokeApiKey,
    /// The refresh token is exchanged, and what it brought is used.
    Rotate,
    /// The invitation is withdrawn.
    Uninvite,
    /// Time passes.
    Expire(Duration),
}

/// A server with every dialect under its own name, and an admin who is always left.
struct Walk {
    server: TestApp,
    root: Session,
}

impl Walk {
    async fn on_database(kind: Kind) -> Option<Self> {
        let dialect = |name: &str| DialectConfig {
            name: name.into(),
            prefix: format!("/{name}"),
            delete_users: true,
            ..DialectConfig::default()
        };
        let server = TestApp::with(kind, |config| {
            config.dialects = dialects::names().into_iter().map(dialect).collect();
        });
        let server = server.await?;
        let root = admin(&server, "root").await;
        Some(Self { server, root })
    }

    async fn happen(&self, meanwhile: Meanwhile, scene: &Scene) {
        let (app, caller) = (&self.server.app, self.server.operator());
        match meanwhile {
            Meanwhile::Logout => app.log_out(&caller, &scene.session_id).await.expect("it ends"),
            Meanwhile::Disable => {
                assert!(app.disable(&caller, &scene.user_id).await.expect("it can be done"));
            }
            Meanwhile::Delete => {
                app.delete_user(&caller, &scene.user_id).await.expect("it can be done");
            }
            Meanwhile::Demote => {
                let demoted = app.set_roles(&caller, &scene.user_id, Vec::new()).await;
                assert!(!demoted.expect("it can be done").is_admin());
            }
            Meanwhile::WithdrawSigningKey => {
                let keys = app.signing_keys().await.expect("the database answers");
                let key = SigningKeyRow::active(&keys, caller.now).expect("one signs");
                app.revoke_key(&caller, &key.kid).await.expect("it can be done");
                app.catch_up().await.expect("the database answers");
            }
            Meanwhile::RevokeApiKey => {
                app.revoke_api_key(&caller, &scene.key_id).await.expect("it can be done");
                app.catch_up().await.expect("the database answers");
            }
            Meanwhile::Rotate => {
                let next = self.server.refresh(&scene.session).await;
                assert_eq!(self.server.check(&next.access).await, 200);
                self.server.advance(Duration::from_secs(25)).await;
            }
            Meanwhile::Uninvite => {
                let revoked = app.revoke_invitation(&caller, &scene.invitation_id).await;
                assert!(revoked.expect("it can be done"));
            }
            Meanwhile::Expire(after) => self.server.advance(after).await,
        }
    }

    async fn begin(&self, route: &str, scene: &Scene) -> Result<Held, RawAnswer> {
        let (method, _) = route.split_once(' ').expect("a method and a path");
        let line = format!("{method} {}", scene.path);
        Held::begin(self.server.address, &line, (&scene.headers, &scene.body)).await
    }
}

fn described<S>(routes: Vec<Route<S>>) -> Vec<(Method, String)> {
    routes.into_iter().map(|route| (route.method, route.path)).collect()
}

/// Every route whose requests may have a body that is looked at: all but those of `GET`.
fn routes_with_a_body(server: &TestApp) -> Vec<String> {
    let mut routes = described(native());
    routes.extend(described(administration()));
    routes.extend(described(about_tokens()));
    routes.extend(described(about_itself()));
    for mounted in dialects::mount(&server.app).expect("they can be mounted") {
        routes.extend(described(mounted.routes));
    }
    let routes = routes.into_iter().filter(|(method, _)| *method != Method::GET);
    routes.map(|(method, path)| format!("{method} {path}")).collect()
}

/// Whether the route did what it is for. Logins of some dialects say no with the status of a yes.
fn is_done(scene: &Scene, answer: &RawAnswer) -> bool {
    let is_success = (200..300).contains(&answer.status);
    let body = serde_json::from_slice(&answer.body).unwrap_or(serde_json::Value::Null);
    let code = body["code"].as_i64();
    match scene.sender {
        Sender::DialectLogin => is_success && answer.text().contains("eyJ"),
        _ => is_success && code.is_none_or(|code| code == 200),
    }
}

on_each_database! {
    async fn w17b_what_ended_while_a_body_was_held_back_refuses_it(walk: Walk) {
        for route in routes_with_a_body(&walk.server) {
            let scene = walk.scene(&route).await;
            let held = walk.begin(&route, &scene).await;
            let answer = held.unwrap_or_else(|answer| panic!("{route}: {answer:?}")).finish().await;
            assert!(is_done(&scene, &answer), "{route}: {answer:?}");
            for &meanwhile in scene.sender.judged_by() {
                let scene = walk.scene(&route).await;
                let held = walk.begin(&route, &scene).await;
                let held = held.unwrap_or_else(|answer| panic!("{route}: {answer:?}"));
                walk.happen(meanwhile, &scene).await;
                let before = Tables::of(&walk.server.app).await;
                let answer = held.finish().await;
                assert!(!is_done(&scene, &answer), "{route} {meanwhile:?}: {answer:?}");
                assert!(answer.status < 500, "{route} {meanwhile:?}: {answer:?}");
                // A refused refresh ends its session, or notes that it has expired.
                if scene.sender != Sender::RefreshToken {
                    let after = Tables::of(&walk.server.app).await;
                    assert_eq!(after, before, "{route} {meanwhile:?}");
                }
            }
        }
    }

    async fn w16_no_body_is_asked_for_where_the_head_shows_no_good_token(walk: Walk) {
        for route in routes_with_a_body(&walk.server) {
            let scene = walk.scene(&route).await;
            if !scene.sender.is_known_by_head() {
                continue;
            }
            for &meanwhile in scene.sender.judged_by() {
                let scene = walk.scene(&route).await;
                walk.happen(meanwhile, &scene).await;
                match walk.begin(&route, &scene).await {
                    Err(answer) => assert!(!is_done(&scene, &answer), "{route}: {answer:?}"),
                    Ok(_) => panic!("{route} {meanwhile:?}: the body was asked for"),
                }
            }
        }
    }

    async fn w16_no_body_is_asked_for_where_the_sender_may_not_do_it(walk: Walk) {
        for route in routes_with_a_body(&walk.server) {
            let scene = walk.scene(&route).await;
            let scene = match scene.sender {
                Sender::Admin => {
                    let session = walk.server.register(&format!("no-{}", scene.user_id)).await;
                    Scene { headers: scene::bearer(&session.access), ..scene }
                }
                Sender::Program => {
                    let (_, key) = made(&walk.server.app, &[Right::Metrics]).await;
                    Scene { headers: scene::bearer(&key), ..scene }
                }
                _ => continue,
            };
            match walk.begin(&route, &scene).await {
                Err(answer) => assert_eq!(answer.status, 403, "{route}: {answer:?}"),
                Ok(_) => panic!("{route}: the body was asked for"),
            }
        }
    }

    async fn a_refresh_token_that_was_exchanged_meanwhile_counts_as_reused(walk: Walk) {
        let scene = walk.scene("POST /v1/refresh").await;
        let held = walk.begin("POST /v1/refresh", &scene).await.expect("the body is asked for");
        walk.happen(Meanwhile::Rotate, &scene).await;
        let answer = held.finish().await;
        let told = answer.json();
        assert_eq!((answer.status, &told["reason"]), (401, &json!("refresh_reuse")), "{told}");
    }

    async fn an_event_has_the_time_at_which_it_was_written(walk: Walk) {
        let session = walk.server.register("late").await;
        let headers = format!(
            "Authorization: Bearer {}\r\nContent-Type: application/json\r\n",
            session.access
        );
        let body = json!({ "name": "Late" }).to_string();
        let held = Held::begin(walk.server.address, "PATCH /v1/me", (&headers, &body)).await;
        let held = held.unwrap_or_else(|answer| panic!("{answer:?}"));
        walk.server.advance(Duration::from_secs(20)).await;
        let expired = walk.server.log_in_answer("late", "another password").await;
        assert_eq!(expired.status, 401);
        walk.server.log_in("late").await;
        walk.server.advance(Duration::from_secs(1)).await;
        assert_eq!(held.finish().await.status, 200);
        let events = events(&walk.server, &session.user_id).await;
        let kinds: Vec<&str> = events.iter().map(|event| &*event.kind).collect();
        assert_eq!(kinds[..2], ["user_renamed", "login"], "the latest first");
        assert_eq!(events[0].at, walk.server.app.clock.now());
    }

    async fn events_of_one_moment_stand_in_the_order_in_which_they_were_written(server: TestApp) {
        let session = server.register("quick").await;
        for name in 0..20 {
            let body = json!({ "name": format!("{name}") });
            let answer = server.send(Method::PATCH, "/v1/me", &session.access, body).await;
            assert_eq!(answer.status, 200);
            server.log_in("quick").await;
        }
        let events = events(&server, &session.user_id).await;
        let kinds: Vec<&str> = events.iter().take(40).map(|event| &*event.kind).collect();
        assert_eq!(kinds, ["login", "user_renamed"].repeat(20));
    }
}
