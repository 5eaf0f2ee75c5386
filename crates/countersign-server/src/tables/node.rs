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

/// A process, and from where on its changes are read by who knows all earlier ones.
#[derive(Clone, Debug)]
pub struct KnownNode {
    /// The process.
    pub node: Node,
    /// The floor of its last change; zero for one that has none.
    pub floor: i64,
}

impl FromRow for KnownNode {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        let node = Node::from_row(row)?;
        Ok(Self { node, floor: row.take::<Option<i64>>()?.unwrap_or(0) })
    }
}

sql! {
    LIST = "SELECT id, seen_at, ended_at FROM nodes";
    RUNNING = "SELECT id, seen_at FROM nodes WHERE ended_at IS NULL";
    LIST_KNOWN = "SELECT n.id, n.seen_at, n.ended_at, (SELECT c.floor FROM changes c WHERE c.node = n.id ORDER BY c.seq DESC LIMIT 1) AS floor FROM nodes n";
    INSERT = "INSERT INTO nodes (id, started_at, seen_at) VALUES (?, ?, ?)";
    SEEN = "UPDATE nodes SET seen_at = ? WHERE id = ?";
    END = "UPDATE nodes SET ended_at = ?, seen_at = ? WHERE id = ?";
    FORGET = "DELETE FROM nodes WHERE id = ?";
}

/// All that are known.
pub async fn list(db: &Db) -> Result<Vec<Node>, DbError> {
    db.list(LIST, &[]).await
}

/// Those that have not ended in good order: the id, and when each last said that it lives.
pub async fn running(db: &Db) -> Result<Vec<(String, Time)>, DbError> {
    db.list(RUNNING, &[]).await
}

/// All that are known, each with the floor of its last change.
pub async fn list_known(db: &Db) -> Result<Vec<KnownNode>, DbError> {
    db.watch(LIST_KNOWN, &[]).await
}

/// Makes a process known, before its first change.
pub async fn insert(tx: &mut Tx<'_>, id: &str, now: Time) -> Result<(), DbError> {
    tx.execute(INSERT, &params![id, now, now]).await.map(drop)
}

/// Says that it lives, also where it was forgotten.
pub async fn seen(tx: &mut Tx<'_>, id: &str, now: Time) -> Result<(), DbError> {
    if tx.execute(SEEN, &params![now, id]).await? == 0 {
        insert(tx, id, now).await?;
    }
    Ok(())
}

/// Says that it will write no more.
pub async fn end(tx: &mut Tx<'_>, id: &str, now: Time) -> Result<(), DbError> {
    tx.execute(END, &params![now, now, id]).await.map(drop)
}

/// Deletes one that has written no change.
pub async fn forget(tx: &mut Tx<'_>, id: &str) -> Result<(), DbError> {
    tx.execute(FORGET, &params![id]).await.map(drop)
}
