//! What is no change: commits that come late, counts that grow, events that are over.

use std::time::Duration;

use countersign_server::clock::Time;
use countersign_server::db::Kind;
use countersign_server::operations::seals::Fault;
use countersign_server::tables::event::{self, Event};
use countersign_server::{params, sql};

use super::{SEALS, Sealed, alter, record, rows, seal_all_by, verify};
use crate::server::{START, TestApp};

const DAY: Duration = Duration::from_hours(24);

sql! {
    COUNT = "SELECT COUNT(*) FROM events WHERE seal > 0";
    PURGED = "SELECT occurrences FROM events WHERE kind = 'events_purged'";
    RECOUNT = "UPDATE events SET occurrences = occurrences + 1 WHERE id = ?";
}

/// An event that a transaction of this moment wrote, whenever it is committed.
fn event(id: &str, at: Time) -> Event {
    Event {
        id: id.to_owned(),
        at,
        kind: "import".to_owned(),
        outcome: "ok".to_owned(),
        reason: None,
        user_id: None,
        session_id: None,
        subject: None,
        actor: None,
        address: None,
        agent: None,
        occurrences: 1,
    }
}

async fn insert(log: &Sealed, event: Event, open: bool) {
    let now = log.app().clock.now();
    let written: Result<(), countersign_server::db::DbError> = log
        .app()
        .db
        .write("late", move |tx| {
            let event = event.clone();
            Box::pin(async move {
                if open {
                    event::insert_open(tx, &event, now).await
                } else {
                    event::insert(tx, &event).await
                }
            })
        })
        .await;
    written.expect("the database obeys");
}

async fn add(log: &Sealed, id: &'static str) -> bool {
    let now = log.app().clock.now();
    let added: Result<bool, countersign_server::db::DbError> = log
        .app()
        .db
        .write("add", move |tx| Box::pin(async move { event::add(tx, id, 1, now).await }))
        .await;
    added.expect("the database obeys")
}

/// A log whose events are kept for ten days.
struct Kept(Sealed);

impl Kept {
    async fn on_database(kind: Kind) -> Option<Self> {
        let server = TestApp::with(kind, |config| config.audit.retention = Some(10 * DAY)).await?;
        Sealed::of(server).await.map(Self)
    }

    async fn purge(&self) {
        let app = self.0.app();
        app.purge(app.clock.now()).await.expect("the database answers");
    }
}

on_each_database! {
    async fn an_event_that_is_committed_late_comes_under_a_later_seal(log: Sealed) {
        log.fill().await;
        let (first, before) = ("00000000-0000-7000-8000-000000000000", log.ids().await);
        insert(&log, event(first, Time(0)), false).await;
        assert_eq!(log.fault().await, None);
        log.seal_all().await;
        assert_eq!(log.fault().await, None);
        let last = log.ids().await.pop().expect("there are some");
        assert_eq!(last, (first.to_owned(), before[before.len() - 1].1 + 1));
    }

    async fn an_event_that_counts_is_sealed_once_its_count_is_final(log: Sealed) {
        log.fill().await;
        let id = "00000000-0000-7000-8000-000000000000";
        insert(&log, event(id, START), true).await;
        log.seal(&["joe"]).await;
        assert!(add(&log, id).await);
        let chain = verify(log.app()).await;
        assert_eq!((chain.fault, chain.counting, chain.unsealed), (None, 1, 0));
        let closed: Result<(), countersign_server::db::DbError> = log
            .app()
            .db
            .write("close", move |tx| Box::pin(async move { event::close(tx, id).await }))
            .await;
        closed.expect("the database obeys");
        assert!(!add(&log, id).await, "nothing is added any more");
        log.seal_all().await;
        assert!(!add(&log, id).await);
        let chain = verify(log.app()).await;
        assert_eq!((chain.fault, chain.counting), (None, 0));
        alter(log.app(), RECOUNT, &params![id]).await;
        let seal = chain.last;
        assert_eq!(log.fault().await, Some(Fault::EventChanged { event: id.to_owned(), seal }));
    }

    async fn an_import_that_was_killed_is_sealed_after_an_hour(log: Sealed) {
        let id = "00000000-0000-7000-8000-000000000000";
        insert(&log, event(id, START), true).await;
        for (wait, counting) in [(Duration::from_mins(59), 1), (Duration::from_mins(2), 0)] {
            log.app().clock.advance(wait);
            log.app().purge(log.app().clock.now()).await.expect("the database answers");
            assert_eq!(verify(log.app()).await.counting, counting);
        }
        seal_all_by(log.app()).await;
        assert!(log.ids().await.iter().any(|(sealed, _)| sealed == id));
        assert_eq!(log.fault().await, None);
    }

    async fn events_go_after_their_time_and_the_rest_still_verifies(kept: Kept) {
        let log = &kept.0;
        log.fill().await;
        let old: Vec<i64> = rows(log.app(), SEALS, &[]).await;
        let events: i64 = rows(log.app(), COUNT, &[]).await.remove(0);
        log.app().clock.advance(5 * DAY);
        log.hold().await;
        log.seal(&["joe"]).await;
        kept.purge().await;
        assert_eq!(rows::<i64>(log.app(), COUNT, &[]).await, [events + 1], "none is old enough");

        log.app().clock.advance(5 * DAY + Duration::from_millis(1));
        log.hold().await;
        kept.purge().await;
        let chain = verify(log.app()).await;
        assert_eq!((chain.fault, chain.first), (None, old[old.len() - 1] + 1));
        assert_eq!(rows::<i64>(log.app(), PURGED, &[]).await, [events]);
        log.seal(&["kim"]).await;

        // What is left is as protected as before.
        let seal = old[old.len() - 1] + 1;
        alter(log.app(), RECOUNT, &params![&log.ids().await[0].0]).await;
        assert_eq!(log.fault().await.expect("it is found").seal(), seal);
        alter(log.app(), sql!("DELETE FROM events WHERE seal = ?"), &params![seal]).await;
        alter(log.app(), sql!("DELETE FROM event_seals WHERE number = ?"), &params![seal]).await;
        assert_eq!(log.fault().await, Some(Fault::SealMissing { seal }));
    }

    async fn a_log_whose_every_event_is_over_goes_on_where_it_was(kept: Kept) {
        let log = &kept.0;
        log.fill().await;
        let last = verify(log.app()).await.last;
        log.app().clock.advance(11 * DAY);
        log.hold().await;
        kept.purge().await;
        log.seal(&["joe"]).await;
        let chain = verify(log.app()).await;
        assert_eq!((chain.fault, chain.first), (None, last + 1));
        let anchor = sql!("DELETE FROM settings WHERE name = 'event_seal_anchor'");
        alter(log.app(), anchor, &[]).await;
        assert_eq!(log.fault().await, Some(Fault::SealMissing { seal: 1 }));
    }

    async fn events_are_purged_while_they_are_written_sealed_and_verified(kept: Kept) {
        let log = &kept.0;
        for _ in 0..60 {
            log.seal(&["ann", "bob"]).await;
        }
        log.app().clock.advance(11 * DAY);
        log.hold().await;
        let check = async || {
            for _ in 0..10 {
                assert_eq!(log.fault().await, None);
            }
        };
        let write = async || {
            for _ in 0..10 {
                record(log.app(), "cid").await.expect("the database answers");
                log.app().seal_events().await.expect("the database answers");
            }
        };
        tokio::join!(kept.purge(), kept.purge(), check(), write());
        assert_eq!(log.fault().await, None);
        assert!(rows::<i64>(log.app(), COUNT, &[]).await[0] < 30);
    }
}
