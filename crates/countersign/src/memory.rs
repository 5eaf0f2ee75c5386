//! Tokens whose signature was right, so that it need not be checked again.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use aws_lc_rs::digest;
use parking_lot::RwLock;

use crate::claims::allocated;
use crate::verifier::Verified;
use crate::verifying_key::Fingerprint;

const SHARDS: usize = 16;
/// Bytes for each token that may be remembered. Most take less; a token with many claims takes more.
pub(crate) const BYTES_PER_TOKEN: usize = 2 * 1024;
/// Bytes of a slot in a table, of which up to half are empty.
const SLOT: usize = 2 * (size_of::<TokenHash>() + size_of::<Remembered>() + 1);

/// The SHA-256 of a whole token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenHash([u8; digest::SHA256_OUTPUT_LEN]);

#[derive(Clone)]
pub(crate) struct Remembered {
    pub(crate) verified: Arc<Verified>,
    pub(crate) key: Fingerprint,
}

impl Remembered {
    fn footprint(&self) -> usize {
        let Verified { claims, key_id } = &*self.verified;
        let key_id = key_id.as_ref().map_or(0, |key_id| allocated(key_id.capacity()));
        SLOT + allocated(size_of::<Verified>()) + key_id + claims.footprint()
    }
}

/// Holds at most `capacity` tokens and [`BYTES_PER_TOKEN`] for each, together. Tokens that were not
/// looked up while half as many were added are removed.
pub(crate) struct Memory {
    shards: [RwLock<Generations>; SHARDS],
    half: usize,
}

#[derive(Default)]
struct Generations {
    recent: HashMap<TokenHash, Remembered>,
    older: HashMap<TokenHash, Remembered>,
    /// Bytes of the recent tokens.
    bytes: usize,
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
        let (bytes, budget) = (remembered.footprint(), self.half * BYTES_PER_TOKEN);
        if bytes > budget {
            return;
        }
        let mut generations = self.shard(&hash).write();
        if generations.recent.len() >= self.half || generations.bytes + bytes > budget {
            generations.older = mem::take(&mut generations.recent);
            generations.bytes = 0;
        }
        if generations.recent.insert(hash, remembered).is_none() {
            generations.bytes += bytes;
        }
    }

    fn shard(&self, hash: &TokenHash) -> &RwLock<Generations> {
        &self.shards[usize::from(hash.0[0]) % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::algorithm::Algorithm;
    use crate::claims::Claims;
    use crate::signing_key::SigningKey;

    impl Memory {
        /// Tokens and bytes that it holds, counted anew.
        fn held(&self) -> (usize, usize) {
            let shards = self.shards.iter().map(|shard| {
                let shard = shard.read();
                let all = shard.recent.values().chain(shard.older.values());
                all.fold((0, 0), |(count, bytes), one| (count + 1, bytes + one.footprint()))
            });
            shards.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
        }
    }

    fn remembered(roles: usize) -> Remembered {
        let mut claims: Map<String, Value> = Map::new();
        claims.insert("exp".to_owned(), 1.into());
        claims.insert("roles".to_owned(), json!(vec!["role"; roles]));
        let claims = Claims::new(claims).expect("there is an end");
        let key = SigningKey::generate(Algorithm::Es256, None).expect("a key");
        let verified = Arc::new(Verified { claims, key_id: Some("a".repeat(43)) });
        Remembered { verified, key: key.verifying_key().fingerprint() }
    }

    #[test]
    fn neither_many_tokens_nor_large_ones_take_more_than_the_budget() {
        for roles in [0, 10, 100] {
            let (memory, one) = (Memory::new(1_000), remembered(roles));
            for number in 0..5_000 {
                memory.insert(TokenHash::of(&number.to_string()), one.clone());
            }
            let (count, bytes) = memory.held();
            assert!(count <= 1_000, "{count} with {roles} roles");
            assert!(bytes <= 1_000 * BYTES_PER_TOKEN, "{bytes} with {roles} roles");
            assert!(bytes > 400 * BYTES_PER_TOKEN || count > 450, "{count} with {roles} roles");
        }
    }

    #[test]
    fn a_token_that_is_larger_than_a_part_is_not_remembered() {
        let memory = Memory::new(1_000);
        memory.insert(TokenHash::of("large"), remembered(10_000));
        assert_eq!(memory.held(), (0, 0));
    }
}
