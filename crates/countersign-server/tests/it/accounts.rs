//! What an operator changes beside a running server: roles, bans, keys; and what the server says
//! when it cannot hear of it.

use std::time::Duration;

use countersign::{Algorithm, EndReason};
use countersign_server::app::{App, Setup};
use countersign_server::config::Config;
use countersign_server::db::{DbError, Kind, Sql};
use countersign_server::entropy::Entropy;
use countersign_server::error::Refusal;
use countersign_server::identifier::Shapes;
use countersign_server::operations::Caller;
use countersign_server::sql;
use serde_json::Value;

use crate::server::{Answer, Session, TestApp};

const SECRET: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
const MINUTE: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);

/// A server whose access tokens live for six hours.
struct LongLived(TestApp);

impl LongLived {
    async fn on_database(kind: Kind) -> Option<Self> {
        let change = |config: &mut countersign_server::config::Config| {
            config.tokens.access_ttl = Duration::from_hours(6);
        };
        TestApp::with(kind, change).await.map(Self)
    }
}

/// Another process on the server's database, as a command is one. It learns only when told to.
async fn beside(server: &TestApp) -> App {
    start_beside(server, server.app.config.clone(), true).await
}

async fn start_beside(server: &TestApp, config: Config, command: bool) -> App {
    let setup = Setup {
        config,
        master_secret: Some(SECRET.to_owned().into()),
        clock: server.app.clock.clone(),
        entropy: Entropy::System,
        dialects_access_ttl: Duration::ZERO,
        mirrored: Vec::new(),
        shapes: Shapes::default(),
        dialects_want_client_sha256: false,
        command,
    };
    App::build(setup).await.expect("the app starts").0
}

fn caller(app: &App) -> Caller {
    Caller::command(app.clock.now())
}

fn roles(roles: &[&str]) -> Vec<String> {
    roles.iter().map(|role| (*role).to_owned()).collect()
}

async fn set_roles(app: &App, session: &Session, to: &[&str]) {
    let user = app.set_roles(&caller(app), &session.user_id, roles(to)).await;
    assert_eq!(user.expect("it can be done").roles, to);
}

/// The claims of an access token, unchecked.
fn claims(access: &str) -> Value {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let payload = access.split('.').nth(1).expect("a payload");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&payload).expect("JSON")
}

fn key_of(access: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let header = access.split('.').next().expect("a header");
    let header = URL_SAFE_NO_PAD.decode(header).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    header["kid"].as_str().expect("a key's id").to_owned()
}

/// The ids in the published JWK set.
async fn published(server: &TestApp) -> Vec<String> {
    let answer = Answer::of(server.request(reqwest::Method::GET, "/.well-known/jwks.json")).await;
    let keys = answer.json()["keys"].as_array().expect("a list").clone();
    keys.iter().map(|key| key["kid"].as_str().expect("an id").to_owned()).collect()
}

async fn assert_over(server: &TestApp, session: &Session, reason: &str) {
    let refused = server.get("/v1/me", &session.access).await;
    assert_eq!(refused.code(), (401, "invalid_token".into()), "{refused:?}");
    assert_eq!(refused.reason(), reason);
}

on_each_database! {
    async fn a_server_follows_the_configured_algorithm_and_a_command_does_not(server: TestApp) {
        let mut config = server.app.config.clone();
        config.tokens.algorithm = Algorithm::EdDsa;
        let keys = server.app.signing_keys().await.expect("the database answers");
        let command = start_beside(&server, config.clone(), true).await;
        assert_eq!(command.signing_keys().await.expect("the database answers"), keys);
        let node = start_beside(&server, config, false).await;
        let after = node.signing_keys().await.expect("the database answers");
        assert_eq!(after.len(), keys.len() + 1);
        assert_eq!(after[keys.len()].algorithm, "EdDSA");
    }

    async fn changed_roles_make_access_tokens_stale_until_a_refresh(server: TestApp) {
        let (first, second) = (server.register("alice").await, server.log_in("alice").await);
        let stranger = server.register("bob").await;
        set_roles(&server.app, &first, &["editor", "admin"]).await;
        for session in [&first, &second] {
            assert_over(&server, session, "claims_changed").await;
            let refreshed = server.refresh(session).await;
            assert_eq!(server.check(&refreshed.access).await, 200);
            assert_eq!(claims(&refreshed.access)["roles"], serde_json::json!(["editor", "admin"]));
            assert_over(&server, session, "claims_changed").await;
        }
        assert_eq!(server.check(&stranger.access).await, 200);
        let new = server.log_in("alice").await;
        assert_eq!(server.check(&new.access).await, 200);
    }

    async fn roles_that_another_process_changed_are_heard_of(server: TestApp) {
        let session = server.register("alice").await;
        assert_eq!(claims(&session.access)["roles"], serde_json::json!([]));
        set_roles(&beside(&server).await, &session, &["admin"]).await;
        server.app.catch_up().await.expect("the database answers");
        assert_over(&server, &session, "claims_changed").await;
        let refreshed = server.refresh(&session).await;
        assert_eq!(claims(&refreshed.access)["roles"], serde_json::json!(["admin"]));
        assert_eq!(server.check(&refreshed.access).await, 200);
        let server = server.restart().await;
        assert_over(&server, &session, "claims_changed").await;
        assert_eq!(server.check(&refreshed.access).await, 200);
    }

    async fn roles_that_change_at_the_time_of_a_refresh_are_never_old_in_a_good_token(
        server: TestApp
    ) {
        for round in 0..100 {
            let session = server.register(&format!("user{round}")).await;
            let (refreshed, ()) = tokio::join!(
                server.refresh(&session),
                set_roles(&server.app, &session, &["admin"]),
            );
            let is_new = claims(&refreshed.access)["roles"] == serde_json::json!(["admin"]);
            assert!(is_new || server.check(&refreshed.access).await == 401);
        }
    }

    async fn a_server_hears_by_itself_what_another_process_changed(server: TestApp) {
        let session = server.register("alice").await;
        set_roles(&beside(&server).await, &session, &["admin"]).await;
        while server.check(&session.access).await == 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_over(&server, &session, "claims_changed").await;
    }

    async fn a_disabled_user_is_out_at_once_and_an_enabled_one_may_come_back(server: TestApp) {
        let (session, other) = (server.register("alice").await, beside(&server).await);
        assert!(other.disable(&caller(&other), &session.user_id).await.expect("it can be done"));
        assert!(!other.disable(&caller(&other), &session.user_id).await.expect("it can be done"));
        server.app.catch_up().await.expect("the database answers");
        assert_over(&server, &session, "disabled").await;
        assert_eq!(server.refresh_answer(&session.refresh).await.reason(), "disabled");
        let refused = server.log_in_answer("alice", crate::server::PASSWORD).await;
        assert_eq!(refused.code(), (401, "invalid_credentials".into()));

        assert!(other.enable(&caller(&other), &session.user_id).await.expect("it can be done"));
        let back = server.log_in("alice").await;
        assert_eq!(server.check(&back.access).await, 200);
        assert_over(&server, &session, "disabled").await;
        let server = server.restart().await;
        assert_over(&server, &session, "disabled").await;
    }

    async fn a_next_key_is_published_before_it_signs(server: TestApp) {
        let (session, other) = (server.register("alice").await, beside(&server).await);
        let old = key_of(&session.access);
        let next = other.rotate_key(&caller(&other), false).await.expect("it can be done").kid;
        server.app.catch_up().await.expect("the database answers");
        assert_eq!(published(&server).await, [old.clone(), next.clone()]);
        let before = server.refresh(&session).await;
        assert_eq!(key_of(&before.access), old);

        server.advance(4 * MINUTE + 59 * SECOND).await;
        let before = server.refresh(&before).await;
        assert_eq!(key_of(&before.access), old);
        server.advance(SECOND).await;
        let after = server.refresh(&before).await;
        assert_eq!(key_of(&after.access), next);
        for session in [&session, &before, &after] {
            assert_eq!(server.check(&session.access).await, 200);
        }
    }

    async fn a_key_whose_place_was_taken_before_its_time_never_signs(server: TestApp) {
        let (session, app) = (server.register("alice").await, &server.app);
        let rotate = async |at_once: bool| {
            app.rotate_key(&caller(app), at_once).await.expect("it can be done").kid
        };
        let passed_over = rotate(false).await;
        server.advance(MINUTE).await;
        let at_once = rotate(true).await;
        server.advance(MINUTE).await;
        let next = rotate(false).await;
        let mut last = server.refresh(&session).await;
        assert_eq!(key_of(&last.access), at_once);
        for (wait, signs) in [(3, &at_once), (1, &at_once), (1, &next), (1, &next)] {
            server.advance(wait * MINUTE).await;
            last = server.refresh(&last).await;
            assert_eq!(key_of(&last.access), *signs, "and not {passed_over}");
        }
        server.advance(14 * MINUTE).await;
        assert_eq!(server.check(&last.access).await, 200);
    }

    async fn c16_a_retired_key_is_gone_once_its_last_token_has_expired(server: TestApp) {
        let session = server.register("alice").await;
        let old = key_of(&session.access);
        let next = server.app.rotate_key(&caller(&server.app), false).await;
        let next = next.expect("it can be done").kid;
        server.advance(4 * MINUTE + 59 * SECOND).await;
        let last = server.refresh(&session).await;
        assert_eq!(key_of(&last.access), old);
        server.advance(14 * MINUTE + 59 * SECOND).await;
        assert_eq!(server.check(&last.access).await, 200);
        server.advance(31 * SECOND).await;
        assert_eq!(published(&server).await, [old.clone(), next.clone()]);
        server.advance(SECOND).await;
        assert_eq!(published(&server).await, [&*next]);
        assert_eq!(server.check(&last.access).await, 401);
        let server = server.restart().await;
        assert_eq!(published(&server).await, [next]);
        assert_eq!(server.check(&last.access).await, 401);
        let refreshed = server.refresh(&last).await;
        assert_eq!(server.check(&refreshed.access).await, 200);
    }

    async fn a_withdrawn_key_is_refused_everywhere_and_its_sessions_refresh(server: TestApp) {
        let (session, other) = (server.register("alice").await, beside(&server).await);
        let old = key_of(&session.access);
        other.revoke_key(&caller(&other), &old).await.expect("it can be done");
        server.app.catch_up().await.expect("the database answers");
        assert_over(&server, &session, "key_retired").await;
        assert!(!published(&server).await.contains(&old));
        let refreshed = server.refresh(&session).await;
        assert_ne!(key_of(&refreshed.access), old);
        assert_eq!(server.check(&refreshed.access).await, 200);
        let server = server.restart().await;
        assert_over(&server, &session, "key_retired").await;
        assert_eq!(server.check(&refreshed.access).await, 200);
    }

    async fn whoever_waits_for_the_keys_gets_those_that_are_published(server: TestApp) {
        let (session, other) = (server.register("alice").await, beside(&server).await);
        let (old, app) = (key_of(&session.access), &server.app);
        app.revoke_key(&caller(app), &old).await.expect("it can be done");
        other.node.catch_up().await.expect("the database answers");
        let now = app.clock.now();
        let both = tokio::join!(other.keys.settle(now), async {
            let settled = other.keys.settle(now).await;
            let keys = other.keys.ring().keys();
            (settled, keys.iter().any(|key| key.key_id() == Some(&old)))
        });
        assert!(matches!(both, (Ok(()), (Ok(()), false))), "{both:?}");
    }

    async fn there_is_a_key_to_sign_with_whichever_is_withdrawn(server: TestApp) {
        for wait in [Duration::ZERO, 6 * MINUTE] {
            let session = server.register(&format!("user{}", wait.as_secs())).await;
            let app = &server.app;
            let next = app.rotate_key(&caller(app), false).await.expect("it can be done").kid;
            server.advance(wait).await;
            app.revoke_key(&caller(app), &next).await.expect("it can be done");
            server.advance(30 * MINUTE).await;
            let refreshed = server.refresh(&session).await;
            assert_eq!(server.check(&refreshed.access).await, 200);
        }
    }

    async fn the_next_key_signs_at_once_when_the_active_one_is_withdrawn(server: TestApp) {
        let session = server.register("alice").await;
        let app = &server.app;
        let next = app.rotate_key(&caller(app), false).await.expect("it can be done").kid;
        app.revoke_key(&caller(app), &key_of(&session.access)).await.expect("it can be done");
        server.advance(SECOND).await;
        assert_eq!(published(&server).await, [&*next]);
        assert_eq!(key_of(&server.refresh(&session).await.access), next);
        let rows = app.signing_keys().await.expect("the database answers");
        let next = rows.iter().find(|row| row.kid == next).expect("there is a row");
        assert_eq!((next.retires_at, rows.len()), (None, 2));
    }

    async fn a_node_that_was_away_for_long_hears_of_a_withdrawn_key(long_lived: LongLived) {
        let server = long_lived.0;
        let (session, away) = (server.register("alice").await, beside(&server).await);
        let app = &server.app;
        app.revoke_key(&caller(app), &key_of(&session.access)).await.expect("it can be done");
        set_roles(app, &server.register("bob").await, &["admin"]).await;
        server.advance(31 * MINUTE).await;
        away.catch_up().await.expect("the database answers");
        let refused = away.check_access_token(&session.access, away.clock.now()).await;
        assert_eq!(refused.err(), Some(Refusal::Ended(EndReason::KeyRetired)));
    }

    async fn a_node_that_was_forgotten_is_heard_of_again(long_lived: LongLived) {
        let server = long_lived.0;
        let away = beside(&server).await;
        server.advance(Duration::from_hours(25)).await;
        server.app.purge(server.app.clock.now()).await.expect("the database answers");
        server.app.catch_up().await.expect("the database answers");
        let session = server.register("alice").await;
        away.node.heartbeat().await.expect("the database answers");
        set_roles(&away, &session, &["admin"]).await;
        server.app.catch_up().await.expect("the database answers");
        assert_over(&server, &session, "claims_changed").await;
    }

    async fn a_node_that_is_out_of_touch_never_says_yes(server: TestApp) {
        let (good, ended) = (server.register("alice").await, server.log_in("alice").await);
        let away = beside(&server).await;
        let check = async |session: &Session| {
            let checked = away.check_access_token(&session.access, away.clock.now()).await;
            checked.map(|_| ())
        };
        server.app.log_out(&caller(&server.app), &ended.id).await.expect("it can be done");
        server.advance(5 * SECOND).await;
        assert_eq!(check(&good).await, Ok(()));
        assert_eq!(check(&ended).await, Ok(()), "within the bound it may not have heard");
        server.advance(Duration::from_millis(1)).await;
        assert_eq!(check(&good).await, Err(Refusal::OutOfTouch));
        assert_eq!(check(&ended).await, Err(Refusal::OutOfTouch));
        away.catch_up().await.expect("the database answers");
        assert_eq!(check(&good).await, Ok(()));
        assert_eq!(check(&ended).await, Err(Refusal::Ended(EndReason::Logout)));
    }

    async fn a_server_that_cannot_hear_the_others_answers_503_and_never_200(server: TestApp) {
        let (good, ended) = (server.register("alice").await, server.log_in("alice").await);
        server.app.log_out(&caller(&server.app), &ended.id).await.expect("it can be done");
        alter(&server.app, sql!("ALTER TABLE nodes RENAME TO hidden")).await;
        assert!(server.app.catch_up().await.is_err());
        server.app.clock.advance(Duration::from_millis(5_001));
        let answer = server.get("/v1/sessions", &good.access).await;
        assert_eq!(answer.code(), (503, "unavailable".into()), "{answer:?}");
        assert!(answer.headers.contains_key("retry-after"));
        assert_over(&server, &ended, "logout").await;

        alter(&server.app, sql!("ALTER TABLE hidden RENAME TO nodes")).await;
        server.app.catch_up().await.expect("the database answers");
        assert_eq!(server.check(&good.access).await, 200);
        assert_over(&server, &ended, "logout").await;
    }
}

/// Changes a table beside the server.
pub(crate) async fn alter(app: &App, statement: Sql) {
    let altered: Result<(), DbError> = app
        .db
        .write("alter", move |tx| {
            Box::pin(async move { tx.execute(statement, &[]).await.map(drop) })
        })
        .await;
    altered.expect("the database obeys");
}
