//! PBKDF2 (RFC 8018, section 5.2), which four other systems write in four ways.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;

use super::Stored;
use crate::password::import::UnusableHash;

/// Rounds, times how often the output is longer than what the pseudorandom function gives.
const MAX_ROUNDS: u64 = 2_000_000;

/// Fewer octets could be met by chance; no form has more.
const OUTPUT_OCTETS: std::ops::RangeInclusive<usize> = 16..=64;

/// The pseudorandom function: HMAC with one of these.
#[derive(Clone, Copy)]
pub(super) enum Prf {
    Sha1,
    Sha256,
    Sha512,
}

impl Prf {
    /// How many octets one run of all rounds gives.
    fn octets(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    fn algorithm(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

pub(in crate::password) struct Pbkdf2 {
    prf: Prf,
    rounds: NonZeroU32,
    salt: Vec<u8>,
    output: Vec<u8>,
}

/// A hash of these parts, within the bounds.
pub(super) fn stored(
    prf: Prf,
    rounds: u64,
    salt: Vec<u8>,
    output: Vec<u8>,
) -> Result<Stored, UnusableHash> {
    if !OUTPUT_OCTETS.contains(&output.len()) {
        return Err(UnusableHash::Corrupt);
    }
    let runs = output.len().div_ceil(prf.octets()) as u64;
    if rounds.saturating_mul(runs) > MAX_ROUNDS {
        return Err(UnusableHash::TooCostly(
            "PBKDF2 has at most 2,000,000 rounds, for all parts of its output together",
        ));
    }
    let rounds = u32::try_from(rounds).ok().and_then(NonZeroU32::new);
    let rounds = rounds.ok_or(UnusableHash::Corrupt)?;
    Ok(Stored::Pbkdf2(Pbkdf2 { prf, rounds, salt, output }))
}

impl Pbkdf2 {
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let Self { prf, rounds, salt, output } = self;
        pbkdf2::verify(prf.algorithm(), *rounds, salt, password, output).is_ok()
    }
}
