//! The native signing keys, their private halves sealed with the master secret.

use std::fmt;

use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Tx, params, sql};

/// A signing key's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyRow {
    /// The id that tokens name it by.
    pub kid: String,
    /// What it signs with, as RFC 7518 names it.
    pub algorithm: String,
    /// The sealed private key.
    pub sealed: String,
    /// Since when it is in the JWK set.
    pub published_at: Time,
    /// From when on it signs.
    pub activates_at: Time,
    /// When the last token it signed has expired, once another key is to take its place.
    pub retires_at: Option<Time>,
    /// When it was withdrawn at once.
    pub revoked_at: Option<Time>,
}

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Published, and not signing yet.
    Next,
    /// Signing.
    Active,
    /// Signing no more, and published until its tokens have expired.
    Retiring,
    /// Over.
    Retired,
    /// Withdrawn before its time.
    Revoked,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        })
    }
}

impl SigningKeyRow {
    /// Whether tokens that it signed are good at `now`.
    pub fn is_published(&self, now: Time) -> bool {
        self.revoked_at.is_none() && self.retires_at.is_none_or(|retires| now < retires)
    }

    /// Whether it signs or will sign, and nothing is to take its place yet.
    pub fn stays(&self, now: Time) -> bool {
        self.is_published(now) && self.retires_at.is_none()
    }

    /// The key that signs at `now`: of those whose time has come, the one that is published longest,
    /// and the latest of several. A key that another took the place of before its own time came
    /// never signs: its last tokens would be good for longer than it is published.
    pub fn active(rows: &[Self], now: Time) -> Option<&Self> {
        rows.iter().filter(|row| row.is_published(now) && row.activates_at <= now).max_by_key(
            |row| (row.retires_at.unwrap_or(Time(i64::MAX)), row.activates_at, &row.kid),
        )
    }

    /// The key that signs last of all, as far as is known at `now`.
    pub fn newest(rows: &[Self], now: Time) -> Option<&Self> {
        rows.iter().filter(|row| row.stays(now)).max_by_key(|row| (row.activates_at, &row.kid))
    }

    /// Where this key of `rows` is in its life.
    pub fn state(&self, rows: &[Self], now: Time) -> State {
        if self.revoked_at.is_some() {
            State::Revoked
        } else if !self.is_published(now) {
            State::Retired
        } else if self.activates_at > now {
            State::Next
        } else if Self::active(rows, now).is_some_and(|active| active.kid == self.kid) {
            State::Active
        } else {
            State::Retiring
        }
    }
}

impl FromRow for SigningKeyRow {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self {
            kid: row.take()?,
            algorithm: row.take()?,
            sealed: row.take()?,
            published_at: row.take()?,
            activates_at: row.take()?,
            retires_at: row.take()?,
            revoked_at: row.take()?,
        })
    }
}

sql! {
    LIST = "SELECT kid, algorithm, sealed, published_at, activates_at, retires_at, revoked_at FROM signing_keys ORDER BY activates_at, kid";
    INSERT = "INSERT INTO signing_keys (kid, algorithm, sealed, published_at, activates_at) VALUES (?, ?, ?, ?, ?)";
    RETIRE_OTHERS = "UPDATE signing_keys SET retires_at = ? WHERE kid <> ? AND retires_at IS NULL";
    REVOKE = "UPDATE signing_keys SET revoked_at = ? WHERE kid = ? AND revoked_at IS NULL";
    ACTIVATE = "UPDATE signing_keys SET activates_at = ? WHERE kid = ?";
    RESEAL = "UPDATE signing_keys SET sealed = ? WHERE kid = ?";
}

/// Every key there ever was, in the order in which they signed.
pub async fn list(db: &Db) -> Result<Vec<SigningKeyRow>, DbError> {
    db.list(LIST, &[]).await
}

/// As [`list`], inside a change.
pub async fn list_in(tx: &mut Tx<'_>) -> Result<Vec<SigningKeyRow>, DbError> {
    tx.list(LIST, &[]).await
}

/// Publishes a key.
pub async fn insert(tx: &mut Tx<'_>, row: &SigningKeyRow) -> Result<(), DbError> {
    let SigningKeyRow { kid, algorithm, sealed, published_at, activates_at, .. } = row;
    let values = params![kid, algorithm, sealed, *published_at, *activates_at];
    tx.execute(INSERT, &values).await.map(drop)
}

/// Lets every other key retire at `at`, those excepted that already have their day.
pub async fn retire_others(tx: &mut Tx<'_>, kid: &str, at: Time) -> Result<(), DbError> {
    tx.execute(RETIRE_OTHERS, &params![at, kid]).await.map(drop)
}

/// Withdraws one at once; false where there is none to withdraw.
pub async fn revoke(tx: &mut Tx<'_>, kid: &str, now: Time) -> Result<bool, DbError> {
    tx.execute_one(REVOKE, &params![now, kid]).await
}

/// Lets one sign from `at` on.
pub async fn activate(tx: &mut Tx<'_>, kid: &str, at: Time) -> Result<(), DbError> {
    tx.execute(ACTIVATE, &params![at, kid]).await.map(drop)
}

/// Replaces the sealed private key, when the master secret was changed.
pub async fn reseal(tx: &mut Tx<'_>, kid: &str, sealed: &str) -> Result<(), DbError> {
    tx.execute(RESEAL, &params![sealed, kid]).await.map(drop)
}
