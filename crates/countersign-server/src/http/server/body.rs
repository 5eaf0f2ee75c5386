//! Bodies on their way in, bounded in size and time, and on their way out.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Limits;
use super::watch::Busy;
use crate::http::code;
use crate::http::problem::Problem;

/// Why a request's body could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// It is larger than `Limits::max_body`.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// `Limits::max_body`.
        limit: usize,
    },
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

/// A request's body, read only when it is asked for.
pub(super) struct Bounded {
    inner: Incoming,
    limit: usize,
    left: usize,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    finished: Arc<AtomicBool>,
}

impl Bounded {
    /// The body, and a flag that says whether it has been read to its end.
    pub(super) fn new(inner: Incoming, limits: &Limits) -> (Self, Arc<AtomicBool>) {
        let finished = Arc::new(AtomicBool::new(inner.is_end_stream()));
        let body = Self {
            inner,
            limit: limits.max_body,
            left: limits.max_body,
            deadline: Instant::now() + limits.body_timeout,
            timer: None,
            finished: Arc::clone(&finished),
        };
        (body, finished)
    }

    fn take(&mut self, data: Bytes) -> Result<Frame<Bytes>, BodyFault> {
        let too_large = BodyFault::TooLarge { limit: self.limit };
        self.left = self.left.checked_sub(data.len()).ok_or(too_large)?;
        Ok(Frame::data(data))
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
        loop {
            // Asked before the bytes, so that a client that always has one more cannot go on.
            if self.poll_timer(cx).is_ready() {
                return Poll::Ready(Some(Err(BodyFault::TimedOut)));
            }
            let frame = match std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(_)) => return Poll::Ready(Some(Err(BodyFault::Broken))),
                None => {
                    self.finished.store(true, Ordering::Relaxed);
                    return Poll::Ready(None);
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
