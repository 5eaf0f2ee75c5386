//! Attempts that failed or are under way, counted by account and by address.

use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Tx, params, sql};

/// The count of one account or address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many attempts failed or are under way, as of the last one.
    pub failures: i64,
    /// When the last one was reserved.
    pub last_at: Time,
}

impl FromRow for Count {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self { failures: row.take()?, last_at: row.take()? })
    }
}

sql! {
    FIND = "SELECT failures, last_at FROM failures WHERE subject = ?";
    INSERT = "INSERT INTO failures (subject, failures, last_at, noted_at, unnoted) VALUES (?, ?, ?, ?, 0)";
    /// Matches for one of several attempts that read the same count, and for one only.
    REPLACE = "UPDATE failures SET failures = ?, last_at = ? WHERE subject = ? AND failures = ? AND last_at = ?";
    REMOVE = "DELETE FROM failures WHERE subject = ? AND failures = ? AND last_at = ?";
    SUBTRACT = "UPDATE failures SET failures = failures - 1 WHERE subject = ? AND failures > 0";
    DELETE = "DELETE FROM failures WHERE subject = ?";
    /// A user's counts: `ID`, and `ID/` with what follows. A `0` comes after `/`.
    DELETE_OF_USER = "DELETE FROM failures WHERE subject >= ? AND subject < ? AND failures > 0";
    /// The purge goes by `last_at`, which is also kept where nothing but events is counted.
    COUNT_UNNOTED = "UPDATE failures SET unnoted = unnoted + 1, last_at = CASE WHEN failures = 0 THEN ? ELSE last_at END WHERE subject = ?";
    NOTED = "SELECT noted_at, unnoted FROM failures WHERE subject = ?";
    NOTE = "UPDATE failures SET noted_at = ?, unnoted = 0 WHERE subject = ?";
}

/// The count of this account or address, if there is one.
pub async fn find(db: &Db, subject: &str) -> Result<Option<Count>, DbError> {
    db.find(FIND, &params![subject]).await
}

/// As [`find`], inside a change.
pub async fn find_in(tx: &mut Tx<'_>, subject: &str) -> Result<Option<Count>, DbError> {
    tx.find(FIND, &params![subject]).await
}

/// Puts `next` in the place of the count that was read, if it is still that; whether it was.
///
/// # Errors
/// [`DbError::Unique`] where there was no count, and there is one now.
pub async fn replace(
    tx: &mut Tx<'_>,
    subject: &str,
    (read, next): (Option<Count>, Count),
) -> Result<bool, DbError> {
    let Some(read) = read else {
        let values = params![subject, next.failures, next.last_at, Time(0)];
        return tx.execute(INSERT, &values).await.map(|_| true);
    };
    let values = params![next.failures, next.last_at, subject, read.failures, read.last_at];
    Ok(tx.execute(REPLACE, &values).await? == 1)
}

/// Takes an attempt out of the count: all of what it changed where it was the last one.
pub async fn give_back(
    tx: &mut Tx<'_>,
    subject: &str,
    (before, after): (Option<Count>, Count),
) -> Result<(), DbError> {
    let is_last = if let Some(before) = before {
        replace(tx, subject, (Some(after), before)).await?
    } else {
        let values = params![subject, after.failures, after.last_at];
        tx.execute(REMOVE, &values).await? == 1
    };
    if !is_last {
        tx.execute(SUBTRACT, &params![subject]).await?;
    }
    Ok(())
}

/// Counts something that was refused. Returns how many such things an event is due for: for the
/// first, and for those since the last event where none was written after `quiet`.
pub async fn count_refused(
    tx: &mut Tx<'_>,
    subject: &str,
    (now, quiet): (Time, Time),
) -> Result<Option<i64>, DbError> {
    if tx.execute(COUNT_UNNOTED, &params![now, subject]).await? == 0 {
        tx.execute(INSERT, &params![subject, 0_i64, now, now]).await?;
        return Ok(Some(1));
    }
    let noted: Option<(Time, i64)> = tx.find(NOTED, &params![subject]).await?;
    let Some((_, unnoted)) = noted.filter(|(at, _)| *at <= quiet) else { return Ok(None) };
    tx.execute(NOTE, &params![now, subject]).await?;
    Ok(Some(unnoted))
}

/// Forgets the count of this account.
pub async fn delete(tx: &mut Tx<'_>, subject: &str) -> Result<(), DbError> {
    tx.execute(DELETE, &params![subject]).await.map(drop)
}

/// What a user is counted under: their id, or their id with the place that is counted apart.
pub fn of_user(user_id: &str, place: Option<&str>) -> String {
    place.map_or_else(|| user_id.to_owned(), |place| format!("{user_id}/{place}"))
}

/// Forgets all counts of this user; false where there were none.
pub async fn delete_of_user(tx: &mut Tx<'_>, user_id: &str) -> Result<bool, DbError> {
    Ok(tx.execute(DELETE_OF_USER, &params![user_id, format!("{user_id}0")]).await? > 0)
}
