//! Django's PBKDF2: `pbkdf2_sha256$ROUNDS$SALT$HASH`. The characters of the salt are the salt.

use super::pbkdf2::{self, Prf};
use super::{Stored, text};
use crate::password::import::UnusableHash;

/// Reads `ROUNDS$SALT$HASH`.
pub(super) fn read(prf: Prf, rest: &str) -> Result<Stored, UnusableHash> {
    let [rounds, salt, output] = text::parts(rest)?;
    pbkdf2::stored(prf, text::number(rounds)?, salt.into(), text::base64(output)?)
}
