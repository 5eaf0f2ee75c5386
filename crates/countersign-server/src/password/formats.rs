//! The forms in which a password hash may be stored. Each is bounded when it is read.

use super::Password;
use super::argon2id::{Bench, Cost, Row};

/// No form is longer; what is, is not read.
const MAX_OCTETS: usize = 512;

/// A stored hash in a form that is known, within its bounds.
pub(super) enum Stored {
    Argon2id(Row),
}

impl Stored {
    /// Reads a stored hash; `None` when it is corrupt, of an unknown form or too costly.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_OCTETS || !text.is_ascii() {
            return None;
        }
        Row::parse(text).map(Self::Argon2id)
    }

    /// Whether it is of this password; an error comes before any work is done.
    pub(super) fn matches(
        &self,
        password: &Password,
        bench: &mut Bench<'_>,
    ) -> Result<bool, argon2::Error> {
        match self {
            Self::Argon2id(row) => bench.matches(row, password.expose().as_bytes()),
        }
    }

    /// Whether a right password is to be hashed anew.
    pub(super) fn is_outdated(&self, current: &Cost) -> bool {
        match self {
            Self::Argon2id(row) => row.is_outdated(current),
        }
    }
}
