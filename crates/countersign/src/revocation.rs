//! What is no longer good, in memory: asked at every check, without a call to anyone.

mod line;

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use aws_lc_rs::digest;
use parking_lot::RwLock;

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

const SHARDS: usize = 64;

/// Ids of less than this many bytes are put behind their kind on the stack: one call over them takes
/// half the time of a digest in steps.
const ON_STACK: usize = 64;

/// What is looked up: 96 bits of SHA-256 over the kind and the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key([u32; 3]);

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

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == 12).then(|| Self::read(bytes))
    }

    fn bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        for (bytes, word) in bytes.chunks_exact_mut(4).zip(self.0) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// What a fingerprint counts for this key with this value: sums of it do not cancel out, since
    /// keys are digests.
    fn weighed(self, value: u64) -> u128 {
        let [a, b, c] = self.0.map(u128::from);
        (a << 64 | b << 32 | c).wrapping_mul(2 * u128::from(value) + 1)
    }

    fn session(sid: &str) -> Self {
        Self::of(b's', sid)
    }

    fn token(jti: &str) -> Self {
        Self::of(b't', jti)
    }

    /// Parts get unequal shares, each 2^(1/64) times that of the one before, so that they do not
    /// all grow when one does.
    fn shard(self) -> usize {
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
struct Prefix(u64);

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

/// The reason in the upper 5 bits, the minute until which it matters in the lower 27.
#[derive(Clone, Copy)]
struct Entry(u32);

impl Entry {
    const MINUTES: u32 = 27;

    fn new(reason: EndReason, until: i64) -> Self {
        let minute =
            u32::try_from(until.div_euclid(60) + 1).unwrap_or(if until < 0 { 0 } else { u32::MAX });
        let minute = minute.min((1 << Self::MINUTES) - 1);
        Self(u32::from(reason.code()) << Self::MINUTES | minute)
    }

    /// The last second of which the same entry is made again.
    fn until(self) -> i64 {
        self.minute() * 60 - 1
    }

    fn weight(self, key: Key) -> u128 {
        key.weighed(self.minute().unsigned_abs())
    }

    fn minute(self) -> i64 {
        i64::from(self.0 & ((1 << Self::MINUTES) - 1))
    }

    /// What cannot be read is no way in.
    fn reason(self) -> EndReason {
        let code = u8::try_from(self.0 >> Self::MINUTES).unwrap_or(u8::MAX);
        EndReason::from_code(code).unwrap_or(EndReason::Revoked)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const UNTIL: i64 = 1_800_000_000;

    #[test]
    fn a_revoked_session_takes_all_its_tokens_with_it() {
        let set = RevocationSet::new();
        set.revoke_session("a", EndReason::LogoutAll, UNTIL);
        assert_eq!(set.check(Some("a"), Some(7), Some("t")), Some(EndReason::LogoutAll));
        assert_eq!(set.check(Some("b"), Some(7), Some("t")), None);
        assert_eq!(set.check(None, None, None), None);
        assert_eq!(set.check(None, None, Some("a")), None, "a session's id is no token's");
    }

    #[test]
    fn a_revoked_token_leaves_its_session_alone() {
        let set = RevocationSet::new();
        set.revoke_token("t", EndReason::Revoked, UNTIL);
        assert_eq!(set.check(Some("a"), Some(0), Some("t")), Some(EndReason::Revoked));
        assert_eq!(set.check(Some("a"), Some(0), Some("u")), None);
    }

    #[test]
    fn stale_generations_end_where_the_next_one_begins() {
        let set = RevocationSet::new();
        set.stale_generations("a", 3, UNTIL);
        set.stale_generations("a", 2, UNTIL);
        assert_eq!(set.check(Some("a"), Some(3), None), Some(EndReason::ClaimsChanged));
        assert_eq!(set.check(Some("a"), Some(4), None), None);
        assert_eq!(set.check(Some("a"), None, None), None, "a token without generations");
        set.revoke_session("a", EndReason::Logout, UNTIL);
        assert_eq!(set.check(Some("a"), Some(3), None), Some(EndReason::Logout));
    }

    #[test]
    fn applying_twice_changes_nothing_but_a_longer_time_counts() {
        let set = RevocationSet::new();
        set.revoke_session("a", EndReason::Logout, UNTIL);
        set.revoke_session("a", EndReason::Admin, UNTIL + 600);
        set.revoke_session("a", EndReason::Limit, UNTIL - 600);
        assert_eq!(set.len(), 1);
        set.purge(UNTIL + 600);
        assert_eq!(set.check(Some("a"), None, None), Some(EndReason::Logout));
        set.purge(UNTIL + 661 + 60);
        assert_eq!(set.check(Some("a"), None, None), None);
    }

    #[test]
    fn nothing_is_forgotten_before_its_time() {
        let set = RevocationSet::new();
        set.revoke_session("a", EndReason::Logout, UNTIL);
        set.revoke_token("t", EndReason::Revoked, UNTIL);
        set.stale_generations("b", 1, UNTIL);
        set.purge(UNTIL);
        assert_eq!(set.len(), 3);
        for odd in [i64::MIN, -1, 0, i64::MAX] {
            set.revoke_session("odd", EndReason::Logout, odd.min(i64::MAX - 60));
            set.purge(odd.min(0));
        }
        assert_eq!(set.check(Some("odd"), None, None), Some(EndReason::Logout));
    }

    #[test]
    fn an_entry_takes_at_most_forty_bytes_on_average_at_any_size() {
        let set = RevocationSet::new();
        let slot = size_of::<(Key, Entry)>() + 1;
        assert_eq!(slot, 17);
        for count in 0..400_000_u32 {
            set.revoke_session(&count.to_string(), EndReason::Logout, UNTIL);
            if count > 100_000 && count % 20_000 == 0 {
                let slots = |shard: &RwLock<Shard>| {
                    (shard.read().entries.capacity() * 8 / 7).next_power_of_two()
                };
                let bytes: usize = set.shards.iter().map(|shard| slots(shard) * slot).sum();
                let average = bytes / usize::try_from(count).expect("fits");
                assert!(average <= 40, "{average} bytes at {count}");
            }
        }
    }

    #[test]
    fn the_parts_do_not_all_grow_at_once() {
        let set = RevocationSet::new();
        for count in 0..100_000 {
            set.revoke_session(&count.to_string(), EndReason::Logout, UNTIL);
        }
        let capacities: Vec<usize> =
            set.shards.iter().map(|shard| shard.read().entries.capacity()).collect();
        let smallest = capacities.iter().min().expect("there are parts");
        let larger = capacities.iter().filter(|capacity| *capacity > smallest).count();
        assert!((16..48).contains(&larger), "{larger} of {SHARDS} have grown");
    }
}
