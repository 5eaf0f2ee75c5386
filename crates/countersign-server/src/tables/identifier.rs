//! What users are found by.

use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Tx, params, sql};
use crate::identifier::Identifier;

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
    INSERT = "INSERT INTO identifiers (normalised, kind, value, user_id, created_at) VALUES (?, ?, ?, ?, ?)";
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

/// Removes all of a user.
pub async fn delete_of_user(tx: &mut Tx<'_>, user_id: &str) -> Result<(), DbError> {
    tx.execute(DELETE_OF_USER, &params![user_id]).await.map(drop)
}
