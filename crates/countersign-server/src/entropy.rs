//! The one place that draws randomness.

use std::sync::Arc;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::clock::Time;

/// Where randomness comes from: the operating system, or a test's seed.
#[derive(Clone)]
pub enum Entropy {
    /// The operating system's generator.
    System,
    /// The same bytes for the same seed.
    Seeded(Arc<Mutex<StdRng>>),
}

impl Entropy {
    /// Entropy that can be repeated, for tests alone.
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// Fills `buffer`.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing safe can be done then.
    #[expect(clippy::disallowed_methods, reason = "this is the one file that may")]
    pub fn fill(&self, buffer: &mut [u8]) {
        match self {
            Self::System => getrandom::fill(buffer).expect("the operating system has randomness"),
            Self::Seeded(generator) => generator.lock().fill_bytes(buffer),
        }
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A number below `bound`, near enough to uniform for jitter.
    pub fn below(&self, bound: u64) -> u64 {
        u64::from_le_bytes(self.bytes()) % bound.max(1)
    }

    /// As [`Entropy::uuid`], and larger than those of the same millisecond with a smaller `ordinal`
    /// (RFC 9562, section 6.2, method 1): of 34 bits, in the place of as many random ones.
    pub fn uuid_in_order(&self, now: Time, ordinal: u64) -> Uuid {
        let millis = u64::try_from(now.0).unwrap_or(0);
        let mut bytes: [u8; 10] = self.bytes();
        let octet = |shift: u32| (ordinal >> shift).to_le_bytes()[0];
        // Twelve bits, then six beside the variant, then the rest.
        bytes[..5].copy_from_slice(&[octet(30), octet(22), octet(16), octet(8), octet(0)]);
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }

    /// A UUID of version 7 (RFC 9562, section 5.7), the id of every row that has one.
    pub fn uuid(&self, now: Time) -> Uuid {
        let millis = u64::try_from(now.0).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_moment_stand_in_the_order_of_their_ordinals() {
        let id = |ordinal| Entropy::System.uuid_in_order(Time(1_767_323_045_000), ordinal);
        let ordinals = (0..34).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        let mut ordinals: Vec<u64> = ordinals.collect();
        ordinals.sort_unstable();
        ordinals.dedup();
        let ids: Vec<Uuid> = ordinals.into_iter().map(id).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        assert_ne!(id(7), id(7), "the rest is random");
    }
}
