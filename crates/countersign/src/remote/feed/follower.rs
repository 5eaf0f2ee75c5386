//! Follows the feed: the stream, the snapshot where it is needed, and again after each end.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use reqwest::Response;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::events::{Event, Events, Told};
use super::snapshot::{MEDIA_TYPE, Snapshot};
use crate::clock::Clock;
use crate::freshness::{Freshness, Moment};
use crate::remote::endpoint::{self, Endpoint};
use crate::remote::{FetchError, Unverified, verify_after_look};
use crate::revocation::RevocationSet;
use crate::verifier::Verifier;

/// How often the server is heard.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(1);
/// A stream that is silent for so long is dead.
const SILENCE: Duration = Duration::from_secs(3);
/// How long the head of an answer may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a snapshot may take as a whole.
const SNAPSHOT: Duration = Duration::from_mins(5);
/// A stream is not followed for longer: two machines' clocks do not run at quite the same rate.
const STREAM: Duration = Duration::from_mins(15);
/// Between two attempts, growing.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// How long revocations that are over are kept, for clocks that are behind.
const KEPT: i64 = 60 * 60;
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

pub(super) struct Follower {
    endpoint: Endpoint,
    verifier: Verifier,
    clock: Clock,
    max_bytes: usize,
    pub(super) set: Arc<RevocationSet>,
    pub(super) freshness: Arc<Freshness>,
    place: Mutex<Place>,
    /// What came of the last attempt; `None` before the first came to anything.
    outcome: watch::Sender<Option<Result<(), FetchError>>>,
}

/// Where to go on.
#[derive(Clone, Default)]
struct Place {
    event: Option<HeaderValue>,
    snapshot: Option<HeaderValue>,
    /// The wall clock when what was over was last forgotten.
    purged_at: Option<i64>,
}

/// One stream, while it is followed.
struct Stream {
    events: Events,
    /// From before it was asked for.
    opened: Moment,
    began: Instant,
    /// The server's clock at its first heartbeat.
    server_clock: Option<u64>,
    /// Whether all that came before it is known.
    goes_on: bool,
}

impl Follower {
    pub(super) fn new(
        endpoint: Endpoint,
        verifier: Verifier,
        freshness: Freshness,
        (clock, max_bytes): (Clock, usize),
    ) -> Self {
        Self {
            endpoint,
            verifier,
            clock,
            max_bytes,
            set: Arc::default(),
            freshness: Arc::new(freshness),
            place: Mutex::default(),
            outcome: watch::Sender::new(None),
        }
    }

    /// Follows, whatever happens. Runs until it is dropped.
    pub(super) async fn run(self: Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let heard = self.follow().await;
            self.purge();
            pause = match heard {
                Ok(()) => FIRST_PAUSE,
                Err(error) => {
                    let was_followed = self.outcome.borrow().as_ref().is_some_and(Result::is_ok);
                    self.outcome.send_replace(Some(Err(error)));
                    if was_followed { FIRST_PAUSE } else { (2 * pause).min(LONGEST_PAUSE) }
                }
            };
            sleep(jittered(pause)).await;
        }
    }

    /// Forgets what is over by the wall clock.
    fn purge(&self) {
        self.notice_clock();
        let now = self.clock.unix_seconds();
        self.place.lock().purged_at = Some(now);
        self.set.purge(now.saturating_sub(KEPT));
    }

    /// Whether the wall clock goes on from the last purge. If it was ahead then, what is not over was
    /// forgotten, and no place to go on from knows of it: only the whole snapshot does.
    fn notice_clock(&self) -> bool {
        let mut place = self.place.lock();
        let goes_on = place.purged_at.is_none_or(|purged| purged <= self.clock.unix_seconds());
        if !goes_on {
            *place = Place::default();
        }
        goes_on
    }

    /// Waits until the feed is followed, or could not be.
    pub(super) async fn first(&self) -> Result<(), FetchError> {
        let mut outcome = self.outcome.subscribe();
        loop {
            if let Some(outcome) = outcome.borrow_and_update().clone() {
                return outcome;
            }
            // The sender is this follower's own.
            let _open = outcome.changed().await;
        }
    }

    pub(super) fn fault(&self) -> Option<FetchError> {
        self.outcome.borrow().clone()?.err()
    }

    /// Follows one stream to its end.
    async fn follow(&self) -> Result<(), FetchError> {
        let place = self.place.lock().event.clone();
        let mut stream = Stream {
            events: Events::default(),
            opened: self.freshness.moment(),
            began: Instant::now(),
            server_clock: None,
            goes_on: place.is_some(),
        };
        let headers = place.map(|place| (LAST_EVENT_ID, place)).into_iter().collect();
        let mut response =
            self.open("text/event-stream", headers).await?.ok_or(FetchError::Malformed)?;
        while stream.began.elapsed() < STREAM {
            let part = within(SILENCE, endpoint::next(&mut response)).await?;
            let Some(part) = part else { break };
            for Told { event, id } in stream.events.take(&part)? {
                self.obey(event, &mut stream).await?;
                // Only now: what was not obeyed must come again.
                if let Some(id) = id.and_then(|id| HeaderValue::try_from(id).ok()) {
                    self.place.lock().event = Some(id);
                }
            }
        }
        Ok(())
    }

    async fn open(
        &self,
        wanted: &'static str,
        headers: HeaderMap,
    ) -> Result<Option<Response>, FetchError> {
        let response = within(ANSWER, self.endpoint.open(wanted, headers)).await?;
        match &response {
            Some(response) if endpoint::media_type(response) != wanted => {
                Err(FetchError::MediaType { wanted })
            }
            _ => Ok(response),
        }
    }

    async fn obey(&self, event: Event, stream: &mut Stream) -> Result<(), FetchError> {
        match event {
            Event::Reset => {
                stream.goes_on = false;
                self.place.lock().event = None;
                within(SNAPSHOT, self.take_snapshot()).await?;
                stream.goes_on = true;
            }
            Event::Revocation(revocation) => {
                self.set.apply(revocation);
            }
            Event::Heartbeat { clock, age } => return self.confirm(clock, age, stream),
            Event::Other => {}
        }
        Ok(())
    }

    /// All that the server knew when it sent this is known here.
    ///
    /// When it was sent is not when it was read: it may have waited in a buffer while this machine
    /// stood still. The first heartbeat was sent after the stream was asked for, and a later one as
    /// much later as the server's clock says.
    fn confirm(&self, clock: u64, age: u64, stream: &mut Stream) -> Result<(), FetchError> {
        if !stream.goes_on {
            return Err(FetchError::Malformed);
        }
        if !self.notice_clock() {
            return Err(FetchError::TimedOut);
        }
        let first = *stream.server_clock.get_or_insert(clock);
        let later = Duration::from_millis(clock.saturating_sub(first));
        let sent = self.freshness.no_later_than_now(stream.opened.after(later));
        self.freshness.confirm(sent.before(Duration::from_millis(age)));
        // A clock of this machine was moved, or the heartbeat is late: a new stream knows better.
        if !self.freshness.is_fresh() {
            return Err(FetchError::TimedOut);
        }
        let is_news = |outcome: &mut Option<Result<(), FetchError>>| {
            let is_news = *outcome != Some(Ok(()));
            *outcome = Some(Ok(()));
            is_news
        };
        self.outcome.send_if_modified(is_news);
        Ok(())
    }

    async fn take_snapshot(&self) -> Result<(), FetchError> {
        let known = self.place.lock().snapshot.clone();
        let is_known = known.is_some();
        let headers = known.map(|known| (IF_NONE_MATCH, known)).into_iter().collect();
        let Some(mut response) = self.open(MEDIA_TYPE, headers).await? else {
            // Nothing has changed since the last one, if there is a last one.
            return if is_known { Ok(()) } else { Err(FetchError::Status(304)) };
        };
        let tag = response.headers().get(ETAG).cloned();
        let mut snapshot = Snapshot::new(self.max_bytes);
        while let Some(part) = within(SILENCE, endpoint::next(&mut response)).await? {
            snapshot.take(&part)?;
        }
        let snapshot = snapshot.end()?;
        if !snapshot.is_signed_by(&self.verify(&snapshot.signature).await?.claims) {
            return Err(FetchError::OtherContent);
        }
        self.set.apply_all(snapshot.batch);
        self.place.lock().snapshot = tag;
        Ok(())
    }

    async fn verify(&self, signature: &str) -> Result<Arc<crate::Verified>, FetchError> {
        let now = self.clock.unix_seconds();
        let error = match self.verifier.verify(signature, now) {
            Ok(verified) => return Ok(verified),
            Err(error) => error,
        };
        match verify_after_look(&self.verifier, (signature, now), &error) {
            None => Err(error.into()),
            Some(again) => again.await.map_err(|unverified| match unverified {
                Unverified::Refused(error) => error.into(),
                Unverified::OutOfTouch => FetchError::NoKey,
            }),
        }
    }
}

async fn within<T>(
    time: Duration,
    work: impl Future<Output = Result<T, FetchError>>,
) -> Result<T, FetchError> {
    timeout(time, work).await.unwrap_or(Err(FetchError::TimedOut))
}

/// Half the pause at least: many followers of a server that comes back do not come at once.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0; 1];
    // Without randomness the pause is the shortest.
    let _filled = rand::fill(&mut random);
    pause / 2 + pause * u32::from(random[0]) / 512
}
