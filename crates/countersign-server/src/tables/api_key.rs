//! Keys of programs that ask this server: resource servers, collectors of metrics.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Tx, params, sql};

/// What a key lets its holder do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Ask whether a token is good (RFC 7662).
    Introspect,
    /// End what a token stands for (RFC 7009).
    Revoke,
    /// Read which tokens and sessions are no longer good.
    Revocations,
    /// Read the metrics.
    Metrics,
}

impl Right {
    /// Every right there is.
    pub const ALL: [Self; 4] = [Self::Introspect, Self::Revoke, Self::Revocations, Self::Metrics];

    /// The word for it, everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Introspect => "introspect",
            Self::Revoke => "revoke",
            Self::Revocations => "revocations",
            Self::Metrics => "metrics",
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names no right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a right is one of: introspect, revoke, revocations, metrics")]
pub struct UnknownRight;

impl FromStr for Right {
    type Err = UnknownRight;

    fn from_str(text: &str) -> Result<Self, UnknownRight> {
        Self::ALL.into_iter().find(|right| right.as_str() == text).ok_or(UnknownRight)
    }
}

/// A key's row: all that is known of the key, but not the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// What it is called by.
    pub id: String,
    /// SHA-256 of the key, in hexadecimal.
    pub digest: String,
    /// Who holds it, in the operator's words.
    pub name: String,
    /// What its holder may do, in the order of [`Right::ALL`].
    pub rights: Vec<Right>,
    /// Since when it is good.
    pub created_at: Time,
    /// When it is over, if it ever is by itself.
    pub expires_at: Option<Time>,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
}

impl ApiKeyRow {
    /// Whether it is good at `now`.
    pub fn is_live(&self, now: Time) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expires| now < expires)
    }
}

impl FromRow for ApiKeyRow {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.take()?,
            digest: row.take()?,
            name: row.take()?,
            rights: parse_rights(&row.take::<String>()?),
            created_at: row.take()?,
            expires_at: row.take()?,
            revoked_at: row.take()?,
        })
    }
}

/// A right that a newer version gave is none here.
fn parse_rights(text: &str) -> Vec<Right> {
    text.split(' ').filter_map(|word| word.parse().ok()).collect()
}

fn rights_text(rights: &[Right]) -> String {
    rights.iter().map(|right| right.as_str()).collect::<Vec<_>>().join(" ")
}

sql! {
    LIST = "SELECT id, digest, name, rights, created_at, expires_at, revoked_at FROM api_keys ORDER BY created_at, id";
    NOT_REVOKED = "SELECT id, digest, name, rights, created_at, expires_at, revoked_at FROM api_keys WHERE revoked_at IS NULL";
    FIND = "SELECT id, digest, name, rights, created_at, expires_at, revoked_at FROM api_keys WHERE id = ?";
    INSERT = "INSERT INTO api_keys (id, digest, name, rights, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)";
    REVOKE = "UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL";
}

/// Every key there ever was, the oldest first.
pub async fn list(db: &Db) -> Result<Vec<ApiKeyRow>, DbError> {
    db.list(LIST, &[]).await
}

/// Those that were not revoked, expired ones among them.
pub async fn not_revoked(db: &Db) -> Result<Vec<ApiKeyRow>, DbError> {
    db.list(NOT_REVOKED, &[]).await
}

/// The key with this id, with a shared lock on its row until the transaction ends.
pub async fn find_shared(tx: &mut Tx<'_>, id: &str) -> Result<Option<ApiKeyRow>, DbError> {
    tx.find_shared(FIND, &params![id]).await
}

/// Adds one.
pub async fn insert(tx: &mut Tx<'_>, row: &ApiKeyRow) -> Result<(), DbError> {
    let ApiKeyRow { id, digest, name, rights, created_at, expires_at, .. } = row;
    let values = params![id, digest, name, rights_text(rights), *created_at, *expires_at];
    tx.execute(INSERT, &values).await.map(drop)
}

/// Revokes one; false where there is none to revoke.
pub async fn revoke(tx: &mut Tx<'_>, id: &str, now: Time) -> Result<bool, DbError> {
    tx.execute_one(REVOKE, &params![now, id]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_read_as_it_is_written_and_one_that_nobody_knows_is_none() {
        assert_eq!(parse_rights(&rights_text(&Right::ALL)), Right::ALL);
        assert_eq!(parse_rights("revoke everything metrics"), [Right::Revoke, Right::Metrics]);
        assert_eq!(parse_rights(""), []);
        for right in Right::ALL {
            assert!(UnknownRight.to_string().contains(right.as_str()), "{right}");
            assert_eq!(serde_json::to_value(right).expect("a word"), right.as_str());
        }
    }
}
