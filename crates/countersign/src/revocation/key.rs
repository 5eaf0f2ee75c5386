//! What is looked up.

use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

use aws_lc_rs::digest;

/// How many parts a set has.
pub(super) const SHARDS: usize = 64;

/// Ids of less than this many bytes are put behind their kind on the stack: one call over them takes
/// half the time of a digest in steps.
const ON_STACK: usize = 64;

/// What is looked up: 96 bits of SHA-256 over the kind and the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key([u32; 3]);

impl Key {
    fn of(kind: u8, id: &str) -> Self {
        let digest = if id.len() < ON_STACK {
            let mut bytes = [kind; ON_STACK];
            bytes[1..=id.len()].copy_from_slice(id.as_bytes());
            digest::digest(&digest::SHA256, &bytes[..=id.len()])
        } else {
            digest::digest(&digest::SHA256, &[&[kind], id.as_bytes()].concat())
        };
        Self::read(digest.as_ref())
    }

    /// Of the first 12 bytes.
    fn read(bytes: &[u8]) -> Self {
        let mut words = [0; 3];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
            *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        Self(words)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == 12).then(|| Self::read(bytes))
    }

    pub(super) fn bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        for (bytes, word) in bytes.chunks_exact_mut(4).zip(self.0) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// What a fingerprint counts for this key with this value: sums of it do not cancel out, since
    /// keys are digests.
    pub(super) fn weighed(self, value: u64) -> u128 {
        let [a, b, c] = self.0.map(u128::from);
        (a << 64 | b << 32 | c).wrapping_mul(2 * u128::from(value) + 1)
    }

    pub(super) fn session(sid: &str) -> Self {
        Self::of(b's', sid)
    }

    pub(super) fn token(jti: &str) -> Self {
        Self::of(b't', jti)
    }

    /// Parts get unequal shares, each 2^(1/64) times that of the one before, so that they do not
    /// all grow when one does.
    pub(super) fn shard(self) -> usize {
        const STEPS: usize = 4096;
        static SHARES: LazyLock<Vec<u8>> = LazyLock::new(|| {
            let end = |shard: usize| {
                let part = f64::from(u32::try_from(shard + 1).unwrap_or(0)) / 64.0;
                (part.exp2() - 1.0) * 4096.0
            };
            let mut shard = 0;
            (0_u32..4096)
                .map(|step| {
                    while usize::from(shard) + 1 < SHARDS
                        && f64::from(step) >= end(usize::from(shard))
                    {
                        shard += 1;
                    }
                    shard
                })
                .collect()
        });
        usize::from(SHARES[self.0[2] as usize % STEPS])
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.0[0]) << 32 | u64::from(self.0[1]));
    }
}

/// A key is a digest already: its first 64 bits are as good a hash as any.
#[derive(Default)]
pub(super) struct Prefix(u64);

impl Hasher for Prefix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}
