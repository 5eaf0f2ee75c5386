//! The audit trail: one row for each thing worth knowing, in the transaction of the change itself.
//!
//! The column `seal` says where a row is in the chain of seals: nothing where it is not sealed yet,
//! the number of its seal where it is, and while its `occurrences` still grow the moment when they
//! last did, below zero.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Tx, Value, params, sql};

/// An event whose `occurrences` have not grown for so long is as it will stay: whoever counted was
/// stopped.
const STILL: Duration = Duration::from_hours(1);

/// One row of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
pub struct Event {
    /// A UUID of version 7, so that rows sort by time.
    pub id: String,
    /// When.
    pub at: Time,
    /// What: `login`, `logout`, `user_created`, …
    pub kind: String,
    /// `ok` or `refused`.
    pub outcome: String,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Which session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// What else it is about: the id of an API key, a signing key or an invitation, or the roles
    /// that a user was given or the kinds of identifier that changed, a space between each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Who did it: a user's id, or `command`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// With what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// How often, for what is counted rather than listed.
    pub occurrences: i64,
}

impl FromRow for Event {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.take()?,
            at: row.take()?,
            kind: row.take()?,
            outcome: row.take()?,
            reason: row.take()?,
            user_id: row.take()?,
            session_id: row.take()?,
            subject: row.take()?,
            actor: row.take()?,
            address: row.take()?,
            agent: row.take()?,
            occurrences: row.take()?,
        })
    }
}

sql! {
    INSERT = "INSERT INTO events (id, at, kind, outcome, reason, user_id, session_id, subject, actor, address, agent, occurrences) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    INSERT_OPEN = "INSERT INTO events (id, at, kind, outcome, reason, user_id, session_id, subject, actor, address, agent, occurrences, seal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    ADD = "UPDATE events SET occurrences = occurrences + ?, seal = ? WHERE id = ? AND seal < 0";
    CLOSE = "UPDATE events SET seal = NULL WHERE id = ? AND seal < 0";
    CLOSE_STILL = "UPDATE events SET seal = NULL WHERE seal < 0 AND seal > ?";
    // In the order of the index, so that no database reads the sealed ones to find these.
    UNSEALED = "SELECT id FROM events WHERE seal IS NULL ORDER BY seal, id LIMIT ?";
    OLDEST_UNSEALED = "SELECT COUNT(*), MIN(at) FROM events WHERE seal IS NULL";
    OPEN = "SELECT COUNT(*) FROM events WHERE seal < 0";
    SEAL = "UPDATE events SET seal = ? WHERE id = ? AND seal IS NULL";
    SEALED = "SELECT seal, id, at, kind, outcome, reason, user_id, session_id, subject, actor, address, agent, occurrences FROM events WHERE seal >= ? AND seal <= ? ORDER BY seal, id LIMIT ?";
    LAST_SEAL = "SELECT MAX(seal) FROM events";
    DELETE_SEALED = "DELETE FROM events WHERE seal >= 1 AND seal <= ?";
    PAGE = "SELECT id, at, kind, outcome, reason, user_id, session_id, subject, actor, address, agent, occurrences FROM events WHERE id > ? AND id < ? ORDER BY id LIMIT ?";
    LATEST = "SELECT id, at, kind, outcome, reason, user_id, session_id, subject, actor, address, agent, occurrences FROM events ORDER BY id DESC LIMIT ?";
    BEFORE = "SELECT id, at, kind, outcome, reason, user_id, session_id, subject, actor, address, agent, occurrences FROM events WHERE id < ? ORDER BY id DESC LIMIT ?";
    OF_USER_BEFORE = "SELECT id, at, kind, outcome, reason, user_id, session_id, subject, actor, address, agent, occurrences FROM events WHERE user_id = ? AND id < ? ORDER BY id DESC LIMIT ?";
    OF_KIND_BEFORE = "SELECT id, at, kind, outcome, reason, user_id, session_id, subject, actor, address, agent, occurrences FROM events WHERE kind = ? AND id < ? ORDER BY id DESC LIMIT ?";
    OF_USER_AND_KIND_BEFORE = "SELECT id, at, kind, outcome, reason, user_id, session_id, subject, actor, address, agent, occurrences FROM events WHERE user_id = ? AND kind = ? AND id < ? ORDER BY id DESC LIMIT ?";
    LATEST_OF_USER = "SELECT id, at, kind, outcome, reason, user_id, session_id, subject, actor, address, agent, occurrences FROM events WHERE user_id = ? ORDER BY id DESC LIMIT ?";
}

/// Writes one.
pub async fn insert(tx: &mut Tx<'_>, event: &Event) -> Result<(), DbError> {
    tx.execute(INSERT, &values(event)).await.map(drop)
}

/// Writes one that counts, and is not sealed before [`close`].
pub async fn insert_open(tx: &mut Tx<'_>, event: &Event, now: Time) -> Result<(), DbError> {
    let mut values = values(event).to_vec();
    values.push(open_since(now));
    tx.execute(INSERT_OPEN, &values).await.map(drop)
}

fn values(event: &Event) -> [Value; 12] {
    let Event { id, at, kind, outcome, reason, user_id, session_id, .. } = event;
    params![
        id,
        *at,
        kind,
        outcome,
        reason.as_deref(),
        user_id.as_deref(),
        session_id.as_deref(),
        event.subject.as_deref(),
        event.actor.as_deref(),
        event.address.as_deref(),
        event.agent.as_deref(),
        event.occurrences
    ]
}

fn open_since(now: Time) -> Value {
    Value::Int(now.0.saturating_neg().min(-1))
}

/// Counts `more` of what an event that is open tells of; false where it is not written yet.
pub async fn add(tx: &mut Tx<'_>, id: &str, more: i64, now: Time) -> Result<bool, DbError> {
    Ok(tx.execute(ADD, &params![more, open_since(now), id]).await? == 1)
}

/// Says that an event counts no more.
pub async fn close(tx: &mut Tx<'_>, id: &str) -> Result<(), DbError> {
    tx.execute(CLOSE, &params![id]).await.map(drop)
}

/// Closes those whose count has not grown for an hour.
pub async fn close_still(tx: &mut Tx<'_>, now: Time) -> Result<u64, DbError> {
    tx.execute(CLOSE_STILL, &[open_since(now.minus(STILL))]).await
}

/// The ids of at most `limit` that wait for a seal, the oldest first.
pub async fn unsealed(db: &Db, limit: usize) -> Result<Vec<String>, DbError> {
    db.list(UNSEALED, &params![limit as u64]).await
}

/// As [`unsealed`], inside a change.
pub async fn unsealed_in(tx: &mut Tx<'_>, limit: usize) -> Result<Vec<String>, DbError> {
    tx.list(UNSEALED, &params![limit as u64]).await
}

/// How many wait for a seal, and when the oldest of them happened.
pub async fn oldest_unsealed(db: &Db) -> Result<(i64, Option<Time>), DbError> {
    Ok(db.list(OLDEST_UNSEALED, &[]).await?.pop().unwrap_or_default())
}

/// How many count still.
pub async fn open(db: &Db) -> Result<i64, DbError> {
    Ok(db.list(OPEN, &[]).await?.pop().unwrap_or_default())
}

/// Puts one under the seal of this number, unless it is under one.
pub async fn seal(tx: &mut Tx<'_>, id: &str, number: i64) -> Result<(), DbError> {
    tx.execute(SEAL, &params![number, id]).await.map(drop)
}

/// At most `limit` rows under the seals `from` to `to`, as they are: first the seal's number, then
/// every column, by seal and id.
pub async fn sealed(
    db: &Db,
    (from, to): (i64, i64),
    limit: usize,
) -> Result<Vec<Vec<Value>>, DbError> {
    db.list(SEALED, &params![from, to, limit as u64]).await
}

/// As [`sealed`], inside a change.
pub async fn sealed_in(
    tx: &mut Tx<'_>,
    number: i64,
    limit: usize,
) -> Result<Vec<Vec<Value>>, DbError> {
    tx.list(SEALED, &params![number, number, limit as u64]).await
}

/// The highest number of a seal that an event is under.
pub async fn last_seal(db: &Db) -> Result<Option<i64>, DbError> {
    Ok(db.list::<Option<i64>>(LAST_SEAL, &[]).await?.pop().flatten().filter(|last| *last > 0))
}

/// As [`last_seal`], inside a change.
pub async fn last_seal_in(tx: &mut Tx<'_>) -> Result<Option<i64>, DbError> {
    Ok(tx.find::<Option<i64>>(LAST_SEAL, &[]).await?.flatten().filter(|last| *last > 0))
}

/// Removes those under the seals up to this one; how many.
pub async fn delete_sealed(tx: &mut Tx<'_>, up_to: i64) -> Result<u64, DbError> {
    tx.execute(DELETE_SEALED, &params![up_to]).await
}

/// At most `limit` between two ids, in the order of their ids.
pub async fn page(
    db: &Db,
    (after, before): (&str, &str),
    limit: usize,
) -> Result<Vec<Event>, DbError> {
    db.list(PAGE, &params![after, before, limit as u64]).await
}

/// The latest `limit`, the latest first.
pub async fn latest(db: &Db, limit: i64) -> Result<Vec<Event>, DbError> {
    db.list(LATEST, &params![limit]).await
}

/// The latest `limit` about a user, the latest first.
pub async fn latest_of_user(db: &Db, user_id: &str, limit: i64) -> Result<Vec<Event>, DbError> {
    db.list(LATEST_OF_USER, &params![user_id, limit]).await
}

/// At most `limit` before the one with id `before`, the latest first: about a user and of a kind,
/// where these are named.
pub async fn list_before(
    db: &Db,
    (user_id, kind): (Option<&str>, Option<&str>),
    (before, limit): (&str, i64),
) -> Result<Vec<Event>, DbError> {
    match (user_id, kind) {
        (None, None) => db.list(BEFORE, &params![before, limit]).await,
        (Some(user_id), None) => db.list(OF_USER_BEFORE, &params![user_id, before, limit]).await,
        (None, Some(kind)) => db.list(OF_KIND_BEFORE, &params![kind, before, limit]).await,
        (Some(user_id), Some(kind)) => {
            db.list(OF_USER_AND_KIND_BEFORE, &params![user_id, kind, before, limit]).await
        }
    }
}
