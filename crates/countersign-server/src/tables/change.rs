//! Narrow rows that the other nodes must learn.

use super::node::Node;
use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Sql, Tx, Value, params, sql};

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

/// From where on the changes of one node are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The node.
    pub node: String,
    /// The smallest `seq` that is read.
    pub floor: i64,
}

/// A change, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeChange {
    /// The node that wrote it.
    pub node: String,
    /// The change.
    pub row: ChangeRow,
}

/// What one statement reads: every node, as it was at the latest when the changes were read, and
/// the changes from the positions on.
#[derive(Debug, Default)]
pub struct Look {
    /// All nodes that are known.
    pub nodes: Vec<Node>,
    /// The changes, in no order.
    pub changes: Vec<NodeChange>,
}

/// A row of the look's statement.
enum LookRow {
    Node(Node),
    Change(NodeChange),
}

impl FromRow for LookRow {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        let (node, number): (String, i64) = (row.take()?, row.take()?);
        let second: Option<i64> = row.take()?;
        let kind: String = row.take()?;
        if kind.is_empty() {
            let (seen_at, ended_at) = (Time(number), second.map(Time));
            return Ok(Self::Node(Node { id: node, seen_at, ended_at }));
        }
        let floor = second.ok_or(DbError::Column { index: 2, expected: "an integer" })?;
        let row = ChangeRow { seq: number, floor, kind, subject: row.take()?, until: row.take()? };
        Ok(Self::Change(NodeChange { node, row }))
    }
}

macro_rules! eight {
    ($($it:tt)+) => {
        concat!(
            $($it)+, " OR ", $($it)+, " OR ", $($it)+, " OR ", $($it)+, " OR ",
            $($it)+, " OR ", $($it)+, " OR ", $($it)+, " OR ", $($it)+
        )
    };
}

/// The changes of some nodes, and all nodes, in one statement: so what is known of a node is never
/// newer than what was read of its changes.
macro_rules! look {
    ($($positions:tt)+) => {
        concat!(
            "SELECT node, seq, floor, kind, subject, until FROM changes WHERE ", $($positions)+,
            " UNION ALL SELECT id, seen_at, ended_at, '', '', 0 FROM nodes"
        )
    };
}

sql! {
    LOOK_8 = look!(eight!("(node = ? AND seq >= ?)"));
    LOOK_64 = look!(eight!(eight!("(node = ? AND seq >= ?)")));
    LOOK_384 = look!(concat!(
        eight!(eight!("(node = ? AND seq >= ?)")), " OR ", eight!(eight!("(node = ? AND seq >= ?)")), " OR ",
        eight!(eight!("(node = ? AND seq >= ?)")), " OR ", eight!(eight!("(node = ? AND seq >= ?)")), " OR ",
        eight!(eight!("(node = ? AND seq >= ?)")), " OR ", eight!(eight!("(node = ? AND seq >= ?)"))
    ));
    INSERT = "INSERT INTO changes (node, seq, floor, kind, subject, until) VALUES (?, ?, ?, ?, ?, ?)";
}

/// The looks, each with the number of positions that it has room for.
const LOOKS: [(usize, Sql); 3] = [(8, LOOK_8), (64, LOOK_64), (MOST, LOOK_384)];
/// From how many nodes one statement reads changes.
const MOST: usize = 384;

/// Reads all nodes, and the changes from these positions on, in one round trip for up to 384
/// positions. Runs on the connection that is kept for it, which no request uses.
pub async fn look(db: &Db, positions: &[Position]) -> Result<Look, DbError> {
    let (first, rest) = positions.split_at(positions.len().min(MOST));
    let mut look = look_from(db, first).await?;
    for positions in rest.chunks(MOST) {
        // The nodes as they were before, not as they are after these changes were read.
        look.changes.extend(look_from(db, positions).await?.changes);
    }
    Ok(look)
}

async fn look_from(db: &Db, positions: &[Position]) -> Result<Look, DbError> {
    let fits = LOOKS.iter().find(|(room, _)| positions.len() <= *room);
    let &(room, sql) = fits.unwrap_or(&LOOKS[LOOKS.len() - 1]);
    let mut values: Vec<Value> = Vec::with_capacity(2 * room);
    for Position { node, floor } in positions {
        values.extend(params![node, *floor]);
    }
    while values.len() < 2 * room {
        // No node is called so.
        values.extend(params!["", 0_i64]);
    }
    let mut look = Look::default();
    for row in db.watch(sql, &values).await? {
        match row {
            LookRow::Node(node) => look.nodes.push(node),
            LookRow::Change(change) => look.changes.push(change),
        }
    }
    Ok(look)
}

/// Writes one change.
pub async fn insert(tx: &mut Tx<'_>, node: &str, row: &ChangeRow) -> Result<(), DbError> {
    let ChangeRow { seq, floor, kind, subject, until } = row;
    tx.execute(INSERT, &params![node, *seq, *floor, kind, subject, *until]).await.map(drop)
}
