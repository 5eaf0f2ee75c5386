//! How numbers and octets are written in hashes.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::password::import::UnusableHash;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A decimal number, without a sign.
pub(super) fn number(text: &str) -> Result<u64, UnusableHash> {
    if text.is_empty() || !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(UnusableHash::Corrupt);
    }
    // More than fits is more than any bound.
    Ok(text.parse().unwrap_or(u64::MAX))
}

/// Base64 in its usual alphabet, padded or not.
pub(super) fn base64(text: &str) -> Result<Vec<u8>, UnusableHash> {
    BASE64.decode(text).map_err(|_| UnusableHash::Corrupt)
}

/// Hexadecimal digits of either case.
pub(super) fn hex(text: &str) -> Result<Vec<u8>, UnusableHash> {
    let digits = text.bytes().map(|octet| char::from(octet).to_digit(16));
    let digits: Option<Vec<u32>> = digits.collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0).ok_or(UnusableHash::Corrupt)?;
    let octet = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair[1]).ok();
    digits.chunks(2).map(octet).collect::<Option<_>>().ok_or(UnusableHash::Corrupt)
}

/// Exactly so many parts, with `$` between them.
pub(super) fn parts<const N: usize>(text: &str) -> Result<[&str; N], UnusableHash> {
    let parts: Vec<&str> = text.split('$').collect();
    parts.try_into().map_err(|_| UnusableHash::Corrupt)
}
