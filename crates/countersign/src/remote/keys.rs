//! The keys of an issuer, from its JWK set.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tokio::runtime::Handle;

use super::config::within;
use super::endpoint::{Endpoint, without_user};
use super::fetcher::{Fetcher, LONGEST_LIFE, Rules};
use super::source::{KeySource, Seek};
use super::task::Owner;
use super::{FetchError, SetupError};
use crate::algorithm::Algorithm;
use crate::key_ring::KeyRing;

/// The keys of an issuer, kept as its JWK set says (RFC 7517). Cheap to clone.
///
/// The set is fetched when this is built, and again when its life is over: `max-age`, five
/// minutes at most. A guard whose verifier has the [`ring`](RemoteKeys::ring) looks once more for a key that
/// it does not know, and judges the token again. However many tokens ask, there is one fetch at a
/// time, and a pause after each. A key that the issuer did not have is not looked for again for some
/// time, and its tokens are answered 401.
///
/// While the issuer cannot be reached, or answers with what is no JWK set of keys that verify, the
/// last good set is kept. A token whose key could not be looked for, within the pause too, or that comes
/// before there is any set, is answered 503: it may well be good. Tokens whose keys are known do not
/// notice, whatever keys others name.
///
/// Keys of kinds that are not known here, and malformed ones, are passed over: one wrong key does not
/// take the others with it. A set with a private or a symmetric key is refused.
#[derive(Clone)]
pub struct RemoteKeys(Arc<Owner<Fetcher>>);

impl KeySource for Owner<Fetcher> {
    fn seek(self: Arc<Self>, kid: Option<&str>) -> Seek {
        match Arc::clone(&self.work).seek(kid) {
            // Whoever waits keeps the task alive.
            Seek::Later(later) => Seek::Later(Box::pin(async move {
                let sought = later.await;
                drop(self);
                sought
            })),
            now @ Seek::Now(_) => now,
        }
    }
}

impl RemoteKeys {
    /// The keys that lie at this address, `https` or on this machine.
    pub fn builder(url: &str) -> RemoteKeysBuilder {
        RemoteKeysBuilder {
            url: url.to_owned(),
            rules: Rules {
                floor: Duration::from_secs(10),
                refresh: Duration::from_mins(5),
                unknown_for: Duration::from_mins(1),
                timeout: Duration::from_secs(5),
                max_bytes: 256 * 1024,
                rsa: None,
            },
        }
    }

    /// The ring that is kept. Clones of it, and verifiers that have it, keep this alive.
    pub fn ring(&self) -> KeyRing {
        self.0.work.ring().with_source(Arc::clone(&self.0) as Arc<dyn KeySource>)
    }

    /// Waits for the first fetch, for applications that had rather not start without keys.
    pub async fn ready(&self) -> Result<(), FetchError> {
        self.0.work.first().await
    }

    /// What the last fetch failed with, if it did.
    pub fn fault(&self) -> Option<FetchError> {
        self.0.work.outcome()?.err()
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeys")
            .field("keys", self.0.work.ring())
            .field("fault", &self.fault())
            .finish()
    }
}

/// Puts [`RemoteKeys`] together. Whatever is wrong is told by [`RemoteKeysBuilder::build`].
#[derive(Clone)]
#[must_use]
pub struct RemoteKeysBuilder {
    url: String,
    rules: Rules,
}

impl fmt::Debug for RemoteKeysBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeysBuilder")
            .field("url", &without_user(&self.url))
            .field("rules", &self.rules)
            .finish()
    }
}

impl RemoteKeysBuilder {
    /// How often the set is fetched at least, whatever the answer says; it may ask for more with
    /// `max-age`. 5 minutes, if not said. A key that was withdrawn is good for no longer.
    pub fn refresh(mut self, refresh: Duration) -> Self {
        self.rules.refresh = refresh;
        self
    }

    /// The pause between two fetches, whoever asks and whatever the answer says; 10 seconds, if not
    /// said. After a failure it grows, up to the time between refreshes.
    pub fn floor(mut self, floor: Duration) -> Self {
        self.rules.floor = floor;
        self
    }

    /// For how long a key that the issuer did not have is not looked for again; a minute, if not
    /// said. It is found all the same where a later set has it.
    pub fn unknown_for(mut self, life: Duration) -> Self {
        self.rules.unknown_for = life;
        self
    }

    /// How long an answer may take, from the connection to its last byte; 5 seconds, if not said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.rules.timeout = timeout;
        self
    }

    /// How many bytes the set may have; 256 KiB, if not said.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.rules.max_bytes = max_bytes;
        self
    }

    /// What RSA keys are for that do not say it. They are passed over, if not said.
    pub fn rsa_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.rules.rsa = Some(algorithm);
        self
    }

    /// Begins to fetch, in a task of the tokio runtime in which this is called.
    pub fn build(self) -> Result<RemoteKeys, SetupError> {
        let Self { url, rules } = self;
        let (least, second) = (Duration::from_millis(10), Duration::from_secs(1));
        within("floor", rules.floor, (least, LONGEST_LIFE))?;
        within("refresh", rules.refresh, (rules.floor, LONGEST_LIFE))?;
        within("unknown_for", rules.unknown_for, (rules.floor, LONGEST_LIFE))?;
        within("timeout", rules.timeout, (least, 60 * second))?;
        if rules.max_bytes < 1024 {
            return Err(SetupError::Size { name: "max_bytes", least: 1024 });
        }
        if rules.rsa.is_some_and(|rsa| !matches!(rsa, Algorithm::Rs256 | Algorithm::Ps256)) {
            return Err(SetupError::RsaAlgorithm);
        }
        let runtime = Handle::try_current().map_err(|_| SetupError::NoRuntime)?;
        let fetcher = Arc::new(Fetcher::new(Endpoint::new(&url, HeaderMap::new())?, rules));
        let task = runtime.spawn(Arc::clone(&fetcher).run()).abort_handle();
        Ok(RemoteKeys(Owner::new(fetcher, task)))
    }
}
