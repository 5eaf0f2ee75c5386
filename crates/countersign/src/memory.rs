//! Tokens whose signature was right, so that it need not be checked again.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::verifier::Verified;
use crate::verifying_key::Fingerprint;

const SHARDS: usize = 16;

#[derive(Clone)]
pub(crate) struct Remembered {
    pub(crate) verified: Arc<Verified>,
    pub(crate) key: Fingerprint,
}

/// Holds about `capacity` tokens, never more. What was not asked for since half as many came is
/// forgotten.
///
/// They are compared as they are. A digest of each would take longer than all else that a check of a
/// remembered token does.
pub(crate) struct Memory {
    shards: [RwLock<Generations>; SHARDS],
    half: usize,
}

#[derive(Default)]
struct Generations {
    recent: HashMap<Box<str>, Remembered>,
    older: HashMap<Box<str>, Remembered>,
}

impl Memory {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { shards: Default::default(), half: capacity / (2 * SHARDS) }
    }

    pub(crate) fn find(&self, token: &str) -> Option<Remembered> {
        let generations = self.shard(token).read();
        if let Some(found) = generations.recent.get(token) {
            return Some(found.clone());
        }
        let found = generations.older.get(token).cloned()?;
        drop(generations);
        self.insert(token, found.clone());
        Some(found)
    }

    pub(crate) fn insert(&self, token: &str, remembered: Remembered) {
        let mut generations = self.shard(token).write();
        if generations.recent.len() >= self.half {
            generations.older = mem::take(&mut generations.recent);
        }
        if self.half > 0 {
            generations.recent.insert(token.into(), remembered);
        }
    }

    /// By the end of the token: a signature's bytes are as good as random.
    fn shard(&self, token: &str) -> &RwLock<Generations> {
        let end: usize = token.bytes().rev().take(8).map(usize::from).sum();
        &self.shards[end % SHARDS]
    }
}
