//! What is no longer good, in memory: asked at every check, without a call to anyone.

mod entry;
mod key;
mod line;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::RwLock;

use self::entry::Entry;
use self::key::{Key, Prefix, SHARDS};
#[cfg(feature = "remote")]
pub(crate) use self::line::Batch;
pub use self::line::{Revocation, UnknownRevocation};
use crate::reason::EndReason;

/// The sessions and tokens that are no longer good, each until the last token it concerns would
/// have expired anyway.
///
/// Ten million entries take at most 40 bytes each on average, and a look-up well under a
/// microsecond. Writers lock a part of the set only, and the parts grow at different times.
///
/// ```
/// use countersign::{EndReason, RevocationSet};
///
/// let revocations = RevocationSet::new();
/// revocations.revoke_session("sid-1", EndReason::Logout, 1_800_000_000);
/// assert_eq!(revocations.check(Some("sid-1"), Some(0), None), Some(EndReason::Logout));
/// assert_eq!(revocations.check(Some("sid-2"), Some(0), None), None);
/// ```
pub struct RevocationSet {
    shards: Vec<RwLock<Shard>>,
    /// Whether there may be tokens among the entries, and not sessions alone.
    has_tokens: AtomicBool,
    stale: RwLock<HashMap<Key, Stale>>,
    stale_sessions: AtomicUsize,
}

#[derive(Default)]
struct Shard {
    entries: HashMap<Key, Entry, BuildHasherDefault<Prefix>>,
    /// Of all entries together, see [`RevocationSet::fingerprint`].
    fingerprint: u128,
}

struct Stale {
    up_to: u64,
    until: i64,
}

/// It shows how many there are: whose they are cannot be told from it.
impl fmt::Debug for RevocationSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationSet").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Default for RevocationSet {
    fn default() -> Self {
        Self::new()
    }
}

impl RevocationSet {
    /// A set in which nothing is revoked.
    pub fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            has_tokens: AtomicBool::new(false),
            stale: RwLock::default(),
            stale_sessions: AtomicUsize::new(0),
        }
    }

    /// Every token of this session is no longer good. `until` is Unix time in seconds.
    ///
    /// Applied twice, the first reason stays and the later `until` counts.
    pub fn revoke_session(&self, sid: &str, reason: EndReason, until: i64) {
        self.apply(Revocation::session(sid, reason, until));
    }

    /// The token with this `jti` is no longer good. `until` is Unix time in seconds.
    pub fn revoke_token(&self, jti: &str, reason: EndReason, until: i64) {
        self.apply(Revocation::token(jti, reason, until));
    }

    /// The session's tokens up to this generation are stale: [`EndReason::ClaimsChanged`]. `until`
    /// is Unix time in seconds.
    pub fn stale_generations(&self, sid: &str, up_to: u64, until: i64) {
        self.apply(Revocation::generations(sid, up_to, until));
    }

    /// Why a token with these claims is no longer good; `None` while it is.
    pub fn check(
        &self,
        sid: Option<&str>,
        generation: Option<u64>,
        jti: Option<&str>,
    ) -> Option<EndReason> {
        let session = sid.map(Key::session);
        if let Some(entry) = session.and_then(|key| self.find(key)) {
            return Some(entry.reason());
        }
        if self.has_tokens.load(Ordering::Acquire)
            && let Some(entry) = jti.map(Key::token).and_then(|key| self.find(key))
        {
            return Some(entry.reason());
        }
        if self.stale_sessions.load(Ordering::Acquire) > 0
            && let (Some(key), Some(generation)) = (session, generation)
            && self.stale.read().get(&key).is_some_and(|stale| generation <= stale.up_to)
        {
            return Some(EndReason::ClaimsChanged);
        }
        None
    }

    /// Forgets what stopped to matter before `now`, Unix time in seconds; what matters for less
    /// than a minute more is kept that long.
    pub fn purge(&self, now: i64) {
        let minute = now.div_euclid(60);
        for shard in &self.shards {
            let Shard { entries, fingerprint } = &mut *shard.write();
            entries.retain(|key, entry| {
                let stays = entry.minute() >= minute;
                if !stays {
                    *fingerprint = fingerprint.wrapping_sub(entry.weight(*key));
                }
                stays
            });
            if entries.capacity() > 4 * entries.len().max(64) {
                entries.shrink_to_fit();
            }
        }
        let mut stale = self.stale.write();
        stale.retain(|_, stale| stale.until >= now);
        self.stale_sessions.store(stale.len(), Ordering::Release);
    }

    /// How many revocations are remembered.
    pub fn len(&self) -> usize {
        let sessions_and_tokens: usize =
            self.shards.iter().map(|shard| shard.read().entries.len()).sum();
        sessions_and_tokens + self.stale.read().len()
    }

    /// Whether nothing is revoked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives whether the key is new, or is kept for longer.
    fn take(&self, key: Key, entry: Entry) -> bool {
        let Shard { entries, fingerprint } = &mut *self.shards[key.shard()].write();
        let Some(kept) = entries.get_mut(&key) else {
            entries.insert(key, entry);
            *fingerprint = fingerprint.wrapping_add(entry.weight(key));
            return true;
        };
        if kept.minute() >= entry.minute() {
            return false;
        }
        let (before, minute) = (kept.weight(key), (1 << Entry::MINUTES) - 1);
        *kept = Entry(kept.0 & !minute | entry.0 & minute);
        *fingerprint = fingerprint.wrapping_sub(before).wrapping_add(kept.weight(key));
        true
    }

    /// Gives whether more is stale, or for longer.
    fn take_stale(&self, key: Key, Stale { up_to, until }: Stale) -> bool {
        let mut stale = self.stale.write();
        let new = !stale.contains_key(&key);
        let entry = stale.entry(key).or_insert(Stale { up_to, until });
        let more = up_to > entry.up_to || until > entry.until;
        entry.up_to = entry.up_to.max(up_to);
        entry.until = entry.until.max(until);
        self.stale_sessions.store(stale.len(), Ordering::Release);
        new || more
    }

    fn find(&self, key: Key) -> Option<Entry> {
        self.shards[key.shard()].read().entries.get(&key).copied()
    }
}
