//! What is over goes, in slices, and nobody waits for it.

use std::sync::Arc;
use std::time::Duration;

use countersign_server::app::App;
use countersign_server::clock::Time;
use countersign_server::db::{DbError, Value};
use countersign_server::tables::inventory::Table;
use countersign_server::tables::purge::SLICE;
use countersign_server::{params, sql};

use crate::server::{START, TestApp};

const DAY: Duration = Duration::from_hours(24);

sql! {
    SESSIONS = "SELECT COUNT(*) FROM sessions";
    OVER = "SELECT COUNT(*) FROM sessions WHERE user_id = 'nobody'";
    REVOCATIONS = "SELECT COUNT(*) FROM revocations";
    CHANGES = "SELECT COUNT(*) FROM changes WHERE node = 'nobody'";
    NOTED = "SELECT COUNT(*) FROM events WHERE user_id = 'nobody' AND reason = 'expired_absolute'";
    LEFT = "SELECT COUNT(*) FROM sessions WHERE user_id = 'nobody' AND ended_at IS NULL";
}

async fn count(app: &App, statement: countersign_server::db::Sql) -> u64 {
    app.db.list(statement, &[]).await.expect("the database answers").remove(0)
}

/// Adds rows to a table as they are.
async fn fill(app: &App, table: &'static str, rows: impl Iterator<Item = Vec<Value>>) {
    let rows: Vec<Vec<Value>> = rows.collect();
    for rows in rows.chunks(2000) {
        let values: Arc<[Value]> = rows.concat().into();
        let written: Result<(), DbError> = app
            .db
            .write("fill", move |tx| {
                let values = values.clone();
                Box::pin(async move { Table::named(table).insert(tx, &values).await })
            })
            .await;
        written.expect("the database obeys");
    }
}

/// A session that was logged out, and would have been over at this moment.
fn session(number: u64, expires_at: Time) -> Vec<Value> {
    session_of(number, expires_at, Some((START, "logout")))
}

fn session_of(number: u64, expires_at: Time, ended: Option<(Time, &str)>) -> Vec<Value> {
    let none = None::<i64>;
    let text = None::<&str>;
    params![
        format!("over-{number:08}"),
        "nobody",
        "native",
        "pwd",
        START,
        START,
        DAY,
        expires_at,
        expires_at,
        0_i64,
        none,
        none,
        0_i64,
        text,
        text,
        text,
        ended.map(|(at, _)| at),
        ended.map(|(_, reason)| reason),
        none,
        text
    ]
    .to_vec()
}

/// How many changes of this name were made.
fn writes(app: &App, name: &str) -> u64 {
    app.db.door().iter().find(|write| write.name == name).map_or(0, |write| write.count)
}

on_each_database! {
    async fn a_hundred_thousand_sessions_go_while_people_log_in(server: TestApp) {
        const OVER_SESSIONS: u64 = 100_000;
        let app = &server.app;
        server.register("alice").await;
        // Half of them were over at one moment.
        let at = |number: u64| START.plus(Duration::from_millis(number.min(OVER_SESSIONS / 2)));
        fill(app, "sessions", (0..OVER_SESSIONS).map(|number| session(number, at(number)))).await;
        server.advance(31 * DAY).await;
        assert_eq!(count(app, OVER).await, OVER_SESSIONS);

        let purge = async {
            app.purge(app.clock.now()).await.expect("the database answers");
        };
        let log_in = async {
            let mut logins = 0_u32;
            while count(app, OVER).await > 0 {
                server.log_in("alice").await;
                logins += 1;
            }
            logins
        };
        let ((), logins) = tokio::join!(purge, log_in);
        assert!(logins > 1, "nobody could log in while sessions were purged");
        assert_eq!(writes(app, "purge_sessions"), OVER_SESSIONS / SLICE);
        assert_eq!(count(app, SESSIONS).await, u64::from(logins) + 1, "only what is over goes");
    }

    async fn sessions_that_expired_at_one_moment_are_noted_once_each(server: TestApp) {
        const EXPIRED: u64 = 450;
        let app = &server.app;
        let ended = async || writes(app, "close_events") > 0;
        crate::redis_server::until("the end of the server's own turn at its start", ended).await;
        // The first and the last of them at moments of their own, which begin and end the interval.
        let (hour_ago, now) = (app.clock.now(), app.clock.now().plus(Duration::from_hours(1)));
        let at = |number: u64| match number {
            0 => hour_ago,
            449 => now,
            _ => hour_ago.plus(Duration::from_mins(30)),
        };
        // Not in the order of their ids.
        let number = |number: u64| (number * 7919) % EXPIRED;
        let expired = (0..EXPIRED).map(|of| session_of(number(of), at(of), None));
        fill(app, "sessions", expired).await;
        let before = writes(app, "note_expired");
        server.advance(Duration::from_hours(1)).await;
        app.purge(now).await.expect("the database answers");
        assert_eq!((count(app, LEFT).await, count(app, NOTED).await), (0, EXPIRED));
        assert_eq!(writes(app, "note_expired") - before, 3);
        app.purge(now).await.expect("the database answers");
        assert_eq!(count(app, NOTED).await, EXPIRED);
    }

    async fn what_is_over_at_one_moment_goes_in_slices_too_and_the_rest_stays(server: TestApp) {
        let app = &server.app;
        let (slices, some) = (3, 17);
        let over = SLICE * (slices - 1) + some;
        let until = |number: u64| if number < over { START } else { START.plus(60 * DAY) };
        let revocation = |number: u64| {
            params![format!("token:{number}"), "logout", until(number)].to_vec()
        };
        let change = |number: u64| {
            params!["nobody", number, 0_i64, "nothing", "", until(number)].to_vec()
        };
        fill(app, "revocations", (0..over + 3).map(revocation)).await;
        fill(app, "changes", (0..over + 3).map(change)).await;
        app.purge(app.clock.now().plus(DAY)).await.expect("the database answers");
        assert_eq!(count(app, REVOCATIONS).await, over + 3, "they are kept for a day");
        let before = (writes(app, "purge_revocations"), writes(app, "purge_changes"));
        app.purge(app.clock.now().plus(2 * DAY)).await.expect("the database answers");
        assert_eq!(count(app, REVOCATIONS).await, 3);
        assert_eq!(count(app, CHANGES).await, 3);
        let after = (writes(app, "purge_revocations"), writes(app, "purge_changes"));
        assert_eq!(after, (before.0 + slices, before.1 + slices));
    }

    async fn one_node_keeps_house_and_another_when_it_is_gone(server: TestApp) {
        let (app, other) = (&server.app, server.beside().await);
        let begun = async || writes(app, "housekeeping") > 0;
        crate::redis_server::until("the server's own turn at its start", begun).await;
        app.clock.advance(DAY);
        let clean = async |app: &App| {
            app.clean(app.clock.now()).await.expect("the database answers")
        };
        assert!(clean(&other.app).await);
        assert!(!clean(app).await);
        app.clock.advance(Duration::from_mins(10));
        assert!(clean(&other.app).await, "it goes on");
        app.clock.advance(Duration::from_mins(14));
        assert!(!clean(app).await);
        app.clock.advance(Duration::from_mins(1));
        assert!(clean(app).await);
        assert!(!clean(&other.app).await);
    }

    async fn whoever_keeps_house_gives_it_up_when_it_ends(server: TestApp) {
        let other = server.beside().await;
        let begun = async || writes(&server.app, "housekeeping") > 0;
        crate::redis_server::until("the server's own turn at its start", begun).await;
        server.app.clock.advance(DAY);
        let clean = async |app: &App| {
            app.clean(app.clock.now()).await.expect("the database answers")
        };
        assert!(clean(&server.app).await);
        assert!(!clean(&other.app).await);
        server.app.shut_down().await.expect("the database answers");
        assert!(clean(&other.app).await);
    }
}
