//! The identifiers that were looked for and not found.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::memory::TokenHash;

/// How many are remembered. Tokens name what they like, so there is no end to them.
const MAX: usize = 1_000;

/// Identifiers for which the issuer was asked in vain, each for some time. They come from tokens that
/// nobody has verified, and are kept as digests.
#[derive(Default)]
pub(super) struct Unknown(HashMap<TokenHash, Instant>);

impl Unknown {
    /// Whether `kid` was looked for in vain lately.
    pub(super) fn contains(&self, kid: &str, now: Instant) -> bool {
        self.0.get(&TokenHash::of(kid)).is_some_and(|until| *until > now)
    }

    /// Remembers `kid` for `life`.
    pub(super) fn insert(&mut self, kid: &str, now: Instant, life: Duration) {
        if self.0.len() >= MAX {
            self.0.retain(|_, until| *until > now);
        }
        // All are asked for again then, which the pause between two fetches bounds.
        if self.0.len() >= MAX {
            self.0.clear();
        }
        self.0.insert(TokenHash::of(kid), now + life);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_found_is_remembered_for_its_time_and_within_bounds() {
        let (mut unknown, now, life) = (Unknown::default(), Instant::now(), Duration::from_mins(1));
        unknown.insert("k1", now, life);
        assert!(unknown.contains("k1", now));
        assert!(!unknown.contains("k2", now));
        assert!(!unknown.contains("k1", now + life));
        for number in 0..3 * MAX {
            unknown.insert(&number.to_string(), now, life);
            assert!(unknown.0.len() <= MAX);
        }
    }
}
