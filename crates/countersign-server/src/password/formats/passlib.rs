//! passlib's PBKDF2: `$pbkdf2-sha256$ROUNDS$SALT$HASH`.

use super::pbkdf2::{self, Prf};
use super::{Stored, text};
use crate::password::import::UnusableHash;

/// Reads `ROUNDS$SALT$HASH`.
pub(super) fn read(prf: Prf, rest: &str) -> Result<Stored, UnusableHash> {
    let [rounds, salt, output] = text::parts(rest)?;
    pbkdf2::stored(prf, text::number(rounds)?, adapted_base64(salt)?, adapted_base64(output)?)
}

/// Base64 with `.` for `+`, not padded.
fn adapted_base64(encoded: &str) -> Result<Vec<u8>, UnusableHash> {
    if encoded.contains(['+', '=']) {
        return Err(UnusableHash::Corrupt);
    }
    text::base64(&encoded.replace('.', "+"))
}
