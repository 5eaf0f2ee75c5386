//! Tokens whose signature was right, so that it need not be checked again.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use aws_lc_rs::digest;
use parking_lot::RwLock;

use crate::verifier::Verified;
use crate::verifying_key::Fingerprint;

const SHARDS: usize = 16;

/// The SHA-256 of a whole token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenHash([u8; digest::SHA256_OUTPUT_LEN]);

#[derive(Clone)]
pub(crate) struct Remembered {
    pub(crate) verified: Arc<Verified>,
    pub(crate) key: Fingerprint,
}

/// Holds about `capacity` tokens, never more. What was not asked for since half as many came is
/// forgotten.
pub(crate) struct Memory {
    shards: [RwLock<Generations>; SHARDS],
    half: usize,
}

#[derive(Default)]
struct Generations {
    recent: HashMap<TokenHash, Remembered>,
    older: HashMap<TokenHash, Remembered>,
}

impl TokenHash {
    pub(crate) fn of(token: &str) -> Self {
        let mut hash = [0; digest::SHA256_OUTPUT_LEN];
        hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        Self(hash)
    }
}

impl Memory {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { shards: Default::default(), half: capacity / (2 * SHARDS) }
    }

    pub(crate) fn find(&self, hash: &TokenHash) -> Option<Remembered> {
        let generations = self.shard(hash).read();
        if let Some(found) = generations.recent.get(hash) {
            return Some(found.clone());
        }
        let found = generations.older.get(hash).cloned()?;
        drop(generations);
        self.insert(*hash, found.clone());
        Some(found)
    }

    pub(crate) fn insert(&self, hash: TokenHash, remembered: Remembered) {
        let mut generations = self.shard(&hash).write();
        if generations.recent.len() >= self.half {
            generations.older = mem::take(&mut generations.recent);
        }
        if self.half > 0 {
            generations.recent.insert(hash, remembered);
        }
    }

    fn shard(&self, hash: &TokenHash) -> &RwLock<Generations> {
        &self.shards[usize::from(hash.0[0]) % SHARDS]
    }
}
