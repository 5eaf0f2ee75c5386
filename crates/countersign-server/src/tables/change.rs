//! Narrow rows that the other nodes must learn.

use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Tx, params, sql};

/// One change of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRow {
    /// The node's own count of its changes.
    pub seq: i64,
    /// The node's smallest `seq` that was not known to be committed or rolled back.
    pub floor: i64,
    /// What kind of thing changed.
    pub kind: String,
    /// Which one, in the kind's own writing.
    pub subject: String,
    /// Until when it matters.
    pub until: Time,
}

impl FromRow for ChangeRow {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self {
            seq: row.take()?,
            floor: row.take()?,
            kind: row.take()?,
            subject: row.take()?,
            until: row.take()?,
        })
    }
}

sql! {
    SINCE = "SELECT seq, floor, kind, subject, until FROM changes WHERE node = ? AND seq >= ? ORDER BY seq";
    LAST_FLOOR = "SELECT floor FROM changes WHERE node = ? ORDER BY seq DESC LIMIT 1";
    INSERT = "INSERT INTO changes (node, seq, floor, kind, subject, until) VALUES (?, ?, ?, ?, ?, ?)";
}

/// The node's changes from `floor` on.
pub async fn since(db: &Db, node: &str, floor: i64) -> Result<Vec<ChangeRow>, DbError> {
    db.list(SINCE, &params![node, floor]).await
}

/// A floor from which to read a node whose earlier changes are already known; zero for one that
/// has none.
pub async fn last_floor(db: &Db, node: &str) -> Result<i64, DbError> {
    Ok(db.find(LAST_FLOOR, &params![node]).await?.unwrap_or(0))
}

/// Writes one change.
pub async fn insert(tx: &mut Tx<'_>, node: &str, row: &ChangeRow) -> Result<(), DbError> {
    let ChangeRow { seq, floor, kind, subject, until } = row;
    tx.execute(INSERT, &params![node, *seq, *floor, kind, subject, *until]).await.map(drop)
}
