//! The revocations of a Countersign server, as they happen.

mod events;
mod follower;
mod lines;
mod snapshot;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use tokio::runtime::Handle;

use self::follower::{Follower, HEARTBEAT};
use self::snapshot::PROFILE;
use super::config::within;
use super::endpoint::{Endpoint, without_user};
use super::task::Owner;
use super::{FetchError, SetupError};
use crate::clock::Clock;
use crate::freshness::Freshness;
use crate::key_ring::KeyRing;
use crate::revocations::Revocations;
use crate::verifier::Verifier;

/// The revocations of a Countersign server, followed. Cheap to clone.
///
/// It takes the server's signed snapshot, and then hears of each revocation when it happens. A
/// connection that breaks is made again, and goes on where it was; if that cannot be, the snapshot is
/// taken again. Every second the server says how fresh its own knowledge is. If nothing was heard for
/// [`max_staleness`](RevocationFeedBuilder::max_staleness), the guard answers 503, unless it was told
/// to go on with [`Revocations::even_when_unknown`].
#[derive(Clone)]
pub struct RevocationFeed(Arc<Owner<Follower>>);

impl RevocationFeed {
    /// The feed of the server that clients call `server`, such as `https://accounts.example.org`.
    /// `api_key` has the right `revocations` there, and `keys` are the server's:
    /// [`RemoteKeys::ring`](super::RemoteKeys::ring).
    pub fn builder(server: &str, api_key: &str, keys: KeyRing) -> RevocationFeedBuilder {
        RevocationFeedBuilder {
            server: server.to_owned(),
            issuer: server.to_owned(),
            api_key: HeaderValue::from_str(&format!("Bearer {api_key}")).ok(),
            keys,
            max_staleness: Duration::from_secs(5),
            max_bytes: 1 << 30,
            clock: Clock::system(),
        }
    }

    /// What a guard asks. Clones of it, and guards that have it, keep this alive.
    pub fn revocations(&self) -> Revocations {
        let Follower { set, freshness, .. } = &*self.0.work;
        Revocations::fed(Arc::clone(set), Arc::clone(freshness))
            .keeping(Arc::clone(&self.0) as Arc<_>)
    }

    /// Waits for the first snapshot, for applications that had rather not start without.
    pub async fn ready(&self) -> Result<(), FetchError> {
        self.0.work.first().await
    }

    /// What the last attempt to follow failed with, if the feed is not followed now.
    pub fn fault(&self) -> Option<FetchError> {
        self.0.work.fault()
    }

    /// How old what is known is; `None` before the first snapshot.
    pub fn age(&self) -> Option<Duration> {
        self.0.work.freshness.age()
    }
}

impl fmt::Debug for RevocationFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationFeed")
            .field("revocations", &self.0.work.set.len())
            .field("age", &self.age())
            .field("fault", &self.fault())
            .finish()
    }
}

/// Puts a [`RevocationFeed`] together. Whatever is wrong is told by [`RevocationFeedBuilder::build`].
#[derive(Clone)]
#[must_use]
pub struct RevocationFeedBuilder {
    server: String,
    issuer: String,
    api_key: Option<HeaderValue>,
    keys: KeyRing,
    max_staleness: Duration,
    max_bytes: usize,
    clock: Clock,
}

impl RevocationFeedBuilder {
    /// What the server calls itself in what it signs, where that is not how clients call it.
    pub fn issuer(mut self, issuer: &str) -> Self {
        issuer.clone_into(&mut self.issuer);
        self
    }

    /// How old what is known may be: a token that was ended is accepted for no longer. 5 seconds, if
    /// not said; at least 2, since the server is heard once a second.
    pub fn max_staleness(mut self, max_staleness: Duration) -> Self {
        self.max_staleness = max_staleness;
        self
    }

    /// How many bytes the snapshot may have; 1 GiB, if not said. Each revocation has about 35.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Where the time comes from; the machine, if not said.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Begins to follow, in a task of the tokio runtime in which this is called.
    pub fn build(self) -> Result<RevocationFeed, SetupError> {
        let Self { server, issuer, api_key, keys, max_staleness, max_bytes, clock } = self;
        within("max_staleness", max_staleness, (2 * HEARTBEAT, Duration::from_hours(24)))?;
        if max_bytes < 64 * 1024 {
            return Err(SetupError::Size { name: "max_bytes", least: 64 * 1024 });
        }
        let mut api_key = api_key.ok_or(SetupError::ApiKey)?;
        api_key.set_sensitive(true);
        let headers = HeaderMap::from_iter([(AUTHORIZATION, api_key)]);
        let url = format!("{}/v1/revocations", server.trim_end_matches('/'));
        let endpoint = Endpoint::new(&url, headers)?;
        let runtime = Handle::try_current().map_err(|_| SetupError::NoRuntime)?;
        let follower = Arc::new(Follower::new(
            endpoint,
            Verifier::new(PROFILE, keys).issuer(issuer),
            Freshness::new(clock.clone(), max_staleness),
            (clock, max_bytes),
        ));
        let task = runtime.spawn(Arc::clone(&follower).run()).abort_handle();
        Ok(RevocationFeed(Owner::new(follower, task)))
    }
}

impl fmt::Debug for RevocationFeedBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationFeedBuilder")
            .field("server", &without_user(&self.server))
            .field("max_staleness", &self.max_staleness)
            .finish_non_exhaustive()
    }
}
