//! Puts sessions together.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{BuildError, Inner, SessionStore, Sessions};
use crate::clock::Clock;
use crate::freshness::Freshness;
use crate::issuer::Issuer;
use crate::refresh::{Uses, Windows};
use crate::refresh_token::RefreshTokens;
use crate::revocation::RevocationSet;

const DAY: Duration = Duration::from_hours(24);

/// Puts [`Sessions`] together; see [`Sessions::builder`].
#[must_use]
pub struct SessionsBuilder<S> {
    store: S,
    issuer: Issuer,
    refresh_tokens: RefreshTokens,
    idle_ttl: Duration,
    absolute_ttl: Duration,
    max_per_user: usize,
    windows: Windows,
    longest_lifetime: Duration,
    max_staleness: Option<Duration>,
    revocations: Arc<RevocationSet>,
    clock: Clock,
}

impl<S: SessionStore> SessionsBuilder<S> {
    pub(super) fn new(store: S, issuer: Issuer, refresh_tokens: RefreshTokens) -> Self {
        Self {
            longest_lifetime: issuer.default_lifetime(),
            store,
            issuer,
            refresh_tokens,
            idle_ttl: 30 * DAY,
            absolute_ttl: 90 * DAY,
            max_per_user: 100,
            windows: Windows::default(),
            max_staleness: None,
            revocations: Arc::default(),
            clock: Clock::default(),
        }
    }

    /// How long a session lives without a refresh; 30 days, if not said.
    pub fn idle_ttl(mut self, ttl: Duration) -> Self {
        self.idle_ttl = ttl;
        self
    }

    /// How long a session lives in any case; 90 days, if not said.
    pub fn absolute_ttl(mut self, ttl: Duration) -> Self {
        self.absolute_ttl = ttl;
        self
    }

    /// How many live sessions a user may have; beyond it a login ends the oldest. 100, if not said.
    pub fn max_per_user(mut self, sessions: usize) -> Self {
        self.max_per_user = sessions;
        self
    }

    /// How long an answer that was lost may be asked for again.
    pub fn windows(mut self, windows: Windows) -> Self {
        self.windows = windows;
        self
    }

    /// The longest that any access token still lives; the issuer's lifetime, if not said. Whoever
    /// shortens that keeps the old one here until the last token with it has expired: so long it is
    /// remembered which sessions ended.
    pub fn longest_lifetime(mut self, lifetime: Duration) -> Self {
        self.longest_lifetime = self.longest_lifetime.max(lifetime);
        self
    }

    /// How old the last [`Sessions::catch_up`] may be while tokens are still taken, for several
    /// processes on one store: a logout in another is heard of that soon, or nobody is let in. Once
    /// suffices, if not said: one process knows by itself all that it has ended since.
    pub fn max_staleness(mut self, max_staleness: Duration) -> Self {
        self.max_staleness = Some(max_staleness);
        self
    }

    /// The set that is told of sessions that end, where the application has one already.
    pub fn revocation_set(mut self, set: Arc<RevocationSet>) -> Self {
        self.revocations = set;
        self
    }

    /// Where the time comes from; the machine, if not said.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The sessions, or what is wrong with them.
    pub fn build(self) -> Result<Sessions<S>, BuildError> {
        let max_staleness = self.max_staleness.unwrap_or(Duration::MAX);
        for (name, ttl) in [
            ("idle_ttl", self.idle_ttl),
            ("absolute_ttl", self.absolute_ttl),
            ("max_staleness", max_staleness),
        ] {
            if ttl < Duration::from_secs(1) {
                return Err(BuildError::TooShort(name));
            }
        }
        if self.idle_ttl > self.absolute_ttl {
            return Err(BuildError::LongerThan("idle_ttl", "absolute_ttl"));
        }
        if self.issuer.default_lifetime() > self.idle_ttl {
            return Err(BuildError::LongerThan("lifetime", "idle_ttl"));
        }
        if self.max_per_user == 0 {
            return Err(BuildError::NoRoom);
        }
        if let Some(missing) = self.issuer.lacks() {
            return Err(BuildError::Issuer(missing));
        }
        Ok(Sessions(Arc::new(Inner {
            store: self.store,
            issuer: self.issuer,
            refresh_tokens: self.refresh_tokens,
            idle_ttl: self.idle_ttl,
            absolute_ttl: self.absolute_ttl,
            max_per_user: self.max_per_user,
            windows: self.windows,
            longest_lifetime: self.longest_lifetime,
            revocations: self.revocations,
            freshness: Freshness::new(self.clock.clone(), max_staleness),
            uses: Uses::default(),
            clock: self.clock,
        })))
    }
}

impl<S> fmt::Debug for SessionsBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionsBuilder")
            .field("issuer", &self.issuer)
            .field("idle_ttl", &self.idle_ttl)
            .field("absolute_ttl", &self.absolute_ttl)
            .field("max_per_user", &self.max_per_user)
            .field("windows", &self.windows)
            .field("longest_lifetime", &self.longest_lifetime)
            .field("max_staleness", &self.max_staleness)
            .finish_non_exhaustive()
    }
}
