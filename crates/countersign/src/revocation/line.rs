//! One revocation as feeds carry it, and a set of them as a whole.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::Ordering;

use thiserror::Error;

use super::{Entry, Key, RevocationSet, Stale};
use crate::base64url;
use crate::reason::EndReason;

/// One revocation as feeds carry it: whom it concerns is a digest, from which no id can be read.
///
/// It is written as one line, `KEY UNTIL REASON`, or `KEY UNTIL claims_changed GENERATION` where a
/// session's tokens up to a generation are stale. `KEY` is base64url of the first 12 bytes of
/// SHA-256 over `s` and the session's id, or over `t` and the token's `jti`; `UNTIL` is Unix time in
/// seconds.
///
/// ```
/// use countersign::{EndReason, Revocation, RevocationSet};
///
/// let revocation = Revocation::session("sid-1", EndReason::Logout, 1_800_000_000);
/// assert_eq!(revocation.to_string(), "fGfuSU5EBTm608OQ 1800000000 logout");
///
/// let set = RevocationSet::new();
/// assert!(set.apply("fGfuSU5EBTm608OQ 1800000000 logout".parse()?));
/// assert_eq!(set.check(Some("sid-1"), Some(0), None), Some(EndReason::Logout));
/// # Ok::<(), countersign::UnknownRevocation>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    pub(super) key: Key,
    pub(super) until: i64,
    pub(super) kind: Kind,
    /// Whether the digest may be of a token's id: a feed does not say.
    pub(super) may_be_token: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What the digest is of is over.
    Over(EndReason),
    /// Its tokens up to this generation are stale.
    Stale(u64),
}

/// The line is no revocation, or one of a kind that this version does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the line is no revocation that is known here")]
pub struct UnknownRevocation;

impl Revocation {
    /// Every token of this session is no longer good. `until` is Unix time in seconds.
    pub fn session(sid: &str, reason: EndReason, until: i64) -> Self {
        let kind = Kind::Over(reason);
        Self { key: Key::session(sid), until, kind, may_be_token: false }
    }

    /// The token with this `jti` is no longer good. `until` is Unix time in seconds.
    pub fn token(jti: &str, reason: EndReason, until: i64) -> Self {
        Self { key: Key::token(jti), until, kind: Kind::Over(reason), may_be_token: true }
    }

    /// The session's tokens up to this generation are stale. `until` is Unix time in seconds.
    pub fn generations(sid: &str, up_to: u64, until: i64) -> Self {
        let kind = Kind::Stale(up_to);
        Self { key: Key::session(sid), until, kind, may_be_token: false }
    }
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = base64url::encode(&self.key.bytes());
        match self.kind {
            Kind::Over(reason) => write!(f, "{key} {} {reason}", self.until),
            Kind::Stale(up_to) => {
                write!(f, "{key} {} {} {up_to}", self.until, EndReason::ClaimsChanged)
            }
        }
    }
}

impl FromStr for Revocation {
    type Err = UnknownRevocation;

    /// What has more words than are known here is refused; a reason that is not known is
    /// [`EndReason::Revoked`]: the token is over all the same.
    fn from_str(line: &str) -> Result<Self, UnknownRevocation> {
        let mut words = line.split(' ');
        let (Some(key), Some(until), Some(reason)) = (words.next(), words.next(), words.next())
        else {
            return Err(UnknownRevocation);
        };
        let key = base64url::decode(key).and_then(|bytes| Key::from_bytes(&bytes));
        let (Some(key), Ok(until)) = (key, until.parse()) else { return Err(UnknownRevocation) };
        let kind = match (words.next(), words.next()) {
            (None, _) => Kind::Over(reason.parse().unwrap_or(EndReason::Revoked)),
            (Some(up_to), None) if reason == EndReason::ClaimsChanged.as_str() => {
                Kind::Stale(up_to.parse().map_err(|_| UnknownRevocation)?)
            }
            _ => return Err(UnknownRevocation),
        };
        let may_be_token = matches!(kind, Kind::Over(_));
        Ok(Self { key, until, kind, may_be_token })
    }
}

impl RevocationSet {
    /// Takes a revocation in. Gives whether it is news: not known before, or for longer.
    pub fn apply(&self, revocation: Revocation) -> bool {
        let Revocation { key, until, kind, may_be_token } = revocation;
        let is_news = match kind {
            Kind::Over(reason) => self.take(key, Entry::new(reason, until)),
            Kind::Stale(up_to) => self.take_stale(key, Stale { up_to, until }),
        };
        if may_be_token {
            self.has_tokens.store(true, Ordering::Release);
        }
        is_news
    }

    /// How many parts there are: all revocations are in one of them.
    pub fn parts_len(&self) -> usize {
        self.shards.len() + 1
    }

    /// One of the parts, by its number from zero. Each is read when it is asked for, so that nobody
    /// holds all revocations nor keeps others from writing for long. What is taken in meanwhile may
    /// or may not be among them.
    ///
    /// ```
    /// use countersign::{EndReason, RevocationSet};
    ///
    /// let (set, copy) = (RevocationSet::new(), RevocationSet::new());
    /// set.revoke_session("sid-1", EndReason::Logout, 1_800_000_000);
    /// for revocation in (0..set.parts_len()).flat_map(|number| set.part(number)) {
    ///     copy.apply(revocation);
    /// }
    /// assert_eq!(copy.check(Some("sid-1"), Some(0), None), Some(EndReason::Logout));
    /// assert_eq!(copy.fingerprint(), set.fingerprint());
    /// ```
    pub fn part(&self, number: usize) -> Vec<Revocation> {
        let Some(shard) = self.shards.get(number) else { return self.stale_part(number) };
        let over = |(key, entry): (&Key, &Entry)| Revocation {
            key: *key,
            until: entry.until(),
            kind: Kind::Over(entry.reason()),
            may_be_token: self.has_tokens.load(Ordering::Acquire),
        };
        shard.read().entries.iter().map(over).collect()
    }

    fn stale_part(&self, number: usize) -> Vec<Revocation> {
        if number != self.shards.len() {
            return Vec::new();
        }
        let stale = |(key, stale): (&Key, &Stale)| Revocation {
            key: *key,
            until: stale.until,
            kind: Kind::Stale(stale.up_to),
            may_be_token: false,
        };
        self.stale.read().iter().map(stale).collect()
    }

    /// A number that two sets with the same revocations share, in whatever order they came, and that
    /// changes with every revocation. It does not say why, nor who.
    pub fn fingerprint(&self) -> u128 {
        let over = self.shards.iter().map(|shard| shard.read().fingerprint);
        let stale: Vec<u128> = self
            .stale
            .read()
            .iter()
            .map(|(key, stale)| {
                key.weighed(stale.up_to.rotate_left(32) ^ stale.until.unsigned_abs())
            })
            .collect();
        over.chain(stale).fold(0, u128::wrapping_add)
    }
}

/// Revocations that are not in a set yet, in as little memory as they take there.
#[cfg(feature = "remote")]
#[derive(Default)]
pub(crate) struct Batch {
    over: Vec<(Key, Entry)>,
    stale: Vec<(Key, Stale)>,
}

#[cfg(feature = "remote")]
impl Batch {
    pub(crate) fn push(&mut self, Revocation { key, until, kind, .. }: Revocation) {
        match kind {
            Kind::Over(reason) => self.over.push((key, Entry::new(reason, until))),
            Kind::Stale(up_to) => self.stale.push((key, Stale { up_to, until })),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.over.len() + self.stale.len()
    }
}

#[cfg(feature = "remote")]
impl RevocationSet {
    pub(crate) fn apply_all(&self, Batch { over, stale }: Batch) {
        if !over.is_empty() {
            self.has_tokens.store(true, Ordering::Release);
        }
        for (key, entry) in over {
            self.take(key, entry);
        }
        for (key, entry) in stale {
            self.take_stale(key, entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNTIL: i64 = 1_800_000_000;

    #[test]
    fn a_revocation_reads_back_as_it_was_written() {
        for revocation in [
            Revocation::session("s", EndReason::Logout, UNTIL),
            Revocation::token("t", EndReason::Revoked, UNTIL),
            Revocation::generations("s", 7, UNTIL),
        ] {
            let read: Revocation = revocation.to_string().parse().expect("a revocation");
            assert_eq!(read.to_string(), revocation.to_string());
        }
    }

    #[test]
    fn what_is_no_revocation_is_refused_and_an_unknown_reason_ends_all_the_same() {
        for line in [
            "",
            "fGfuSU5EBTm608OQ",
            "fGfuSU5EBTm608OQ 1800000000",
            "fGfuSU5EBTm608O 1800000000 logout",
            "fGfuSU5EBTm608OQAAAA 1800000000 logout",
            "fGfuSU5EBTm608OQ soon logout",
            "fGfuSU5EBTm608OQ 1800000000 logout 3",
            "fGfuSU5EBTm608OQ 1800000000 claims_changed x",
            "fGfuSU5EBTm608OQ 1800000000 claims_changed 3 4",
        ] {
            assert_eq!(line.parse::<Revocation>(), Err(UnknownRevocation), "{line}");
        }
        let set = RevocationSet::new();
        set.apply("fGfuSU5EBTm608OQ 1800000000 dusk".parse().expect("a revocation"));
        assert_eq!(set.check(Some("sid-1"), None, None), Some(EndReason::Revoked));
    }

    #[test]
    fn only_what_is_new_is_news() {
        let set = RevocationSet::new();
        let over = Revocation::session("s", EndReason::Logout, UNTIL);
        assert!(set.apply(over));
        assert!(!set.apply(over));
        assert!(!set.apply(Revocation::session("s", EndReason::Admin, UNTIL - 600)));
        assert!(set.apply(Revocation::session("s", EndReason::Logout, UNTIL + 600)));
        assert!(set.apply(Revocation::generations("s", 3, UNTIL)));
        assert!(!set.apply(Revocation::generations("s", 2, UNTIL)));
        assert!(set.apply(Revocation::generations("s", 4, UNTIL)));
    }

    #[test]
    fn a_token_from_a_feed_is_found_by_its_jti() {
        let set = RevocationSet::new();
        set.apply(Revocation::token("t", EndReason::Revoked, UNTIL));
        assert_eq!(set.check(Some("s"), Some(0), Some("t")), Some(EndReason::Revoked));
    }

    #[test]
    fn the_parts_are_the_whole_and_nothing_grows_older_on_the_way() {
        let (set, copy) = (RevocationSet::new(), RevocationSet::new());
        for count in 0..1_000 {
            set.revoke_session(&count.to_string(), EndReason::Logout, UNTIL + count);
            set.revoke_token(&count.to_string(), EndReason::Revoked, UNTIL + count);
        }
        set.stale_generations("a", 3, UNTIL);
        for revocation in (0..set.parts_len()).flat_map(|number| set.part(number)) {
            assert!(copy.apply(revocation));
        }
        assert_eq!((copy.len(), copy.fingerprint()), (set.len(), set.fingerprint()));
        assert_eq!(copy.part(copy.parts_len()), []);
    }

    #[test]
    fn the_fingerprint_is_of_what_is_revoked_and_not_of_how_it_came() {
        let (one, other) = (RevocationSet::new(), RevocationSet::new());
        assert_eq!(one.fingerprint(), other.fingerprint());
        for (set, ids) in [(&one, ["a", "b"]), (&other, ["b", "a"])] {
            for id in ids {
                set.revoke_session(id, EndReason::Logout, UNTIL);
            }
        }
        assert_eq!(one.fingerprint(), other.fingerprint());
        let mut seen = vec![one.fingerprint()];
        let mut assert_new = |set: &RevocationSet| {
            assert!(!seen.contains(&set.fingerprint()));
            seen.push(set.fingerprint());
        };
        one.revoke_token("c", EndReason::Logout, UNTIL);
        assert_new(&one);
        one.stale_generations("c", 3, UNTIL);
        assert_new(&one);
        one.stale_generations("c", 4, UNTIL);
        assert_new(&one);
        for id in ["a", "b"] {
            one.revoke_session(id, EndReason::Logout, UNTIL + 600);
            assert_new(&one);
        }
        one.purge(UNTIL + 300);
        other.purge(UNTIL + 3_000);
        assert_eq!(other.fingerprint(), 0);
        let left = RevocationSet::new();
        for id in ["a", "b"] {
            left.revoke_session(id, EndReason::Admin, UNTIL + 600);
        }
        assert_eq!(one.fingerprint(), left.fingerprint(), "what is over counts no more");
    }
}
