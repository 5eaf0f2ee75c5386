//! The audit trail: one row for each thing worth knowing, in the transaction of the change itself.

use serde::Serialize;

use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Tx, params, sql};

/// One row of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
            actor: row.take()?,
            address: row.take()?,
            agent: row.take()?,
            occurrences: row.take()?,
        })
    }
}

sql! {
    INSERT = "INSERT INTO events (id, at, kind, outcome, reason, user_id, session_id, actor, address, agent, occurrences) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    ADD = "UPDATE events SET occurrences = occurrences + ? WHERE id = ?";
    LATEST = "SELECT id, at, kind, outcome, reason, user_id, session_id, actor, address, agent, occurrences FROM events ORDER BY id DESC LIMIT ?";
    BEFORE = "SELECT id, at, kind, outcome, reason, user_id, session_id, actor, address, agent, occurrences FROM events WHERE id < ? ORDER BY id DESC LIMIT ?";
    OF_USER_BEFORE = "SELECT id, at, kind, outcome, reason, user_id, session_id, actor, address, agent, occurrences FROM events WHERE user_id = ? AND id < ? ORDER BY id DESC LIMIT ?";
    OF_KIND_BEFORE = "SELECT id, at, kind, outcome, reason, user_id, session_id, actor, address, agent, occurrences FROM events WHERE kind = ? AND id < ? ORDER BY id DESC LIMIT ?";
    OF_USER_AND_KIND_BEFORE = "SELECT id, at, kind, outcome, reason, user_id, session_id, actor, address, agent, occurrences FROM events WHERE user_id = ? AND kind = ? AND id < ? ORDER BY id DESC LIMIT ?";
    LATEST_OF_USER = "SELECT id, at, kind, outcome, reason, user_id, session_id, actor, address, agent, occurrences FROM events WHERE user_id = ? ORDER BY id DESC LIMIT ?";
}

/// Writes one.
pub async fn insert(tx: &mut Tx<'_>, event: &Event) -> Result<(), DbError> {
    let Event { id, at, kind, outcome, reason, user_id, session_id, .. } = event;
    let values = params![
        id,
        *at,
        kind,
        outcome,
        reason.as_deref(),
        user_id.as_deref(),
        session_id.as_deref(),
        event.actor.as_deref(),
        event.address.as_deref(),
        event.agent.as_deref(),
        event.occurrences
    ];
    tx.execute(INSERT, &values).await.map(drop)
}

/// Counts `more` of what an event tells of; false where it is not written yet.
pub async fn add(tx: &mut Tx<'_>, id: &str, more: i64) -> Result<bool, DbError> {
    Ok(tx.execute(ADD, &params![more, id]).await? == 1)
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
