//! Stores that break a rule are found out: each of these does one thing wrong.

use std::convert::Infallible;
use std::sync::Arc;

use countersign::EndReason;
use countersign::sessions::{MemoryStore, Session, SessionStore};
use countersign::test::session_store;
use parking_lot::Mutex;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    NeverRotates,
    ForgetsTheDevice,
    FindsAnother,
    ListsWhatEnded,
    ListsWhatExpired,
    ListsTheYoungestFirst,
    ListsWithoutCase,
    RotatesFromAnyGeneration,
    RotatesWithoutReadingAgain,
    RotatesWhatEnded,
    RotatesWithoutLivingOn,
    ForgetsWhoWasPresented,
    SaysItRotated,
    EndsTwice,
    SaysItEnded,
    KeepsTheLastReason,
    NotesBackwards,
    NotesNothing,
    TurnsBackWhenItWasSeen,
    ForgetsWhatEnded,
    ForgetsTheMomentItself,
    PurgesTooMuch,
    PurgesNothing,
}

const FAULTS: [Fault; 23] = [
    Fault::NeverRotates,
    Fault::ForgetsTheDevice,
    Fault::FindsAnother,
    Fault::ListsWhatEnded,
    Fault::ListsWhatExpired,
    Fault::ListsTheYoungestFirst,
    Fault::ListsWithoutCase,
    Fault::RotatesFromAnyGeneration,
    Fault::RotatesWithoutReadingAgain,
    Fault::RotatesWhatEnded,
    Fault::RotatesWithoutLivingOn,
    Fault::ForgetsWhoWasPresented,
    Fault::SaysItRotated,
    Fault::EndsTwice,
    Fault::SaysItEnded,
    Fault::KeepsTheLastReason,
    Fault::NotesBackwards,
    Fault::NotesNothing,
    Fault::TurnsBackWhenItWasSeen,
    Fault::ForgetsWhatEnded,
    Fault::ForgetsTheMomentItself,
    Fault::PurgesTooMuch,
    Fault::PurgesNothing,
];

/// A plain list, with at most one fault.
pub(crate) struct Broken {
    rows: Mutex<Vec<Session>>,
    fault: Option<Fault>,
}

impl Broken {
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        Self { rows: Mutex::default(), fault }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn change<T>(&self, id: Uuid, change: impl FnOnce(&mut Session) -> T) -> Option<T> {
        self.rows.lock().iter_mut().find(|row| row.id == id).map(change)
    }
}

impl SessionStore for Broken {
    type Error = Infallible;

    async fn insert(&self, session: &Session) -> Result<(), Infallible> {
        let mut session = session.clone();
        if self.is(Fault::ForgetsTheDevice) {
            session.device = None;
        }
        self.rows.lock().push(session);
        Ok(())
    }

    async fn find(&self, id: Uuid) -> Result<Option<Session>, Infallible> {
        let rows = self.rows.lock();
        Ok(rows.iter().find(|row| row.id == id || self.is(Fault::FindsAnother)).cloned())
    }

    async fn live_of_user(&self, user_id: &str, now: i64) -> Result<Vec<Session>, Infallible> {
        let mut rows = self.rows.lock().clone();
        rows.retain(|row| {
            let same = row.user_id == user_id
                || self.is(Fault::ListsWithoutCase) && row.user_id.eq_ignore_ascii_case(user_id);
            let expired =
                now > row.over_at() || now == row.over_at() && !self.is(Fault::ListsWhatExpired);
            same && !expired && (row.ended.is_none() || self.is(Fault::ListsWhatEnded))
        });
        rows.sort_by_key(|row| row.started_at);
        if self.is(Fault::ListsTheYoungestFirst) {
            rows.reverse();
        }
        Ok(rows)
    }

    async fn rotate(&self, session: &Session, from: u64) -> Result<bool, Infallible> {
        let is_from = |row: &Session| row.rotation.current == from;
        if self.is(Fault::RotatesWithoutReadingAgain) {
            let read = self.change(session.id, |row| is_from(row) && row.ended.is_none());
            tokio::task::yield_now().await;
            if read == Some(true) {
                self.change(session.id, |row| row.rotation = session.rotation);
            }
            return Ok(read == Some(true));
        }
        let rotated = self.change(session.id, |row| {
            if self.is(Fault::NeverRotates)
                || !is_from(row) && !self.is(Fault::RotatesFromAnyGeneration)
                || row.ended.is_some() && !self.is(Fault::RotatesWhatEnded)
            {
                return false;
            }
            let used = row.rotation.used.max(session.rotation.used);
            row.rotation = session.rotation;
            row.rotation.used = used;
            if self.is(Fault::ForgetsWhoWasPresented) {
                row.rotation.presented = None;
            }
            if !self.is(Fault::RotatesWithoutLivingOn) {
                row.idle_expires_at = session.idle_expires_at;
                row.last_seen_at = session.last_seen_at;
            }
            true
        });
        Ok(rotated.unwrap_or(false) || self.is(Fault::SaysItRotated))
    }

    async fn end(&self, id: Uuid, reason: EndReason, now: i64) -> Result<bool, Infallible> {
        let ended = self.change(id, |row| {
            let first = row.ended.is_none();
            if first || self.is(Fault::KeepsTheLastReason) {
                row.ended = Some((now, reason));
            }
            first || self.is(Fault::EndsTwice)
        });
        Ok(ended.unwrap_or(self.is(Fault::SaysItEnded)))
    }

    async fn note_use(&self, id: Uuid, generation: u64, now: i64) -> Result<(), Infallible> {
        self.change(id, |row| {
            let higher = generation > row.rotation.used || self.is(Fault::NotesBackwards);
            if higher && !self.is(Fault::NotesNothing) {
                row.rotation.used = generation;
                let late = !self.is(Fault::TurnsBackWhenItWasSeen);
                row.last_seen_at = if late { row.last_seen_at.max(now) } else { now };
            }
        });
        Ok(())
    }

    async fn ended_since(&self, since: i64) -> Result<Vec<(Uuid, EndReason)>, Infallible> {
        let since = since + i64::from(self.is(Fault::ForgetsTheMomentItself));
        let rows = self.rows.lock();
        let ended = rows.iter().filter_map(|row| {
            let (_, reason) = row.ended.filter(|(at, _)| *at >= since)?;
            Some((row.id, reason))
        });
        Ok(ended.filter(|_| !self.is(Fault::ForgetsWhatEnded)).collect())
    }

    async fn purge(&self, until: i64) -> Result<u64, Infallible> {
        let until = until + i64::from(self.is(Fault::PurgesTooMuch));
        let mut rows = self.rows.lock();
        let before = rows.len();
        rows.retain(|row| row.expires_at > until || self.is(Fault::PurgesNothing));
        Ok(u64::try_from(before - rows.len()).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_list_keeps_the_rules() {
    session_store::check(async || Broken::new(None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_behind_an_arc_keeps_them_as_well() {
    session_store::check(async || Arc::new(MemoryStore::new())).await;
}

#[test]
fn every_fault_is_found_out() {
    for fault in FAULTS {
        let found = std::panic::catch_unwind(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(session_store::check(async || Broken::new(Some(fault))));
        });
        assert!(found.is_err(), "{fault:?} goes unnoticed");
    }
}
