//! How often something happened for a subject, as one time (GCRA): the moment from which the whole
//! burst is allowed again.

use crate::clock::Time;
use crate::db::{Db, DbError, Tx, params, sql};

sql! {
    FIND = "SELECT until_at FROM rate_limits WHERE subject = ?";
    INSERT = "INSERT INTO rate_limits (subject, until_at) VALUES (?, ?)";
    TAKE = "UPDATE rate_limits SET until_at = CASE WHEN until_at > ? THEN until_at + ? ELSE ? END WHERE subject = ? AND until_at <= ?";
}

/// One event of a subject, and how often there may be one.
#[derive(Clone, Debug)]
pub struct Taking {
    /// Whose limit it is: a keyed hash.
    pub subject: String,
    /// Milliseconds between two events.
    pub interval: i64,
    /// How many events are allowed at once after a pause.
    pub burst: i64,
}

impl Taking {
    /// The latest `until_at` with which one more event is allowed at `now`.
    fn latest(&self, now: Time) -> Time {
        Time(now.0.saturating_add((self.burst - 1).saturating_mul(self.interval)))
    }

    /// How long to wait for the next event, given the time in the subject's row; `None` if it is
    /// allowed now.
    pub fn wait(&self, until_at: Time, now: Time) -> Option<std::time::Duration> {
        let wait = until_at.since(self.latest(now));
        (!wait.is_zero()).then_some(wait)
    }
}

/// The time in the subject's row, if it has one.
pub async fn find(db: &Db, subject: &str) -> Result<Option<Time>, DbError> {
    db.find(FIND, &params![subject]).await
}

/// As [`find`], inside a change.
pub async fn find_in(tx: &mut Tx<'_>, subject: &str) -> Result<Option<Time>, DbError> {
    tx.find(FIND, &params![subject]).await
}

/// Counts an event, if the row is there and allows one.
pub async fn take(tx: &mut Tx<'_>, taking: &Taking, now: Time) -> Result<bool, DbError> {
    let Taking { subject, interval, .. } = taking;
    let first = Time(now.0.saturating_add(*interval));
    let values = params![now, *interval, first, subject, taking.latest(now)];
    Ok(tx.execute(TAKE, &values).await? == 1)
}

/// Counts the first event of a subject.
pub async fn insert(tx: &mut Tx<'_>, taking: &Taking, now: Time) -> Result<(), DbError> {
    let until_at = Time(now.0.saturating_add(taking.interval));
    tx.execute(INSERT, &params![&taking.subject, until_at]).await?;
    Ok(())
}
