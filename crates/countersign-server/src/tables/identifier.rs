//! What users are found by.

use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Tx, params, sql};
use crate::identifier::{Identifier, Kind};

/// One identifier of a user, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredIdentifier {
    /// `email`, `username` or `phone`.
    pub kind: String,
    /// As it was typed, but for a phone, which is E.164.
    pub value: String,
    /// The normalised key that no two users share.
    pub normalised: String,
    /// When it was verified.
    pub verified_at: Option<Time>,
}

impl FromRow for StoredIdentifier {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self {
            kind: row.take()?,
            value: row.take()?,
            normalised: row.take()?,
            verified_at: row.take()?,
        })
    }
}

sql! {
    OF_USER = "SELECT kind, value, normalised, verified_at FROM identifiers WHERE user_id = ? ORDER BY created_at, normalised";
    FIND = "SELECT kind, value, normalised, verified_at FROM identifiers WHERE normalised = ?";
    OF_KIND = "SELECT kind, value, normalised, verified_at FROM identifiers WHERE user_id = ? AND kind = ? ORDER BY created_at, normalised";
    IS_THERE = "SELECT normalised FROM identifiers WHERE user_id = ? LIMIT 1";
    INSERT = "INSERT INTO identifiers (normalised, kind, value, user_id, created_at) VALUES (?, ?, ?, ?, ?)";
    RESPELL = "UPDATE identifiers SET value = ? WHERE normalised = ?";
    REPLACE = "UPDATE identifiers SET normalised = ?, value = ?, verified_at = NULL WHERE normalised = ?";
    DELETE = "DELETE FROM identifiers WHERE normalised = ?";
    DELETE_OF_USER = "DELETE FROM identifiers WHERE user_id = ?";
}

/// The user's identifiers, the oldest first.
pub async fn of_user(db: &Db, user_id: &str) -> Result<Vec<StoredIdentifier>, DbError> {
    db.list(OF_USER, &params![user_id]).await
}

/// The one with this normalised key.
pub async fn find(db: &Db, normalised: &str) -> Result<Option<StoredIdentifier>, DbError> {
    db.find(FIND, &params![normalised]).await
}

/// As [`find`], inside a change.
pub async fn find_in(
    tx: &mut Tx<'_>,
    normalised: &str,
) -> Result<Option<StoredIdentifier>, DbError> {
    tx.find(FIND, &params![normalised]).await
}

/// The user's identifiers of one kind, the oldest first.
pub async fn of_kind_in(
    tx: &mut Tx<'_>,
    (user_id, kind): (&str, Kind),
) -> Result<Vec<StoredIdentifier>, DbError> {
    tx.list(OF_KIND, &params![user_id, kind.as_str()]).await
}

/// Whether the user has any.
pub async fn is_there(tx: &mut Tx<'_>, user_id: &str) -> Result<bool, DbError> {
    Ok(tx.find::<String>(IS_THERE, &params![user_id]).await?.is_some())
}

/// Adds one; fails as a duplicate where somebody has it.
pub async fn insert(
    tx: &mut Tx<'_>,
    user_id: &str,
    identifier: &Identifier,
    now: Time,
) -> Result<(), DbError> {
    let Identifier { kind, value, key } = identifier;
    tx.execute(INSERT, &params![key, kind.as_str(), value, user_id, now]).await.map(drop)
}

/// Writes one as it was typed now, which is the same to whoever compares.
pub async fn respell(tx: &mut Tx<'_>, identifier: &Identifier) -> Result<(), DbError> {
    let Identifier { value, key, .. } = identifier;
    tx.execute(RESPELL, &params![value, key]).await.map(drop)
}

/// Puts one, which nobody has verified, in the place of the one with this key; fails as a duplicate
/// where somebody has it.
pub async fn replace(tx: &mut Tx<'_>, normalised: &str, by: &Identifier) -> Result<(), DbError> {
    let Identifier { value, key, .. } = by;
    tx.execute(REPLACE, &params![key, value, normalised]).await.map(drop)
}

/// Removes the one with this key.
pub async fn delete(tx: &mut Tx<'_>, normalised: &str) -> Result<(), DbError> {
    tx.execute(DELETE, &params![normalised]).await.map(drop)
}

/// Removes all of a user.
pub async fn delete_of_user(tx: &mut Tx<'_>, user_id: &str) -> Result<(), DbError> {
    tx.execute(DELETE_OF_USER, &params![user_id]).await.map(drop)
}
