//! Rows that are over, removed in slices of a bounded size, however many are over at once: those up
//! to the one that stands so far behind the oldest, in the order of their time and their key.

use crate::clock::Time;
use crate::db::{Db, DbError, Sql, Tx, Value, params, sql};

/// How many rows one change removes at most, unless rows share both their time and their key.
pub const SLICE: u64 = 500;

/// How the rows of a table that are over are found and removed.
#[derive(Debug)]
pub struct Over {
    /// What the changes are called.
    pub write: &'static str,
    cut: Sql,
    slice: Sql,
    rest: Sql,
}

/// A slice that is to be removed.
#[derive(Debug)]
pub struct Slice {
    sql: Sql,
    values: Vec<Value>,
}

/// `over!("table", "time", "key")`: its rows are over at the time in the one column, and are told
/// apart by the other.
macro_rules! over {
    ($table:literal, $time:literal, $key:literal) => {
        Over {
            write: concat!("purge_", $table),
            cut: sql!(concat!(
                "SELECT ",
                $time,
                ", ",
                $key,
                " FROM ",
                $table,
                " WHERE ",
                $time,
                " < ? ORDER BY ",
                $time,
                ", ",
                $key,
                " LIMIT 1 OFFSET ?"
            )),
            slice: sql!(concat!(
                "DELETE FROM ",
                $table,
                " WHERE ",
                $time,
                " <= ? AND (",
                $time,
                " < ? OR ",
                $key,
                " <= ?)"
            )),
            rest: sql!(concat!("DELETE FROM ", $table, " WHERE ", $time, " < ?")),
        }
    };
}

/// Counts of failed attempts.
pub const FAILURES: Over = over!("failures", "last_at", "subject");
/// Revocations, those that an import brought along too.
pub const REVOCATIONS: Over = over!("revocations", "until", "subject");
/// Entries of the status lists whose sessions have been over for long.
pub const ENDED_STATUSES: Over = over!("ended_statuses", "until", "status_index");
/// Changes that every node has read.
pub const CHANGES: Over = over!("changes", "until", "seq");
/// Copies that waited for Redis in vain.
pub const OUTBOX: Over = over!("outbox", "due_at", "user_id");
/// Processes that nobody has heard of.
pub const NODES: Over = over!("nodes", "seen_at", "id");
/// Invitations.
pub const INVITATIONS: Over = over!("invitations", "expires_at", "id");
/// Limits by rate that allow everything again.
pub const RATE_LIMITS: Over = over!("rate_limits", "until_at", "subject");
/// Sessions.
pub const SESSIONS: Over = over!("sessions", "expires_at", "id");

impl Over {
    /// The next slice of what was over before `before`; `None` where nothing is.
    pub async fn next(&self, db: &Db, before: Time) -> Result<Option<Slice>, DbError> {
        let cut =
            async |offset: u64| db.list::<Vec<Value>>(self.cut, &params![before, offset]).await;
        if let Some(cut) = cut(SLICE - 1).await?.pop() {
            let values = [&cut[..1], &cut].concat();
            return Ok(Some(Slice { sql: self.slice, values }));
        }
        let some = !cut(0).await?.is_empty();
        Ok(some.then_some(Slice { sql: self.rest, values: params![before].to_vec() }))
    }

    /// Its statements, by name.
    pub(super) fn statements(&self) -> [(&'static str, &'static str, Sql); 3] {
        [
            (self.write, "cut", self.cut),
            (self.write, "slice", self.slice),
            (self.write, "rest", self.rest),
        ]
    }
}

impl Slice {
    /// Removes the rows; how many.
    pub async fn remove(&self, tx: &mut Tx<'_>) -> Result<u64, DbError> {
        tx.execute(self.sql, &self.values).await
    }
}

/// The statements of all.
pub(super) fn statements() -> impl Iterator<Item = (&'static str, &'static str, Sql)> {
    [
        &FAILURES,
        &REVOCATIONS,
        &ENDED_STATUSES,
        &CHANGES,
        &OUTBOX,
        &NODES,
        &INVITATIONS,
        &RATE_LIMITS,
        &SESSIONS,
    ]
    .into_iter()
    .flat_map(Over::statements)
}
