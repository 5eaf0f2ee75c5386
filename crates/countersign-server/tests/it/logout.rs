//! Logging out: here, elsewhere, everywhere; and once it is answered, no token is good any more.

use std::time::Duration;

use countersign::EndReason;
use countersign_server::db::Kind;
use countersign_server::tables::{event, session};
use reqwest::Method;
use serde_json::{Value, json};

use super::refresh::row;
use crate::server::{Answer, Session, TestApp};

/// A server that lets each user have three sessions.
struct ThreeSessions(TestApp);

impl ThreeSessions {
    async fn on_database(kind: Kind) -> Option<Self> {
        TestApp::with(kind, |config| config.sessions.max_per_user = 3).await.map(Self)
    }
}

async fn log_out(server: &TestApp, session: &Session, body: Value) -> Answer {
    server.send(Method::POST, "/v1/logout", &session.access, body).await
}

async fn end_reason(server: &TestApp, session: &Session) -> Option<EndReason> {
    row(&server.app.db, &session.id).await.ended.map(|(_, reason)| reason)
}

/// No token of the session is good, and all say why.
async fn assert_over(server: &TestApp, session: &Session, reason: &str) {
    let refused = server.get("/v1/me", &session.access).await;
    assert_eq!(refused.code(), (401, "invalid_token".into()), "{refused:?}");
    assert_eq!(refused.reason(), reason);
    let refused = server.refresh_answer(&session.refresh).await;
    assert_eq!(refused.code(), (401, "invalid_grant".into()), "{refused:?}");
    assert_eq!(refused.reason(), reason);
}

async fn assert_live(server: &TestApp, session: &Session) {
    assert_eq!(server.check(&session.access).await, 200);
    assert_eq!(end_reason(server, session).await, None);
}

async fn logout_events(server: &TestApp, user_id: &str) -> usize {
    let events = event::latest_of_user(&server.app.db, user_id, 100).await;
    let events = events.expect("the database answers");
    events.iter().filter(|event| event.kind == "logout").count()
}

on_each_database! {
    async fn r12_an_access_token_is_dead_once_the_logout_is_answered(server: TestApp) {
        for _ in 0..50 {
            let name = format!("user{}", server.app.entropy.below(u64::MAX));
            let session = server.register(&name).await;
            assert_eq!(log_out(&server, &session, Value::Null).await.status, 204);
            assert_over(&server, &session, "logout").await;
        }
    }

    async fn no_token_of_an_ended_session_is_good_after_a_restart(server: TestApp) {
        let (old, left) = (server.register("alice").await, server.log_in("alice").await);
        let refreshed = server.refresh(&left).await;
        assert_eq!(log_out(&server, &refreshed, Value::Null).await.status, 204);
        let server = server.restart().await;
        for session in [&left, &refreshed] {
            assert_over(&server, session, "logout").await;
        }
        assert_live(&server, &old).await;
    }

    async fn r16_logging_out_twice_is_success_twice(server: TestApp) {
        let session = server.register("alice").await;
        for _ in 0..2 {
            let answer = log_out(&server, &session, json!({ "scope": "this" })).await;
            assert_eq!((answer.status.as_u16(), &*answer.text), (204, ""));
        }
        assert_over(&server, &session, "logout").await;
        assert_eq!(logout_events(&server, &session.user_id).await, 1);
    }

    async fn an_expired_access_token_logs_out(server: TestApp) {
        let session = server.register("alice").await;
        server.advance(Duration::from_mins(16)).await;
        assert_eq!(server.check(&session.access).await, 401);
        assert_eq!(log_out(&server, &session, Value::Null).await.status, 204);
        assert_eq!(end_reason(&server, &session).await, Some(EndReason::Logout));
        assert_eq!(server.refresh_answer(&session.refresh).await.reason(), "logout");
    }

    async fn a_refresh_token_in_the_body_logs_out(server: TestApp) {
        let session = server.register("alice").await;
        let latest = server.refresh(&session).await;
        let body = json!({ "refresh_token": session.refresh });
        assert_eq!(server.post("/v1/logout", body).await.status, 204);
        assert_over(&server, &latest, "logout").await;
    }

    async fn a_logout_without_a_token_of_ours_ends_nothing(server: TestApp) {
        let session = server.register("alice").await;
        let nothing = server.post("/v1/logout", json!({})).await;
        assert_eq!(nothing.code(), (401, "token_missing".into()));
        let body = json!({ "refresh_token": "x".repeat(76) });
        assert_eq!(server.post("/v1/logout", body).await.status, 401);
        let mut forged = session.access.clone();
        forged.truncate(forged.len() - 4);
        let forged = Session { access: forged + "AAAA", ..session.clone() };
        assert_eq!(log_out(&server, &forged, Value::Null).await.status, 401);
        assert_live(&server, &session).await;
    }

    async fn others_ends_all_but_the_session_that_asks(server: TestApp) {
        let (asking, other) = (server.register("alice").await, server.log_in("alice").await);
        let stranger = server.register("bob").await;
        assert_eq!(log_out(&server, &asking, json!({ "scope": "others" })).await.status, 204);
        assert_over(&server, &other, "logout_all").await;
        assert_live(&server, &asking).await;
        assert_live(&server, &stranger).await;
        server.log_in("alice").await;
    }

    async fn all_ends_the_session_that_asks_too(server: TestApp) {
        let (asking, other) = (server.register("alice").await, server.log_in("alice").await);
        let refreshed = server.refresh(&other).await;
        let stranger = server.register("bob").await;
        assert_eq!(log_out(&server, &asking, json!({ "scope": "all" })).await.status, 204);
        for session in [&asking, &other, &refreshed] {
            assert_over(&server, session, "logout_all").await;
        }
        assert_live(&server, &stranger).await;
        let server = server.restart().await;
        assert_over(&server, &refreshed, "logout_all").await;
        server.log_in("alice").await;
    }

    async fn others_and_all_need_a_live_access_token(server: TestApp) {
        let (ended, other) = (server.register("alice").await, server.log_in("alice").await);
        assert_eq!(log_out(&server, &ended, Value::Null).await.status, 204);
        for scope in ["others", "all"] {
            let answer = log_out(&server, &ended, json!({ "scope": scope })).await;
            assert_eq!(answer.code(), (401, "invalid_token".into()), "{scope}");
            let body = json!({ "scope": scope, "refresh_token": other.refresh });
            let answer = server.post("/v1/logout", body).await;
            assert_eq!(answer.code(), (401, "token_missing".into()), "{scope}");
        }
        assert_live(&server, &other).await;
        server.advance(Duration::from_mins(16)).await;
        let expired = log_out(&server, &other, json!({ "scope": "all" })).await;
        assert_eq!(expired.code(), (401, "invalid_token".into()));
        assert_eq!(end_reason(&server, &other).await, None);
    }

    async fn a_scope_that_there_is_not_ends_nothing(server: TestApp) {
        let session = server.register("alice").await;
        for scope in [json!("everything"), json!(""), json!("All"), json!(1), json!(["all"])] {
            let answer = log_out(&server, &session, json!({ "scope": scope })).await;
            assert_eq!(answer.status, 400, "{answer:?}");
        }
        assert_live(&server, &session).await;
    }

    async fn a_user_ends_one_of_their_own_sessions(server: TestApp) {
        let (asking, other) = (server.register("alice").await, server.log_in("alice").await);
        let path = format!("/v1/sessions/{}", other.id);
        for _ in 0..2 {
            let answer = server.send(Method::DELETE, &path, &asking.access, Value::Null).await;
            assert_eq!(answer.status, 204, "{answer:?}");
        }
        assert_over(&server, &other, "logout").await;
        let listed = server.get("/v1/sessions", &asking.access).await.json();
        assert_eq!(listed["sessions"].as_array().map(Vec::len), Some(1));
    }

    async fn there_is_no_session_of_another_user(server: TestApp) {
        let (asking, stranger) = (server.register("alice").await, server.register("bob").await);
        let unknown = "019b7ca9-0000-7000-8000-000000000000";
        for id in [&*stranger.id, unknown, "x", "%27", "%00", "..%2f"] {
            let path = format!("/v1/sessions/{id}");
            let answer = server.send(Method::DELETE, &path, &asking.access, Value::Null).await;
            assert_eq!(answer.code(), (404, "not_found".into()), "{id}");
        }
        assert_live(&server, &stranger).await;
    }

    async fn r18_the_oldest_session_ends_when_there_are_too_many(limited: ThreeSessions) {
        let server = limited.0;
        let mut sessions = vec![server.register("alice").await];
        for _ in 0..5 {
            server.advance(Duration::from_secs(1)).await;
            sessions.push(server.log_in("alice").await);
        }
        for session in &sessions[..3] {
            assert_over(&server, session, "limit").await;
        }
        for session in &sessions[3..] {
            assert_live(&server, session).await;
        }
    }

    async fn r18_of_many_logins_at_once_so_many_stay_as_there_may(limited: ThreeSessions) {
        let server = limited.0;
        let user = server.register("alice").await.user_id;
        futures::future::join_all((0..20).map(|_| server.log_in("alice"))).await;
        let live = session::live_of_user(&server.app.db, &user, server.app.clock.now()).await;
        assert_eq!(live.expect("the database answers").len(), 3);
        let all = session::of_user(&server.app.db, &user, 100).await.expect("it answers");
        assert_eq!(all.len(), 21);
        let reasons = all.iter().filter_map(|session| session.ended.map(|(_, reason)| reason));
        assert!(reasons.clone().all(|reason| reason == EndReason::Limit));
        assert_eq!(reasons.count(), 18);
    }
}
