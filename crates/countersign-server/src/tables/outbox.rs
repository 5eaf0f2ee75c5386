//! Users whose copy in Redis is not, or may not be, what it should be. A row is written in the
//! change that makes it so, and goes when Redis has the copy.

use std::time::Duration;

use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Tx, params, sql};

/// How long one node has a row to itself.
pub const CLAIM: Duration = Duration::from_secs(10);
/// A write whose answer never came may be obeyed late. After so long it was, or never will be.
const LATE: Duration = Duration::from_secs(5);

/// A copy that is to be written. Rows outlive their users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The dialect that has the copy.
    pub channel: String,
    /// Whose copy it is.
    pub user_id: String,
    /// The user's number.
    pub number: i64,
    /// Counts the changes that made it necessary.
    pub version: i64,
    /// Attempts of which nobody knows whether Redis obeyed, or will.
    pub unsure: i64,
    /// When it may be tried; later than now while a node tries.
    pub due_at: Time,
}

/// What became of an entry that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is gone, or waits for its next turn.
    Done,
    /// It was another node's meanwhile, over whose copy this one may have written.
    Lost,
}

impl FromRow for Entry {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self {
            channel: row.take()?,
            user_id: row.take()?,
            number: row.take()?,
            version: row.take()?,
            unsure: row.take()?,
            due_at: row.take()?,
        })
    }
}

sql! {
    FIND = "SELECT channel, user_id, number, version, unsure, due_at FROM outbox WHERE channel = ? AND user_id = ?";
    DUE = "SELECT channel, user_id, number, version, unsure, due_at FROM outbox WHERE channel = ? AND due_at <= ? ORDER BY due_at LIMIT ?";
    INSERT = "INSERT INTO outbox (channel, user_id, number, version, unsure, due_at) VALUES (?, ?, ?, 1, 0, ?)";
    /// Leaves `due_at` alone, so that whoever tries it is not joined by another.
    CHANGED = "UPDATE outbox SET version = version + 1 WHERE channel = ? AND user_id = ?";
    /// Matches for one of several nodes, and only while the row is as it was read.
    CLAIM_IT = "UPDATE outbox SET due_at = ?, unsure = unsure + 1 WHERE channel = ? AND user_id = ? AND version = ? AND unsure = ? AND due_at = ?";
    DELETE = "DELETE FROM outbox WHERE channel = ? AND user_id = ? AND version = ? AND due_at = ?";
    NEXT = "UPDATE outbox SET due_at = ?, unsure = ? WHERE channel = ? AND user_id = ? AND due_at = ?";
}

/// At most `limit` of the channel's entries that may be tried at `now`, the oldest first.
pub async fn due(db: &Db, channel: &str, now: Time, limit: i64) -> Result<Vec<Entry>, DbError> {
    db.list(DUE, &params![channel, now, limit]).await
}

/// Notes that the user's copy is not what it should be, in a change that has locked the user.
pub async fn mark(
    tx: &mut Tx<'_>,
    (channel, user_id): (&str, &str),
    number: i64,
    now: Time,
) -> Result<(), DbError> {
    if tx.execute(CHANGED, &params![channel, user_id]).await? == 0 {
        tx.execute(INSERT, &params![channel, user_id, number, now]).await?;
    }
    Ok(())
}

/// Makes the entry this node's for a while; `None` where it is no longer as it was read.
pub async fn claim(tx: &mut Tx<'_>, entry: &Entry, now: Time) -> Result<Option<Entry>, DbError> {
    let Entry { channel, user_id, version, unsure, due_at, .. } = entry;
    let until = now.plus(CLAIM);
    let values = params![until, channel, user_id, *version, *unsure, *due_at];
    let claimed = tx.execute(CLAIM_IT, &values).await? == 1;
    Ok(claimed.then(|| Entry { unsure: unsure + 1, due_at: until, ..entry.clone() }))
}

/// Lets go of a claimed entry whose copy Redis has. It stays for another turn where the user was
/// changed meanwhile, and for a later one where an earlier write may still be obeyed.
pub async fn settle(tx: &mut Tx<'_>, claimed: &Entry, now: Time) -> Result<Settled, DbError> {
    let Entry { channel, user_id, version, unsure, due_at, .. } = claimed;
    let found: Option<Entry> = tx.find(FIND, &params![channel, user_id]).await?;
    let Some(found) = found.filter(|found| found.due_at == *due_at) else {
        return Ok(Settled::Lost);
    };
    let is_sure = *unsure == 1;
    if found.version == *version && is_sure {
        let values = params![channel, user_id, *version, *due_at];
        if tx.execute(DELETE, &values).await? == 1 {
            return Ok(Settled::Done);
        }
    }
    let (due, unsure) = if found.version == *version && !is_sure {
        (now.plus(LATE), 0)
    } else {
        (now, i64::from(!is_sure))
    };
    next(tx, claimed, due, unsure).await
}

/// Lets go of a claimed entry whose copy could not be written, or may not have been.
pub async fn put_off(tx: &mut Tx<'_>, claimed: &Entry, due: Time) -> Result<Settled, DbError> {
    next(tx, claimed, due, claimed.unsure).await
}

async fn next(
    tx: &mut Tx<'_>,
    Entry { channel, user_id, due_at, .. }: &Entry,
    due: Time,
    unsure: i64,
) -> Result<Settled, DbError> {
    let values = params![due, unsure, channel, user_id, *due_at];
    let is_mine = tx.execute(NEXT, &values).await? == 1;
    Ok(if is_mine { Settled::Done } else { Settled::Lost })
}
