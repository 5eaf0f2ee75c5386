//! Failed attempts, counted by account and by address.

use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Tx, params, sql};

/// The count of one account or address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// Failures in a row.
    pub failures: i64,
    /// When the last one was.
    pub last_at: Time,
    /// When the last event was written for them.
    pub noted_at: Time,
    /// How many no event was written for.
    pub unnoted: i64,
}

impl FromRow for Failures {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self {
            failures: row.take()?,
            last_at: row.take()?,
            noted_at: row.take()?,
            unnoted: row.take()?,
        })
    }
}

sql! {
    FIND = "SELECT failures, last_at, noted_at, unnoted FROM failures WHERE subject = ?";
    INSERT = "INSERT INTO failures (subject, failures, last_at, noted_at, unnoted) VALUES (?, 1, ?, ?, 0)";
    COUNT = "UPDATE failures SET failures = CASE WHEN failures < ? THEN failures + 1 ELSE failures END, last_at = ?, unnoted = unnoted + 1 WHERE subject = ?";
    NOTE = "UPDATE failures SET noted_at = ?, unnoted = 0 WHERE subject = ?";
    RESTART = "UPDATE failures SET failures = 0 WHERE subject = ? AND last_at < ?";
    DELETE = "DELETE FROM failures WHERE subject = ?";
}

/// The count of this account or address, if it has failed lately.
pub async fn find(db: &Db, subject: &str) -> Result<Option<Failures>, DbError> {
    db.find(FIND, &params![subject]).await
}

/// How a failure is counted.
#[derive(Clone, Copy, Debug)]
pub struct Counting {
    /// A count whose last failure was before begins anew.
    pub restart: Time,
    /// No event is due where one was written after.
    pub quiet: Time,
    /// No count goes beyond.
    pub most: i64,
}

/// Counts one failure. Returns how many failures an event is due for, if one is.
pub async fn count(
    tx: &mut Tx<'_>,
    subject: &str,
    now: Time,
    Counting { restart, quiet, most }: Counting,
) -> Result<Option<i64>, DbError> {
    tx.execute(RESTART, &params![subject, restart]).await?;
    if tx.execute(COUNT, &params![most, now, subject]).await? == 0 {
        tx.execute(INSERT, &params![subject, now, now]).await?;
        return Ok(Some(1));
    }
    let Some(row) = tx.find::<Failures>(FIND, &params![subject]).await? else { return Ok(None) };
    if row.noted_at > quiet {
        return Ok(None);
    }
    tx.execute(NOTE, &params![now, subject]).await?;
    Ok(Some(row.unnoted))
}

/// Forgets the failures of this account; false where there were none.
pub async fn delete(tx: &mut Tx<'_>, subject: &str) -> Result<bool, DbError> {
    Ok(tx.execute(DELETE, &params![subject]).await? == 1)
}
