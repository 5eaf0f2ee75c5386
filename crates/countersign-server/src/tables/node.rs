//! The processes that share this database, each with a fresh id.

use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Tx, params, sql};

/// A process: a server, or a command that ran beside one.
#[derive(Clone, Debug)]
pub struct Node {
    /// A fresh id for each start.
    pub id: String,
    /// When it last said that it lives.
    pub seen_at: Time,
    /// When it ended in good order, with all its changes committed or rolled back.
    pub ended_at: Option<Time>,
}

impl FromRow for Node {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self { id: row.take()?, seen_at: row.take()?, ended_at: row.take()? })
    }
}

sql! {
    LIST = "SELECT id, seen_at, ended_at FROM nodes";
    RUNNING = "SELECT id, seen_at FROM nodes WHERE ended_at IS NULL";
    INSERT = "INSERT INTO nodes (id, started_at, seen_at) VALUES (?, ?, ?)";
    SEEN = "UPDATE nodes SET seen_at = ? WHERE id = ?";
    END = "UPDATE nodes SET ended_at = ?, seen_at = ? WHERE id = ?";
}

/// All that are known.
pub async fn list(db: &Db) -> Result<Vec<Node>, DbError> {
    db.list(LIST, &[]).await
}

/// Those that have not ended in good order: the id, and when each last said that it lives.
pub async fn running(db: &Db) -> Result<Vec<(String, Time)>, DbError> {
    db.list(RUNNING, &[]).await
}

/// Makes a process known, before its first change.
pub async fn insert(tx: &mut Tx<'_>, id: &str, now: Time) -> Result<(), DbError> {
    tx.execute(INSERT, &params![id, now, now]).await.map(drop)
}

/// Says that it lives; false where it was forgotten.
pub async fn seen(tx: &mut Tx<'_>, id: &str, now: Time) -> Result<bool, DbError> {
    Ok(tx.execute(SEEN, &params![now, id]).await? == 1)
}

/// Says that it will write no more.
pub async fn end(tx: &mut Tx<'_>, id: &str, now: Time) -> Result<(), DbError> {
    tx.execute(END, &params![now, now, id]).await.map(drop)
}
