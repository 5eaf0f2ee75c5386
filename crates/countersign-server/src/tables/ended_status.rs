//! Which indexes of the status lists are of sessions that ended, for as long as tokens that name them
//! may be good otherwise.

use crate::clock::Time;
use crate::db::{Db, DbError, Tx, params, sql};

sql! {
    BETWEEN = "SELECT status_index FROM ended_statuses WHERE status_index >= ? AND status_index < ?";
    INSERT = "INSERT INTO ended_statuses (status_index, until) VALUES (?, ?)";
}

/// Those from `first` on and before `end`.
pub async fn between(db: &Db, first: i64, end: i64) -> Result<Vec<i64>, DbError> {
    db.list(BETWEEN, &params![first, end]).await
}

/// Adds one; no session ends twice.
pub async fn insert(tx: &mut Tx<'_>, index: i64, until: Time) -> Result<(), DbError> {
    tx.execute(INSERT, &params![index, until]).await.map(drop)
}
