//! Each session that is over says why: to the client in the refusal, to the user in the list of ended
//! sessions, to the admin in the events.

use std::time::Duration;

use countersign_server::db::Kind;
use countersign_server::operations::Caller;
use countersign_server::tables::event;
use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{PASSWORD, Session, TestApp};

const DAY: Duration = Duration::from_hours(24);

/// A server that lets each user have three sessions.
struct ThreeSessions(TestApp);

impl ThreeSessions {
    async fn on_database(kind: Kind) -> Option<Self> {
        TestApp::with(kind, |config| config.sessions.max_per_user = 3).await.map(Self)
    }
}

/// The user's ended sessions, whose list `path` asks for.
async fn ended_at(server: &TestApp, path: &str, asking: &Session) -> (Vec<Value>, Value) {
    let answer = server.get(path, &asking.access).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    (answer["sessions"].as_array().expect("a list").clone(), answer["next_cursor"].clone())
}

async fn ended(server: &TestApp, asking: &Session) -> Vec<Value> {
    let (sessions, next) = ended_at(server, "/v1/sessions?ended=true", asking).await;
    assert_eq!(next, Value::Null);
    sessions
}

/// The end of this session, as the user's list tells it.
async fn end_of(server: &TestApp, asking: &Session, session: &Session) -> (String, String) {
    let listed = ended(server, asking).await;
    let listed = listed.iter().find(|listed| listed["id"] == session.id.as_str());
    let listed = listed.unwrap_or_else(|| panic!("{} is not listed", session.id));
    assert_eq!((&listed["current"], &listed["user_id"]), (&json!(false), &json!(session.user_id)));
    let text = |name: &str| listed[name].as_str().expect("text").to_owned();
    (text("end_reason"), text("ended_at"))
}

async fn event_reasons(server: &TestApp, user_id: &str, session: Option<&Session>) -> Vec<String> {
    let events = event::latest_of_user(&server.app.db, user_id, 200).await;
    let events = events.expect("the database answers").into_iter();
    let about = |event: &event::Event| {
        session.is_none_or(|session| event.session_id.as_deref() == Some(&*session.id))
    };
    events.filter(about).filter_map(|event| event.reason).collect()
}

/// Client, user and admin are told the same.
async fn assert_told(server: &TestApp, asking: &Session, session: &Session, reason: &str) {
    let refused = server.refresh_answer(&session.refresh).await;
    assert_eq!(refused.code(), (401, "invalid_grant".into()), "{refused:?}");
    assert_eq!(refused.reason(), reason);
    assert_eq!(end_of(server, asking, session).await.0, reason);
}

fn operator(server: &TestApp) -> Caller {
    Caller::command(server.app.clock.now())
}

async fn log_out(server: &TestApp, session: &Session, scope: &str) {
    let body = json!({ "scope": scope });
    let answer = server.send(Method::POST, "/v1/logout", &session.access, body).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

on_each_database! {
    async fn what_a_user_ends_is_told_with_its_reason(server: TestApp) {
        let asking = server.register("alice").await;
        let alone = server.log_in("alice").await;
        log_out(&server, &alone, "this").await;
        assert_told(&server, &asking, &alone, "logout").await;
        assert_eq!(event_reasons(&server, &asking.user_id, Some(&alone)).await, ["logout"]);

        let other = server.log_in("alice").await;
        log_out(&server, &asking, "others").await;
        assert_told(&server, &asking, &other, "logout_all").await;
        assert_eq!(event_reasons(&server, &asking.user_id, Some(&asking)).await, ["logout_all"]);

        let other = server.log_in("alice").await;
        let change = json!({ "current": PASSWORD, "new": "another long pass phrase" });
        let changed = server.send(Method::POST, "/v1/me/password", &asking.access, change).await;
        assert_eq!(changed.status, 204, "{changed:?}");
        assert_told(&server, &asking, &other, "password_changed").await;
        assert_eq!(server.check(&asking.access).await, 200);
        let live = server.get("/v1/sessions", &asking.access).await.json();
        assert_eq!(live["sessions"].as_array().expect("a list").len(), 1);
        assert_eq!(live["sessions"][0].get("end_reason"), None, "{live}");
    }

    async fn what_others_end_is_told_with_its_reason(server: TestApp) {
        let asking = server.register("alice").await;
        let stolen = server.log_in("alice").await;
        let next = server.refresh(&stolen).await;
        assert_eq!(server.check(&next.access).await, 200);
        server.advance(Duration::from_secs(11)).await;
        server.refresh_answer(&stolen.refresh).await;
        assert_told(&server, &asking, &next, "refresh_reuse").await;
        assert_eq!(event_reasons(&server, &asking.user_id, Some(&next)).await, ["refresh_reuse"]);

        let ended = server.log_in("alice").await;
        let done = server.app.end_session_as_operator(&operator(&server), &ended.id).await;
        assert!(done.expect("it can be done"));
        assert_told(&server, &asking, &ended, "admin").await;
        assert_eq!(event_reasons(&server, &asking.user_id, Some(&ended)).await, ["admin"]);

        let disable = server.app.disable(&operator(&server), &asking.user_id).await;
        assert!(disable.expect("it can be done"));
        server.app.enable(&operator(&server), &asking.user_id).await.expect("it can be done");
        let back = server.log_in("alice").await;
        assert_told(&server, &back, &asking, "disabled").await;

        let deleted = server.app.delete_user(&operator(&server), &back.user_id).await;
        deleted.expect("it can be done");
        assert_eq!(server.refresh_answer(&back.refresh).await.reason(), "deleted");
    }

    async fn one_session_too_many_ends_the_oldest_which_is_told(server: ThreeSessions) {
        let server = server.0;
        let oldest = server.register("alice").await;
        for _ in 0..2 {
            server.advance(Duration::from_millis(1)).await;
            server.log_in("alice").await;
        }
        let asking = server.log_in("alice").await;
        assert_told(&server, &asking, &oldest, "limit").await;
        assert_eq!(event_reasons(&server, &asking.user_id, Some(&oldest)).await, ["limit"]);
    }

    async fn an_expiry_is_told_before_anybody_noticed_it(server: TestApp) {
        let left = server.register("alice").await;
        server.advance((30 * DAY).saturating_sub(Duration::from_secs(1))).await;
        let early = server.log_in("alice").await;
        assert_eq!(ended(&server, &early).await, Vec::<Value>::new());
        server.advance(Duration::from_secs(1)).await;
        let told = ("expired_idle".to_owned(), "2026-02-01T03:04:05.000Z".to_owned());
        assert_eq!(end_of(&server, &early, &left).await, told);
        server.advance(DAY).await;
        let asking = server.refresh(&early).await;
        assert_told(&server, &asking, &left, "expired_idle").await;
        let noticed = end_of(&server, &asking, &left).await;
        assert_eq!(noticed, told, "it ended when it expired, whenever that was noticed");
        assert_eq!(event_reasons(&server, &left.user_id, Some(&left)).await, ["expired_idle"]);

        server.advance(29 * DAY).await;
        assert_eq!(ended(&server, &server.log_in("alice").await).await.len(), 0, "30 days later");
    }

    async fn a_session_that_nobody_ended_gets_one_event_at_the_end_of_its_life(server: TestApp) {
        let (left, mut kept) = (server.register("alice").await, server.log_in("alice").await);
        for _ in 0..8 {
            server.advance(11 * DAY).await;
            kept = server.refresh(&kept).await;
        }
        server.advance((2 * DAY).saturating_sub(Duration::from_millis(1))).await;
        let (now, beside) = (server.app.clock.now(), server.beside().await);
        server.app.purge(now).await.expect("the database answers");
        assert_eq!(event_reasons(&server, &left.user_id, None).await, Vec::<String>::new());

        server.advance(Duration::from_millis(1)).await;
        let now = server.app.clock.now();
        let (here, there) = tokio::join!(server.app.purge(now), beside.app.purge(now));
        here.and(there).expect("the database answers");
        for (session, reason) in [(&left, "expired_idle"), (&kept, "expired_absolute")] {
            let told = event_reasons(&server, &left.user_id, Some(session)).await;
            assert_eq!(told, [reason], "once, whoever purges");
        }
        let asking = server.log_in("alice").await;
        assert_told(&server, &asking, &kept, "expired_absolute").await;
        assert_eq!(ended(&server, &asking).await.len(), 1, "the other one was over long ago");
        assert_eq!(server.refresh_answer(&left.refresh).await.reason(), "expired_idle");
    }

    async fn what_expired_while_no_server_ran_is_noted_before_it_is_removed(server: TestApp) {
        let left = server.register("alice").await;
        server.advance(200 * DAY).await;
        server.app.purge(server.app.clock.now()).await.expect("the database answers");
        let told = event_reasons(&server, &left.user_id, Some(&left)).await;
        assert_eq!(told, ["expired_idle"]);
        assert_eq!(server.refresh_answer(&left.refresh).await.reason(), "expired_absolute");
    }

    async fn a_long_list_comes_in_parts_without_a_gap_or_a_repetition(server: TestApp) {
        let asking = server.register("alice").await;
        let stranger = server.register("bob").await;
        let mut begun = Vec::new();
        for round in 0..7 {
            let session = server.log_in("alice").await;
            log_out(&server, &session, "this").await;
            begun.push(session.id);
            // Some begin in the same millisecond.
            server.advance(Duration::from_millis(round % 2)).await;
        }
        let (mut listed, mut path) = (Vec::new(), "/v1/sessions?ended=true&limit=3".to_owned());
        loop {
            let (part, next) = ended_at(&server, &path, &asking).await;
            assert!(part.len() <= 3);
            listed.extend(part.into_iter().map(|it| it["id"].as_str().expect("an id").to_owned()));
            let Some(next) = next.as_str() else { break };
            path = format!("/v1/sessions?ended=true&limit=3&cursor={next}");
        }
        begun.sort();
        let mut sorted = listed.clone();
        sorted.sort();
        assert_eq!(sorted, begun);
        assert_eq!(ended(&server, &stranger).await.len(), 0);
    }

    async fn parameters_that_cannot_be_are_refused_by_name(server: TestApp) {
        let asking = server.register("alice").await;
        for (query, code, field) in [
            ("ended=yes", "invalid_field", "ended"),
            ("ended=true&limit=0", "invalid_field", "limit"),
            ("ended=true&limit=1000000000", "invalid_field", "limit"),
            ("ended=true&cursor=%00", "invalid_field", "cursor"),
            ("ended=true&cursor=YWxpY2U", "invalid_field", "cursor"),
            ("ended=true&offset=-1", "unknown_parameter", "offset"),
            ("sort=password", "unknown_parameter", "sort"),
            ("limit=3", "unknown_parameter", "limit"),
            ("ended=true&ended=true", "invalid_query", "ended"),
        ] {
            let refused = server.get(&format!("/v1/sessions?{query}"), &asking.access).await;
            assert_eq!(refused.code(), (400, code.into()), "{query}: {refused:?}");
            assert_eq!(refused.json()["field"], field, "{query}");
        }
        let missing = server.get("/v1/sessions?sort=x", "").await;
        assert_eq!(missing.status, 401, "who asks is known first");
    }
}
