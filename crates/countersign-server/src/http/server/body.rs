//! Bodies on their way in, bounded in size and time, and on their way out.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::Extensions;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Limits;
use super::room::{Place, Room};
use super::watch::{Busy, Watch};
use crate::http::code;
use crate::http::problem::Problem;
use crate::network;

/// The first bytes of each body, which no budget counts: the bodies of most requests are no larger,
/// and the limit on connections bounds them.
const UNCOUNTED: usize = 2 * 1024;

/// Why a request's body could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// It is larger than the caller's limit.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// `Limits::max_body`, or `Limits::max_anonymous_body`.
        limit: usize,
    },
    /// The requests whose bodies are being read took as much memory as they may, and this one lost its
    /// place to another.
    #[error("there is no memory for the body now")]
    NoRoom,
    /// It was not whole within `Limits::body_timeout`.
    #[error("the body took too long")]
    TimedOut,
    /// It is badly framed, or the client went away.
    #[error("the body is not whole")]
    Broken,
}

/// What is said when a body is larger than `limit` bytes.
pub(crate) fn too_large(limit: usize) -> Problem {
    let detail = format!("The body may have {limit} bytes.");
    Problem::new(code::BODY_TOO_LARGE, detail)
}

/// What is said when a head or a body takes too long.
pub(crate) fn timed_out() -> Problem {
    let detail = "The request took too long to arrive.";
    Problem::new(code::REQUEST_TIMEOUT, detail)
}

/// What is said when there is no memory for a body.
pub(crate) fn no_room_for_body() -> Problem {
    let detail = "The server is reading as many bodies as it can hold.";
    Problem::new(code::OVERLOADED, detail).retry_after(Duration::from_secs(1))
}

/// The limit on the size of a request's body, in the extensions of requests that have one. It is
/// `Limits::max_anonymous_body` until the caller has proved who they are.
#[derive(Clone, Debug)]
pub struct BodyLimit {
    bytes: Arc<AtomicUsize>,
    max_body: usize,
}

impl BodyLimit {
    fn new(limits: &Limits) -> Self {
        let anonymous = limits.max_anonymous_body.min(limits.max_body);
        Self { bytes: Arc::new(AtomicUsize::new(anonymous)), max_body: limits.max_body }
    }

    /// Raises the limit to `Limits::max_body`: the request carries a token or an API key that was
    /// verified.
    pub fn raise(extensions: &Extensions) {
        if let Some(limit) = extensions.get::<Self>() {
            limit.bytes.store(limit.max_body, Ordering::Relaxed);
        }
    }

    fn get(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn is_raised(&self) -> bool {
        self.get() == self.max_body
    }
}

/// Memory for all bodies that are being read. Callers who have proved who they are have a part of
/// their own, which others cannot use up.
pub(super) struct BodyBudget {
    anonymous: Arc<Room>,
    known: Arc<Room>,
}

impl BodyBudget {
    pub(super) fn new(limits: &Limits) -> Self {
        let half = || Room::new(limits.max_waiting_bodies / 2, limits.body_budget / 2);
        Self { anonymous: half(), known: half() }
    }
}

/// The budget for the requests of one client.
#[derive(Clone)]
pub(super) struct ClientBudget {
    pub(super) budget: Arc<BodyBudget>,
    pub(super) peer: SocketAddr,
}

/// A request's body, read only when it is asked for.
pub(super) struct Bounded {
    inner: Incoming,
    limit: BodyLimit,
    received: usize,
    budget: ClientBudget,
    /// Bytes for which there is room in `place`.
    counted: usize,
    /// From the first moment at which it is large, or more of it has not come yet.
    place: Option<Place>,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    finished: Arc<AtomicBool>,
    watch: Arc<Watch>,
}

impl Bounded {
    pub(super) fn new(
        inner: Incoming,
        limits: &Limits,
        budget: ClientBudget,
        watch: Arc<Watch>,
    ) -> Self {
        Self {
            limit: BodyLimit::new(limits),
            received: 0,
            budget,
            counted: 0,
            place: None,
            deadline: Instant::now() + limits.body_timeout,
            timer: None,
            finished: Arc::default(),
            watch,
            inner,
        }
    }

    /// The limit on its size, which may be raised until the body is read.
    pub(super) fn limit(&self) -> BodyLimit {
        self.limit.clone()
    }

    /// Whether it has been read to its end.
    pub(super) fn finished(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.finished)
    }

    /// Refuses a body that is too large, also one whose announced length is, before it is read.
    fn check_size(&self) -> Result<(), BodyFault> {
        let announced = usize::try_from(self.inner.size_hint().lower()).unwrap_or(usize::MAX);
        let limit = self.limit.get();
        if self.received.saturating_add(announced) > limit {
            return Err(BodyFault::TooLarge { limit });
        }
        Ok(())
    }

    fn take(&mut self, data: Bytes) -> Result<Frame<Bytes>, BodyFault> {
        self.received = self.received.saturating_add(data.len());
        self.watch.delivered(data.len());
        self.check_size()?;
        self.count()?;
        Ok(Frame::data(data))
    }

    /// Takes room for what has been received and is not counted yet.
    fn count(&mut self) -> Result<(), BodyFault> {
        let more = self.received.saturating_sub(UNCOUNTED + self.counted);
        if more == 0 {
            return Ok(());
        }
        self.counted += more;
        let place = self.place();
        place.grow(more);
        if place.is_displaced() { Err(BodyFault::NoRoom) } else { Ok(()) }
    }

    /// Its place among the requests that take room, which it takes with the first call.
    fn place(&mut self) -> &Place {
        let ClientBudget { budget, peer } = &self.budget;
        let room = if self.limit.is_raised() { &budget.known } else { &budget.anonymous };
        self.place.get_or_insert_with(|| room.enter(network::of(peer.ip())))
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline))).as_mut().poll(cx)
    }
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        if let Err(fault) = self.check_size() {
            return Poll::Ready(Some(Err(fault)));
        }
        loop {
            // Asked before the bytes, so that a client that always has one more cannot go on.
            if self.poll_timer(cx).is_ready() {
                return Poll::Ready(Some(Err(BodyFault::TimedOut)));
            }
            let frame = match Pin::new(&mut self.inner).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Some(Err(BodyFault::Broken))),
                Poll::Ready(None) => {
                    self.finished.store(true, Ordering::Relaxed);
                    return Poll::Ready(None);
                }
                Poll::Pending => {
                    return if self.place().poll_displaced(cx) {
                        Poll::Ready(Some(Err(BodyFault::NoRoom)))
                    } else {
                        Poll::Pending
                    };
                }
            };
            if let Ok(data) = frame.into_data() {
                return Poll::Ready(Some(self.take(data)));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer's body, which keeps the connection busy until it has been handed on.
pub(super) struct Answer {
    pub(super) inner: Body,
    pub(super) _busy: Busy,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
