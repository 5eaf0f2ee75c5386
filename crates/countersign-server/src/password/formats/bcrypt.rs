//! bcrypt, as Flask-Bcrypt, PHP and many others write it: `$2b$12$SALTHASH`.
//!
//! It hashes 72 octets: the password and a NUL, again and again. A password that is another one, a
//! NUL and the other one again would therefore pass for that, and is never right here.

use ::bcrypt::bcrypt;
use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Stored, text};
use crate::password::import::UnusableHash;

const KEY_OCTETS: usize = 72;
const SALT_CHARACTERS: usize = 22;
const MIN_COST: u64 = 4;
const MAX_COST: u64 = 15;

/// Some programs leave bits in the last character of the salt that mean nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

pub(in crate::password) struct Bcrypt {
    cost: u32,
    salt: [u8; 16],
    output: [u8; 23],
}

/// Reads `12$SALTHASH`.
pub(super) fn read(rest: &str) -> Result<Stored, UnusableHash> {
    let [cost, encoded] = text::parts(rest)?;
    let cost = match text::number(cost)? {
        _ if cost.len() != 2 => return Err(UnusableHash::Corrupt),
        0..MIN_COST => return Err(UnusableHash::Corrupt),
        cost @ MIN_COST..=MAX_COST => u32::try_from(cost).map_err(|_| UnusableHash::Corrupt)?,
        _ => return Err(UnusableHash::TooCostly("bcrypt has a cost of at most 15")),
    };
    let (salt, output) = encoded.split_at_checked(SALT_CHARACTERS).ok_or(UnusableHash::Corrupt)?;
    Ok(Stored::Bcrypt(Bcrypt { cost, salt: decode(salt)?, output: decode(output)? }))
}

fn decode<const N: usize>(encoded: &str) -> Result<[u8; N], UnusableHash> {
    let octets = BASE64.decode(encoded).map_err(|_| UnusableHash::Corrupt)?;
    octets.try_into().map_err(|_| UnusableHash::Corrupt)
}

/// Whether nothing of this password was left out; nobody knows what followed 72 octets.
pub(super) fn is_compared_whole(password: &str) -> bool {
    password.len() < KEY_OCTETS
}

impl Bcrypt {
    #[cfg(test)]
    pub(super) fn salt(&self) -> [u8; 16] {
        self.salt
    }

    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let mut key = Zeroizing::new([0; KEY_OCTETS]);
        let length = password.len().min(KEY_OCTETS);
        key[..length].copy_from_slice(&password[..length]);
        let key = &key[..(length + 1).min(KEY_OCTETS)];
        let output = bcrypt(self.cost, self.salt, key);
        let matches: bool = output[..self.output.len()].ct_eq(&self.output).into();
        matches && !is_repetition(key)
    }
}

/// Whether a key is what a shorter one makes, up to its first NUL.
fn is_repetition(key: &[u8]) -> bool {
    let shorter = key.iter().position(|octet| *octet == 0).map_or(key, |nul| &key[..=nul]);
    let repeated = |key| <[u8]>::iter(key).cycle().take(KEY_OCTETS);
    shorter.len() < key.len() && repeated(key).eq(repeated(shorter))
}
