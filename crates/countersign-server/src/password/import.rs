//! What becomes of a hash that another system made.

use super::formats::Stored;
use super::{InvalidPassword, Password};

/// A hash that can come along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Importable {
    /// It is stored as it is, and replaced by Argon2id at the next login.
    Keep,
    /// A bare SHA-256, which is never stored: hash this text with Argon2id, and store that in the
    /// form [`CLIENT_SHA256`](crate::tables::password::CLIENT_SHA256).
    Wrap(Password),
}

/// Why a hash cannot come along. It is not told itself: it is a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnusableHash {
    /// No form that is read here.
    #[error("the form of the password hash is not known")]
    UnknownForm,
    /// It begins like a known form and does not go on like it.
    #[error("the password hash is incomplete or corrupt")]
    Corrupt,
    /// Its costs are beyond the bound.
    #[error("the password hash costs too much: {0}")]
    TooCostly(&'static str),
    /// It is no password hash but one fast hash of it, or the password.
    #[error("the password hash is a single fast hash, which is not kept; leave it out")]
    TooWeak,
}

impl From<InvalidPassword> for UnusableHash {
    fn from(_: InvalidPassword) -> Self {
        Self::Corrupt
    }
}

/// Says what to do with the hash of another system.
pub fn importable(text: &str) -> Result<Importable, UnusableHash> {
    if text.len() == 64 && text.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return Ok(Importable::Wrap(Password::parse(text.to_ascii_lowercase())?));
    }
    Stored::parse(text).map(|_| Importable::Keep)
}
