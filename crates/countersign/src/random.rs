//! The one place that makes randomness.

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use uuid::{Builder, Uuid};

/// A random UUID (RFC 9562, section 5.4).
pub(crate) fn uuid() -> Result<Uuid, Unspecified> {
    Ok(Builder::from_random_bytes(bytes()?).into_uuid())
}

/// A UUID that sorts by this Unix time in milliseconds (RFC 9562, section 5.7).
pub(crate) fn uuid_of(unix_millis: i64) -> Result<Uuid, Unspecified> {
    let millis = u64::try_from(unix_millis).unwrap_or(0);
    Ok(Builder::from_unix_timestamp_millis(millis, &bytes()?).into_uuid())
}

fn bytes<const N: usize>() -> Result<[u8; N], Unspecified> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes)?;
    Ok(bytes)
}
