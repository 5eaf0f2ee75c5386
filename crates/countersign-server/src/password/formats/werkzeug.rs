//! Werkzeug's `METHOD:PARAMETERS$SALT$HEX`, of `generate_password_hash`. The characters of the salt
//! are the salt.

use super::pbkdf2::{self, Prf};
use super::{Stored, scrypt, text};
use crate::password::import::UnusableHash;

/// Reads `sha256:ROUNDS$SALT$HEX`, and the same with `sha1` or `sha512`.
pub(super) fn read_pbkdf2(rest: &str) -> Result<Stored, UnusableHash> {
    let [method, salt, output] = text::parts(rest)?;
    let (prf, rounds) = method.split_once(':').ok_or(UnusableHash::Corrupt)?;
    let prf = match prf {
        "sha1" => Prf::Sha1,
        "sha256" => Prf::Sha256,
        "sha512" => Prf::Sha512,
        _ => return Err(UnusableHash::UnknownForm),
    };
    pbkdf2::stored(prf, text::number(rounds)?, salt.into(), text::hex(output)?)
}

/// Reads `N:R:P$SALT$HEX`.
pub(super) fn read_scrypt(rest: &str) -> Result<Stored, UnusableHash> {
    let [method, salt, output] = text::parts(rest)?;
    let parameters: Vec<&str> = method.split(':').collect();
    let [n, r, p] = parameters.try_into().map_err(|_| UnusableHash::Corrupt)?;
    let (n, r, p) = (text::number(n)?, text::number(r)?, text::number(p)?);
    if !n.is_power_of_two() {
        return Err(UnusableHash::Corrupt);
    }
    scrypt::stored((n.ilog2().into(), r, p), salt.into(), text::hex(output)?)
}
