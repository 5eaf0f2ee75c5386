//! Fetches a JWK set into a ring: one fetch at a time, whoever asks.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::CACHE_CONTROL;
use parking_lot::Mutex;
use reqwest::Response;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use super::FetchError;
use super::endpoint::{self, Endpoint};
use super::source::{Seek, Sought};
use super::unknown::Unknown;
use crate::algorithm::Algorithm;
use crate::jwk_set;
use crate::key_ring::KeyRing;

const MEDIA_TYPE: &str = "application/jwk-set+json, application/json";
/// No duration of the application's is longer.
pub(super) const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// The bounds on what is fetched, and how often.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) floor: Duration,
    pub(super) refresh: Duration,
    pub(super) unknown_for: Duration,
    pub(super) timeout: Duration,
    pub(super) max_bytes: usize,
    pub(super) rsa: Option<Algorithm>,
}

pub(super) struct Fetcher {
    endpoint: Endpoint,
    rules: Rules,
    ring: KeyRing,
    state: Mutex<State>,
    wanted: Notify,
    /// Counts the fetches that came to an end.
    ended: watch::Sender<u64>,
}

struct State {
    phase: Phase,
    began: Instant,
    outcome: Option<Result<(), FetchError>>,
    failures: u32,
    unknown: Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    /// A fetch is about to begin.
    Wanted,
    /// A fetch is being made. What it brings may be older than who asks now.
    Fetching,
}

impl Fetcher {
    /// A fetcher whose first fetch is about to be made: somebody must [`Fetcher::run`] it.
    pub(super) fn new(endpoint: Endpoint, rules: Rules) -> Self {
        Self {
            endpoint,
            rules,
            ring: KeyRing::default(),
            state: Mutex::new(State {
                phase: Phase::Wanted,
                began: Instant::now(),
                outcome: None,
                failures: 0,
                unknown: Unknown::default(),
            }),
            wanted: Notify::new(),
            ended: watch::Sender::new(0),
        }
    }

    pub(super) fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// What came of the last fetch; `None` before the first has ended.
    pub(super) fn outcome(&self) -> Option<Result<(), FetchError>> {
        self.state.lock().outcome.clone()
    }

    /// Fetches now, and then whenever the set's life is over or somebody asks. Runs until it is
    /// dropped.
    pub(super) async fn run(self: Arc<Self>) {
        loop {
            let life = self.fetch().await;
            // Either is a reason to fetch.
            let _asked = timeout(life, self.wanted.notified()).await;
        }
    }

    /// Waits for the end of the first fetch.
    pub(super) async fn first(&self) -> Result<(), FetchError> {
        let mut ended = self.ended.subscribe();
        loop {
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            // The sender is this fetcher's own.
            let _open = ended.changed().await;
        }
    }

    /// Looks for a key, as the rules allow.
    pub(super) fn seek(self: Arc<Self>, kid: Option<&str>) -> Seek {
        let now = Instant::now();
        let mut state = self.state.lock();
        if self.ring.find(kid).is_some() {
            return Seek::Now(Sought::Looked);
        }
        let is_empty = self.ring.is_empty();
        let in_vain = match kid {
            Some(kid) => state.unknown.contains(kid, now),
            // A token that names no key is good for a ring of one key, and no other set helps it.
            None => !is_empty,
        };
        if in_vain {
            return Seek::Now(Sought::Looked);
        }
        let joins = state.phase == Phase::Fetching;
        if state.phase == Phase::Idle {
            if now.saturating_duration_since(state.began) < self.rules.floor {
                // Nobody has looked, and nobody may before the pause is over.
                return Seek::Now(Sought::OutOfTouch);
            }
            state.phase = Phase::Wanted;
            self.wanted.notify_one();
        }
        let ended = self.ended.subscribe();
        drop(state);
        let kid = kid.filter(|_| !joins).map(str::to_owned);
        Seek::Later(Box::pin(self.wait_for(kid, ended)))
    }

    /// Waits for the fetch that is under way, and remembers `kid` if it did not bring it.
    async fn wait_for(
        self: Arc<Self>,
        kid: Option<String>,
        mut ended: watch::Receiver<u64>,
    ) -> Sought {
        // Longer than a fetch may take: the runtime that makes it may be gone.
        let patience = self.rules.timeout + Duration::from_secs(1);
        if timeout(patience, ended.changed()).await.is_err() {
            return Sought::OutOfTouch;
        }
        let mut state = self.state.lock();
        let sought = state.sought(self.ring.is_empty());
        if let Some(kid) = kid
            && sought == Sought::Looked
            && self.ring.find(Some(&kid)).is_none()
        {
            state.unknown.insert(&kid, Instant::now(), self.rules.unknown_for);
        }
        sought
    }

    /// Fetches once. Gives the time to the next fetch.
    async fn fetch(&self) -> Duration {
        {
            let mut state = self.state.lock();
            (state.phase, state.began) = (Phase::Fetching, Instant::now());
        }
        let fetched = match timeout(self.rules.timeout, self.fetch_keys()).await {
            Ok(fetched) => fetched,
            Err(_) => Err(FetchError::TimedOut),
        };
        let mut state = self.state.lock();
        state.phase = Phase::Idle;
        let life = match fetched {
            Ok(life) => {
                (state.failures, state.outcome) = (0, Some(Ok(())));
                life
            }
            Err(error) => {
                state.failures = state.failures.saturating_add(1);
                state.outcome = Some(Err(error));
                let factor = 2_u32.saturating_pow(state.failures - 1);
                self.rules.floor.saturating_mul(factor).min(self.rules.refresh)
            }
        };
        // Whoever finds it idle has no fetch to wait for, so that is told first.
        self.ended.send_modify(|ended| *ended += 1);
        drop(state);
        life.max(self.rules.floor)
    }

    /// Puts the issuer's keys into the ring. Gives the time for which they may be kept.
    async fn fetch_keys(&self) -> Result<Duration, FetchError> {
        let response = self.endpoint.open(MEDIA_TYPE, HeaderMap::new()).await?;
        let response = response.ok_or(FetchError::Status(304))?;
        let media_type = endpoint::media_type(&response);
        if media_type != "application/json" && !media_type.ends_with("+json") {
            return Err(FetchError::MediaType { wanted: MEDIA_TYPE });
        }
        let life =
            cache_life(&response).map_or(self.rules.refresh, |life| life.min(self.rules.refresh));
        let body = endpoint::whole(response, self.rules.max_bytes).await?;
        self.ring.replace(jwk_set::read_usable(&body, self.rules.rsa)?);
        Ok(life)
    }
}

impl State {
    /// What may be said of a key that is not in the ring.
    fn sought(&self, is_empty: bool) -> Sought {
        match &self.outcome {
            Some(Ok(())) if !is_empty => Sought::Looked,
            _ => Sought::OutOfTouch,
        }
    }
}

/// `max-age` of the answer (RFC 9111, section 5.2.2.1).
fn cache_life(response: &Response) -> Option<Duration> {
    let control = response.headers().get(CACHE_CONTROL)?.to_str().ok()?;
    control.split(',').find_map(|directive| {
        let (name, seconds) = directive.trim().split_once('=')?;
        let seconds = seconds.trim_matches('"').parse().ok()?;
        name.eq_ignore_ascii_case("max-age").then(|| Duration::from_secs(seconds))
    })
}
