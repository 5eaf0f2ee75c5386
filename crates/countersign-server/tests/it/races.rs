//! What happens at once, many times over: nothing that began before an "end all" outlives it.

use std::time::Duration;

use countersign_server::operations::Caller;
use countersign_server::tables::{event, session};
use futures::StreamExt as _;
use futures::stream;
use reqwest::Method;
use serde_json::{Value, json};

use super::refresh::Held;
use crate::server::{Answer, PASSWORD, Session, TestApp};

const ROUNDS: usize = 1_000;
/// How many rounds run at a time, each with a user of its own.
const AT_ONCE: usize = 8;
const NEW_PASSWORD: &str = "another long pass phrase";

/// Plays all rounds, each with the name of its user.
async fn play(round: impl AsyncFn(String)) {
    let (round, names) = (&round, (0..ROUNDS).map(|round| format!("user{round}")));
    stream::iter(names).for_each_concurrent(AT_ONCE, |name| round(name)).await;
}

fn caller(server: &TestApp) -> Caller {
    Caller::command(server.app.clock.now())
}

/// The ids of the user's sessions that are live in the database.
async fn live(server: &TestApp, user_id: &str) -> Vec<String> {
    let live = session::live_of_user(&server.app.db, user_id, server.app.clock.now()).await;
    live.expect("the database answers").into_iter().map(|session| session.id).collect()
}

/// What a login that raced came to: a session, or nothing.
fn logged_in(answer: &Answer) -> Option<Session> {
    match answer.status.as_u16() {
        200 => Some(Session::read(&answer.json())),
        401 | 409 => None,
        _ => panic!("{answer:?}"),
    }
}

/// Whether all that the session's client holds is dead: both kinds of token, and the row.
async fn assert_dead(server: &TestApp, session: &Session) {
    assert_eq!(server.check(&session.access).await, 401, "{session:?}");
    let refused = server.refresh_answer(&session.refresh).await;
    assert_eq!(refused.code(), (401, "invalid_grant".into()), "{refused:?}");
}

/// The database and the check agree about a session that was answered.
async fn assert_consistent(server: &TestApp, session: &Session) -> bool {
    let is_live = live(server, &session.user_id).await.contains(&session.id);
    assert_eq!(server.check(&session.access).await == 200, is_live, "{session:?}");
    is_live
}

on_each_database! {
    async fn no_login_with_the_old_password_outlives_its_change(server: TestApp) {
        play(async |name| {
            let kept = server.register(&name).await;
            let change = json!({ "current": PASSWORD, "new": NEW_PASSWORD });
            let (login, changed) = tokio::join!(
                server.log_in_answer(&name, PASSWORD),
                server.send(Method::POST, "/v1/me/password", &kept.access, change),
            );
            assert_eq!(changed.status, 204, "{changed:?}");
            if let Some(session) = logged_in(&login) {
                assert_dead(&server, &session).await;
            }
            assert_eq!(live(&server, &kept.user_id).await, [&*kept.id]);
            assert_eq!(server.check(&kept.access).await, 200);
        })
        .await;
    }

    async fn no_login_outlives_a_ban(server: TestApp) {
        play(async |name| {
            let old = server.register(&name).await;
            let caller = caller(&server);
            let (login, banned) = tokio::join!(
                server.log_in_answer(&name, PASSWORD),
                server.app.disable(&caller, &old.user_id),
            );
            assert!(banned.expect("it can be done"));
            for session in logged_in(&login).iter().chain([&old]) {
                assert_dead(&server, session).await;
            }
            assert!(live(&server, &old.user_id).await.is_empty());
        })
        .await;
    }

    /// A login that comes after the logout lives; each that came before it was ended by it.
    async fn no_login_that_began_before_outlives_a_logout_everywhere(server: TestApp) {
        play(async |name| {
            let old = server.register(&name).await;
            let scope = json!({ "scope": "all" });
            let (login, out) = tokio::join!(
                server.log_in_answer(&name, PASSWORD),
                server.send(Method::POST, "/v1/logout", &old.access, scope),
            );
            assert_eq!(out.status, 204, "{out:?}");
            assert_dead(&server, &old).await;
            let is_live = match logged_in(&login) {
                Some(session) => assert_consistent(&server, &session).await.then_some(session.id),
                None => None,
            };
            let ended = ended_by_logout_all(&server, &old.user_id).await;
            let begun = 1 + usize::from(login.status == 200);
            assert_eq!(begun, ended + usize::from(is_live.is_some()), "none is forgotten");
            assert_eq!(live(&server, &old.user_id).await, Vec::from_iter(is_live));
        })
        .await;
    }

    async fn a_login_that_is_under_way_is_ended_by_a_logout_everywhere(server: TestApp) {
        let old = server.register("alice").await;
        let held = Held::writes(&server).await;
        let scope = json!({ "scope": "all" });
        // Nothing shows when the logout, and then the login, has read and waits to write. SQLite is
        // asked again after half a second, in another order.
        let pause = tokio::time::sleep;
        let (out, login, ()) = tokio::join!(
            server.send(Method::POST, "/v1/logout", &old.access, scope),
            async {
                pause(Duration::from_millis(150)).await;
                server.log_in_answer("alice", PASSWORD).await
            },
            async {
                pause(Duration::from_millis(400)).await;
                held.release().await;
            },
        );
        assert_eq!(out.status, 204, "{out:?}");
        if let Some(session) = logged_in(&login) {
            assert_dead(&server, &session).await;
        }
        assert!(live(&server, &old.user_id).await.is_empty());
    }

    async fn r10_no_token_of_the_family_outlives_a_logout(server: TestApp) {
        play(async |name| {
            let session = server.register(&name).await;
            let (refreshed, out) = tokio::join!(
                server.refresh_answer(&session.refresh),
                server.send(Method::POST, "/v1/logout", &session.access, Value::Null),
            );
            assert_eq!(out.status, 204, "{out:?}");
            if let Some(refreshed) = logged_in(&refreshed) {
                assert_dead(&server, &refreshed).await;
            }
            assert_dead(&server, &session).await;
            assert!(live(&server, &session.user_id).await.is_empty());
        })
        .await;
    }

    async fn r11_no_token_of_another_session_outlives_a_password_change(server: TestApp) {
        play(async |name| {
            let (kept, other) = (server.register(&name).await, server.log_in(&name).await);
            let change = json!({ "current": PASSWORD, "new": NEW_PASSWORD });
            let (refreshed, changed) = tokio::join!(
                server.refresh_answer(&other.refresh),
                server.send(Method::POST, "/v1/me/password", &kept.access, change),
            );
            assert_eq!(changed.status, 204, "{changed:?}");
            if let Some(refreshed) = logged_in(&refreshed) {
                assert_dead(&server, &refreshed).await;
            }
            assert_dead(&server, &other).await;
            assert_eq!(live(&server, &kept.user_id).await, [&*kept.id]);
        })
        .await;
    }
}

/// How many sessions the user's one logout everywhere ended, as its event says.
async fn ended_by_logout_all(server: &TestApp, user_id: &str) -> usize {
    let events = event::latest_of_user(&server.app.db, user_id, 100).await;
    let events = events.expect("the database answers");
    let mut ended = events.iter().filter(|event| event.kind == "logout_all");
    let ended = ended.next().map_or(0, |event| event.occurrences);
    usize::try_from(ended).expect("a count")
}
