//! ASP.NET Core Identity's version 3: Base64 of an octet 1, three big-endian 32-bit numbers (the
//! pseudorandom function, the rounds, the length of the salt), the salt, and the output of PBKDF2.

use super::pbkdf2::{self, Prf};
use super::{Stored, text};
use crate::password::import::UnusableHash;

/// An octet 1, and a number below 2^16.
pub(super) const BEGINNING: &str = "AQAA";

const MIN_SALT_OCTETS: usize = 16;

/// Reads what follows [`BEGINNING`].
pub(super) fn read(rest: &str) -> Result<Stored, UnusableHash> {
    // The beginning holds three octets exactly.
    let octets = text::base64(rest)?;
    let (header, octets) = octets.split_at_checked(10).ok_or(UnusableHash::Corrupt)?;
    let prf = match header[..2] {
        [0, 0] => Prf::Sha1,
        [0, 1] => Prf::Sha256,
        [0, 2] => Prf::Sha512,
        _ => return Err(UnusableHash::UnknownForm),
    };
    let salt_octets = usize::try_from(number(&header[6..10])).map_err(|_| UnusableHash::Corrupt)?;
    let (salt, output) = octets.split_at_checked(salt_octets).ok_or(UnusableHash::Corrupt)?;
    if salt.len() < MIN_SALT_OCTETS {
        return Err(UnusableHash::Corrupt);
    }
    pbkdf2::stored(prf, number(&header[2..6]), salt.into(), output.into())
}

fn number(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
}
