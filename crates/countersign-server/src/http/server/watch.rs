//! What a connection is waiting for, and until when.
//!
//! hyper has one timer for "no head yet", whether the client is idle or slow. These are two
//! deadlines here, so the socket is wrapped and notes when a byte comes or is taken.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Limits;

/// What the connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Accepted, and nothing has been heard.
    Fresh,
    /// Answered, and nothing has been heard since.
    Idle,
    /// Some of a head has come.
    Head,
    /// A request is being answered.
    Busy,
}

/// Shared by the socket, the service and the one who drives them, all in one task.
#[derive(Debug)]
pub(super) struct Watch(Mutex<State>);

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    /// Since when the client has taken nothing of what we have for it.
    stalled: Option<Instant>,
}

impl Watch {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            phase: Phase::Fresh,
            since: Instant::now(),
            stalled: None,
        })))
    }

    pub(super) fn phase(&self) -> Phase {
        self.0.lock().phase
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.0.lock().stalled.is_some()
    }

    /// When the client's patience with us, or ours with it, ends.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let state = self.0.lock();
        let waiting = match state.phase {
            Phase::Fresh | Phase::Head => Some(state.since + limits.head_timeout),
            Phase::Idle => Some(state.since + limits.idle),
            Phase::Busy => None,
        };
        let stalled = state.stalled.map(|since| since + limits.write_timeout);
        waiting.into_iter().chain(stalled).min()
    }

    /// A request's head is whole; it is being answered until the guard is dropped.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.enter(Phase::Busy);
        Busy(Arc::clone(self))
    }

    fn enter(&self, phase: Phase) {
        let mut state = self.0.lock();
        state.phase = phase;
        state.since = Instant::now();
    }

    fn heard(&self) {
        let mut state = self.0.lock();
        match state.phase {
            // The first head's deadline counts from the accept.
            Phase::Fresh => state.phase = Phase::Head,
            Phase::Idle => {
                state.phase = Phase::Head;
                state.since = Instant::now();
            }
            Phase::Head | Phase::Busy => {}
        }
    }

    fn wrote<T>(&self, outcome: &Poll<T>) {
        let mut state = self.0.lock();
        match outcome {
            Poll::Ready(_) => state.stalled = None,
            Poll::Pending if state.stalled.is_none() => state.stalled = Some(Instant::now()),
            Poll::Pending => {}
        }
    }
}

/// Held while a request is being answered, until the last of the answer has been handed on.
#[derive(Debug)]
pub(super) struct Busy(Arc<Watch>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.enter(Phase::Idle);
    }
}

/// A socket that tells its [`Watch`] what happens on it.
pub(super) struct Watched {
    pub(super) stream: TcpStream,
    pub(super) watch: Arc<Watch>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.watch.heard();
        }
        outcome
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch.wrote(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch.wrote(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
