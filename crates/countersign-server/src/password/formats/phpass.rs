//! phpass' portable hashes, of `WordPress` (`$P$`) and phpBB (`$H$`): MD5 again and again.

use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq;

use super::Stored;
use crate::password::import::UnusableHash;

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SALT_CHARACTERS: usize = 8;
const HASH_CHARACTERS: usize = 22;
const MIN_LOG_ROUNDS: usize = 7;
const MAX_LOG_ROUNDS: usize = 19;
/// Rounds times blocks of the password, since each round hashes all of it: about half a second. With
/// 2^17 rounds, passwords of up to 2,023 octets are within; with 2^19, of up to 487.
const MAX_BLOCKS: u64 = 1 << 22;

pub(in crate::password) struct Phpass {
    rounds: u32,
    salt: Vec<u8>,
    /// As it is written.
    hash: Vec<u8>,
}

/// Reads a character that tells the rounds, the salt and the hash.
pub(super) fn read(rest: &str) -> Result<Stored, UnusableHash> {
    let octets = rest.as_bytes();
    let known = octets.iter().all(|octet| ALPHABET.contains(octet));
    if !known || octets.len() != 1 + SALT_CHARACTERS + HASH_CHARACTERS {
        return Err(UnusableHash::Corrupt);
    }
    let rounds = match ALPHABET.iter().position(|octet| *octet == octets[0]) {
        Some(log) if log > MAX_LOG_ROUNDS => {
            return Err(UnusableHash::TooCostly("phpass has at most 2^19 rounds"));
        }
        Some(log) if log >= MIN_LOG_ROUNDS => 1 << log,
        _ => return Err(UnusableHash::Corrupt),
    };
    let (salt, hash) = octets[1..].split_at(SALT_CHARACTERS);
    Ok(Stored::Phpass(Phpass { rounds, salt: salt.into(), hash: hash.into() }))
}

impl Phpass {
    /// `None` for a password that is too long for so many rounds.
    pub(super) fn matches(&self, password: &[u8]) -> Option<bool> {
        if u64::from(self.rounds) * blocks(password) > MAX_BLOCKS {
            return None;
        }
        let digest = |before: &[u8]| Md5::new().chain_update(before).chain_update(password);
        let first = digest(&self.salt).finalize();
        let last = (0..self.rounds).fold(first, |before, _| digest(&before).finalize());
        Some(encode(&last).ct_eq(&self.hash).into())
    }
}

/// How many blocks of 64 octets MD5 makes of a digest, the password, and its own 9 octets or more.
fn blocks(password: &[u8]) -> u64 {
    (16 + password.len() as u64 + 9).div_ceil(64)
}

/// Three octets, the first one lowest, make four characters, the first one lowest.
fn encode(octets: &[u8]) -> Vec<u8> {
    let characters = |octets: &[u8]| {
        let number = octets.iter().rev().fold(0, |number, octet| number << 8 | usize::from(*octet));
        (0..=octets.len()).map(move |index| ALPHABET[number >> (6 * index) & 63])
    };
    octets.chunks(3).flat_map(characters).collect()
}
