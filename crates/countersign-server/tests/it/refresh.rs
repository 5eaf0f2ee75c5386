//! Refreshing: a session never forks, is never lost by accident, and a stolen token is noticed.

use std::time::Duration;

use countersign::{EndReason, RefreshToken, RefreshTokens};
use countersign_server::db::Db;
use countersign_server::operations::Caller;
use countersign_server::tables::{event, session};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _};
use uuid::Uuid;

use crate::server::{Answer, PASSWORD, Session, TestApp};

const SECOND: Duration = Duration::from_secs(1);
const BEYOND_GRACE: Duration = Duration::from_millis(10_001);
const DAY: Duration = Duration::from_hours(24);
/// A day but for its last second.
const NEARLY_A_DAY: Duration = Duration::from_secs(24 * 3600 - 1);

pub(crate) async fn row(db: &Db, session_id: &str) -> session::Session {
    session::find(db, session_id).await.expect("the database answers").expect("there is a row")
}

/// How often an event of this kind was written about the session.
async fn events(server: &TestApp, kind: &str, session: &Session) -> usize {
    let events = event::latest(&server.app.db, 1_000).await.expect("the database answers");
    let of_session = |event: &&event::Event| event.session_id.as_deref() == Some(&session.id);
    events.iter().filter(of_session).filter(|event| event.kind == kind).count()
}

fn assert_refused(answer: &Answer, reason: &str) {
    assert_eq!(answer.code(), (401, "invalid_grant".into()), "{answer:?}");
    assert_eq!(answer.reason(), reason);
}

/// The token is taken for a stolen one, and the whole session dies of it.
async fn assert_reuse_ends(server: &TestApp, token: &str, latest: &Session) {
    assert_refused(&server.refresh_answer(token).await, "refresh_reuse");
    assert_ended_by_reuse(server, latest).await;
}

async fn assert_ended_by_reuse(server: &TestApp, latest: &Session) {
    let ended = row(&server.app.db, &latest.id).await.ended.map(|(_, reason)| reason);
    assert_eq!(ended, Some(EndReason::RefreshReuse));
    assert_eq!(events(server, "refresh_reuse", latest).await, 1);
    let refused = server.get("/v1/me", &latest.access).await;
    assert_eq!((refused.status.as_u16(), &*refused.reason()), (401, "refresh_reuse"));
    assert_refused(&server.refresh_answer(&latest.refresh).await, "refresh_reuse");
    assert_eq!(events(server, "refresh_reuse", latest).await, 1, "it is told once");
}

/// Ends the session as `how` says, with its access token.
async fn end(server: &TestApp, how: &str, session: &Session) {
    let caller = Caller::command(server.app.clock.now());
    let access = &session.access;
    let answer = match how {
        "logout" => server.send(Method::POST, "/v1/logout", access, Value::Null).await,
        "logout_all" => {
            server.send(Method::POST, "/v1/logout", access, json!({ "scope": "all" })).await
        }
        "password_changed" => {
            let elsewhere = server.log_in(how).await;
            let change = json!({ "current": PASSWORD, "new": "another long pass phrase" });
            server.send(Method::POST, "/v1/me/password", &elsewhere.access, change).await
        }
        "disabled" => {
            return assert!(server.app.disable(&caller, &session.user_id).await.expect("it can"));
        }
        _ => server.send(Method::DELETE, "/v1/me", access, json!({ "password": PASSWORD })).await,
    };
    assert_eq!(answer.status, 204, "{how}: {answer:?}");
}

on_each_database! {
    async fn r1_thirty_two_refreshes_at_once_get_one_successor(server: TestApp) {
        let session = server.register("alice").await;
        let answers = join_all((0..32).map(|_| server.refresh_answer(&session.refresh))).await;
        let refreshed: Vec<Session> = answers
            .iter()
            .inspect(|answer| assert_eq!(answer.status, 200, "{answer:?}"))
            .map(|answer| Session::read(&answer.json()))
            .collect();
        assert!(refreshed.iter().all(|other| other.refresh == refreshed[0].refresh));
        assert_ne!(refreshed[0].refresh, session.refresh);
        let row = row(&server.app.db, &session.id).await;
        assert_eq!((row.rotation.current, row.ended), (1, None));
        for other in &refreshed {
            assert_eq!(server.check(&other.access).await, 200);
        }
        server.refresh(&refreshed[0]).await;
    }

    async fn r2_an_older_generation_ends_the_session(server: TestApp) {
        let stolen = server.register("alice").await;
        let refreshed = server.refresh(&stolen).await;
        let latest = server.refresh(&refreshed).await;
        assert_reuse_ends(&server, &stolen.refresh, &latest).await;
    }

    async fn r2_a_predecessor_whose_successor_was_used_ends_the_session(server: TestApp) {
        let stolen = server.register("alice").await;
        let latest = server.refresh(&stolen).await;
        assert_eq!(server.check(&latest.access).await, 200);
        server.advance(BEYOND_GRACE).await;
        assert_reuse_ends(&server, &stolen.refresh, &latest).await;
    }

    async fn r2_a_void_generation_ends_the_session(server: TestApp) {
        let session = server.register("alice").await;
        let void = server.refresh(&session).await;
        server.advance(BEYOND_GRACE).await;
        let latest = server.refresh(&session).await;
        assert_ne!(latest.refresh, void.refresh);
        assert_reuse_ends(&server, &void.refresh, &latest).await;
    }

    async fn r2_a_predecessor_beyond_the_hour_ends_the_session(server: TestApp) {
        let stolen = server.register("alice").await;
        let latest = server.refresh(&stolen).await;
        server.advance(Duration::from_mins(10)).await;
        server.advance(Duration::from_mins(50) + SECOND).await;
        assert_refused(&server.refresh_answer(&stolen.refresh).await, "refresh_reuse");
        assert_refused(&server.refresh_answer(&latest.refresh).await, "refresh_reuse");
    }

    async fn r2_of_many_replays_at_once_each_is_refused_and_one_is_told(server: TestApp) {
        let stolen = server.register("alice").await;
        let refreshed = server.refresh(&stolen).await;
        let latest = server.refresh(&refreshed).await;
        for answer in join_all((0..16).map(|_| server.refresh_answer(&stolen.refresh))).await {
            assert_refused(&answer, "refresh_reuse");
        }
        assert_ended_by_reuse(&server, &latest).await;
    }

    async fn r3_a_replay_after_a_restart_is_still_one(server: TestApp) {
        let stolen = server.register("alice").await;
        let refreshed = server.refresh(&stolen).await;
        let latest = server.refresh(&refreshed).await;
        let server = server.restart().await;
        assert_reuse_ends(&server, &stolen.refresh, &latest).await;
        let server = server.restart().await;
        assert_ended_by_reuse(&server, &latest).await;
    }

    async fn r3_a_use_that_was_written_is_known_after_a_restart(server: TestApp) {
        let stolen = server.register("alice").await;
        let latest = server.refresh(&stolen).await;
        assert_eq!(server.check(&latest.access).await, 200);
        while row(&server.app.db, &latest.id).await.rotation.used < 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let server = server.restart().await;
        server.advance(BEYOND_GRACE).await;
        assert_reuse_ends(&server, &stolen.refresh, &latest).await;
    }

    async fn r4_a_refresh_that_cannot_be_written_leaves_the_token_good(server: TestApp) {
        let session = server.register("alice").await;
        let held = Held::writes(&server).await;
        let answer = server.refresh_answer(&session.refresh).await;
        assert_eq!(answer.code(), (503, "unavailable".into()), "{answer:?}");
        assert!(answer.headers.contains_key("retry-after"));
        held.release().await;
        assert_eq!(row(&server.app.db, &session.id).await.rotation.current, 0);
        let refreshed = server.refresh(&session).await;
        assert_eq!(server.check(&refreshed.access).await, 200);
    }

    async fn r5_a_lost_answer_can_be_asked_for_again(server: TestApp) {
        let session = server.register("alice").await;
        let lost = server.refresh(&session).await;
        server.advance(Duration::from_secs(10)).await;
        let again = server.refresh(&session).await;
        assert_eq!((&again.refresh, &again.id), (&lost.refresh, &session.id));
        assert_eq!(server.check(&again.access).await, 200);
        assert_eq!(row(&server.app.db, &session.id).await.rotation.current, 1);
    }

    async fn r5_a_lost_answer_can_be_asked_for_after_a_restart(server: TestApp) {
        let session = server.register("alice").await;
        let lost = server.refresh(&session).await;
        let server = server.restart().await;
        assert_eq!(server.refresh(&session).await.refresh, lost.refresh);
    }

    async fn r5_after_the_grace_an_unused_successor_is_replaced(server: TestApp) {
        let session = server.register("alice").await;
        let mut lost = server.refresh(&session).await;
        for generation in 2..6 {
            server.advance(Duration::from_mins(59)).await;
            let again = server.refresh(&session).await;
            assert_ne!(again.refresh, lost.refresh);
            let row = row(&server.app.db, &session.id).await;
            assert_eq!((row.rotation.current, row.ended), (generation, None));
            lost = again;
        }
        server.refresh(&lost).await;
    }

    async fn r7_an_access_token_refreshes_nothing(server: TestApp) {
        let session = server.register("alice").await;
        let answer = server.refresh_answer(&session.access).await;
        assert_refused(&answer, "");
        assert_eq!(row(&server.app.db, &session.id).await.rotation.current, 0);
        assert_eq!(server.check(&session.refresh).await, 401);
    }

    async fn r8_what_ended_the_session_is_why_it_is_not_refreshed(server: TestApp) {
        for how in ["logout", "logout_all", "disabled", "password_changed", "deleted"] {
            let session = server.register(how).await;
            let refreshed = server.refresh(&session).await;
            end(&server, how, &refreshed).await;
            for token in [&refreshed.refresh, &session.refresh] {
                assert_refused(&server.refresh_answer(token).await, how);
            }
            assert_eq!(server.get("/v1/me", &refreshed.access).await.reason(), how);
        }
    }

    async fn r9_a_session_ends_at_its_absolute_lifetime_however_it_is_used(server: TestApp) {
        let mut session = server.register("alice").await;
        for _ in 0..8 {
            server.advance(11 * DAY).await;
            session = server.refresh(&session).await;
        }
        server.advance(DAY + NEARLY_A_DAY).await;
        let answer = server.refresh_answer(&session.refresh).await;
        assert_eq!(answer.json()["refresh_expires_in"], 1, "{answer:?}");
        assert_eq!(answer.json()["expires_in"], 1, "no access token outlives its session");
        let latest = Session::read(&answer.json());
        assert_eq!(server.check(&latest.access).await, 200);
        server.advance(SECOND).await;
        assert_eq!(server.check(&latest.access).await, 401);
        assert_refused(&server.refresh_answer(&latest.refresh).await, "expired_absolute");
        server.advance(SECOND).await;
        assert_refused(&server.refresh_answer(&latest.refresh).await, "expired_absolute");
    }

    async fn r9_a_session_that_is_not_refreshed_in_time_is_over(server: TestApp) {
        let (left, kept) = (server.register("alice").await, server.log_in("alice").await);
        server.advance(29 * DAY + NEARLY_A_DAY).await;
        let kept = server.refresh(&kept).await;
        server.advance(SECOND).await;
        assert_refused(&server.refresh_answer(&left.refresh).await, "expired_idle");
        assert_eq!(events(&server, "session_ended", &left).await, 1);
        server.advance(29 * DAY).await;
        server.refresh(&kept).await;
    }

    async fn r19_what_is_no_token_of_ours_touches_nothing(server: TestApp) {
        let session = server.register("alice").await;
        let before = row(&server.app.db, &session.id).await;
        let flipped = session.refresh.replace(|_: char| true, "A");
        let last = format!("{}=", session.refresh);
        let odd = ["", "x", "ключ", "\u{0}", "a\u{0}b", &flipped, &last, &"A".repeat(10_240)];
        let with_nul = format!("{}\u{0}", &session.refresh[1..]);
        let non_ascii = format!("é{}", &session.refresh[2..]);
        for token in odd.into_iter().chain([&*with_nul, &*non_ascii]) {
            assert_refused(&server.refresh_answer(token).await, "");
        }
        assert_eq!(row(&server.app.db, &session.id).await, before);
        let refreshes = server.app.db.door().iter().filter(|write| write.name == "refresh").count();
        assert_eq!(refreshes, 0, "nothing was begun");
    }

    async fn a_refresh_token_made_with_another_secret_is_refused(server: TestApp) {
        let session = server.register("alice").await;
        let session_id = Uuid::parse_str(&session.id).expect("an id");
        let forged = RefreshTokens::new(&[7; 32], None).expect("long enough");
        let forged = forged.write(RefreshToken { session_id, generation: 0 });
        assert_eq!(forged.len(), session.refresh.len());
        assert_refused(&server.refresh_answer(&forged).await, "");
        assert_eq!(row(&server.app.db, &session.id).await.rotation.current, 0);
    }

    async fn a_successful_refresh_writes_no_event(server: TestApp) {
        let session = server.register("alice").await;
        let before = event::latest(&server.app.db, 100).await.expect("the database answers");
        server.refresh(&session).await;
        let after = event::latest(&server.app.db, 100).await.expect("the database answers");
        assert_eq!(before, after);
    }
}

/// Another connection that lets nobody write users and sessions.
pub(crate) enum Held {
    Sqlite(rusqlite::Connection),
    Postgres(sqlx::PgConnection),
    MySql(sqlx::MySqlConnection),
}

impl Held {
    pub(crate) async fn writes(server: &TestApp) -> Self {
        use secrecy::ExposeSecret as _;
        let url = server.app.config.database_url();
        let url = url.expose_secret();
        if let Some(path) = url.strip_prefix("sqlite:") {
            let connection = rusqlite::Connection::open(path).expect("the file opens");
            connection.execute_batch("BEGIN IMMEDIATE").expect("the lock is free");
            Self::Sqlite(connection)
        } else if url.starts_with("postgres") {
            let mut connection = sqlx::PgConnection::connect(url).await.expect("it answers");
            connection.execute("BEGIN").await.expect("it obeys");
            let lock = "LOCK TABLE users, sessions IN EXCLUSIVE MODE";
            connection.execute(lock).await.expect("it obeys");
            Self::Postgres(connection)
        } else {
            let mut connection = sqlx::MySqlConnection::connect(url).await.expect("it answers");
            connection.execute("LOCK TABLES users READ, sessions READ").await.expect("it obeys");
            Self::MySql(connection)
        }
    }

    pub(crate) async fn release(self) {
        match self {
            Self::Sqlite(connection) => connection.execute_batch("ROLLBACK").expect("it obeys"),
            Self::Postgres(connection) => connection.close().await.expect("it obeys"),
            Self::MySql(connection) => connection.close().await.expect("it obeys"),
        }
    }
}
