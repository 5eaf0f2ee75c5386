//! The seals of the events: each covers some events, and the seal before it.

use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Tx, params, sql};

/// One seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSeal {
    /// They count up from 1 without a gap.
    pub number: i64,
    /// When it was made.
    pub at: Time,
    /// How many events it covers: those whose `seal` is its number.
    pub events: i64,
    /// A few bytes of each event's own code in the order of their ids, to tell which one changed.
    pub marks: String,
    /// The code over all of its events and the seal before, in base64url.
    pub hash: String,
}

impl FromRow for EventSeal {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self {
            number: row.take()?,
            at: row.take()?,
            events: row.take()?,
            marks: row.take()?,
            hash: row.take()?,
        })
    }
}

sql! {
    LAST = "SELECT number, at, events, marks, hash FROM event_seals ORDER BY number DESC LIMIT 1";
    FIND = "SELECT number, at, events, marks, hash FROM event_seals WHERE number = ?";
    PAGE = "SELECT number, at, events, marks, hash FROM event_seals WHERE number > ? ORDER BY number LIMIT ?";
    INSERT = "INSERT INTO event_seals (number, at, events, marks, hash) VALUES (?, ?, ?, ?, ?)";
    DELETE = "DELETE FROM event_seals WHERE number <= ?";
}

/// The latest one.
pub async fn last(db: &Db) -> Result<Option<EventSeal>, DbError> {
    db.find(LAST, &[]).await
}

/// As [`last`], inside a change.
pub async fn last_in(tx: &mut Tx<'_>) -> Result<Option<EventSeal>, DbError> {
    tx.find(LAST, &[]).await
}

/// The one with this number.
pub async fn find(db: &Db, number: i64) -> Result<Option<EventSeal>, DbError> {
    db.find(FIND, &params![number]).await
}

/// At most `limit` after the one with this number, the oldest first.
pub async fn page(db: &Db, after: i64, limit: usize) -> Result<Vec<EventSeal>, DbError> {
    db.list(PAGE, &params![after, limit as u64]).await
}

/// Adds one; fails as a duplicate where another node was quicker.
pub async fn insert(tx: &mut Tx<'_>, seal: &EventSeal) -> Result<(), DbError> {
    let EventSeal { number, at, events, marks, hash } = seal;
    tx.execute(INSERT, &params![*number, *at, *events, marks, hash]).await.map(drop)
}

/// Removes those up to this number; how many.
pub async fn delete(tx: &mut Tx<'_>, up_to: i64) -> Result<u64, DbError> {
    tx.execute(DELETE, &params![up_to]).await
}
