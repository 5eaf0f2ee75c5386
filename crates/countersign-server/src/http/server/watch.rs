//! What a connection is waiting for, and until when.
//!
//! hyper has one timer for "no head yet", whether the client is idle or slow. These are two
//! deadlines here, so the socket is wrapped and notes when a byte comes or is taken. It also keeps
//! back the bare answers that hyper gives to a broken head, which are not in our form.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::StatusCode;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Limits;
use crate::http::native::forward_auth;

/// Enough of a head to tell the path of its target.
const START: usize = 32;

/// Bytes that may be read for a body beyond those of the body itself: chunk heads, trailers, and
/// what comes into the read buffer of the next request.
const MAX_FRAMING: u64 = 48 * 1024;
/// Bytes that may be read for a byte of a body in chunks of one byte each, with room to spare.
const MAX_BYTES_A_BYTE: u64 = 9;

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
pub(super) struct Watch {
    limits: Arc<Limits>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    /// Since when the client has taken nothing of what we have for it.
    stalled: Option<Instant>,
    /// How long the client kept this answer waiting before, less what it earned by reading.
    behind: Duration,
    /// Bytes read since the head of the request was whole.
    read: u64,
    /// Bytes of the request's body among them.
    delivered: u64,
    /// How much of the head's first line has come.
    line: usize,
    is_line_whole: bool,
    /// How much of the head has come, with what came after it in one piece.
    head: usize,
    /// How the head begins: its first `head` bytes, as far as there is room.
    start: [u8; START],
    /// An answer was handed on whose last bytes may not be with the socket yet.
    is_unflushed: bool,
    /// What hyper would have said to a broken head.
    refusal: Option<StatusCode>,
    /// The answer under way is the connection's last: what is read after it is no head.
    is_last: bool,
}

impl Watch {
    pub(super) fn new(limits: Arc<Limits>) -> Arc<Self> {
        let state = Mutex::new(State {
            phase: Phase::Fresh,
            since: Instant::now(),
            stalled: None,
            behind: Duration::ZERO,
            read: 0,
            delivered: 0,
            line: 0,
            is_line_whole: false,
            head: 0,
            start: [0; START],
            is_unflushed: false,
            refusal: None,
            is_last: false,
        });
        Arc::new(Self { limits, state })
    }

    pub(super) fn phase(&self) -> Phase {
        self.state.lock().phase
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.state.lock().stalled.is_some()
    }

    /// The status that a broken head deserves, where one came.
    pub(super) fn refusal(&self) -> Option<StatusCode> {
        let state = self.state.lock();
        let is_the_line = state.line > self.limits.max_uri;
        state.refusal.filter(|_| !state.is_last).map(|status| match status {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE if is_the_line => StatusCode::URI_TOO_LONG,
            _ => status,
        })
    }

    /// When the client's patience with us, or ours with it, ends.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let (state, limits) = (self.state.lock(), &self.limits);
        let waiting = match state.phase {
            Phase::Fresh | Phase::Head => Some(state.since + limits.head_timeout),
            Phase::Idle => Some(state.since + limits.idle),
            Phase::Busy => None,
        };
        let patience = limits.write_timeout.saturating_sub(state.behind);
        let stalled = state.stalled.map(|since| since + patience);
        waiting.into_iter().chain(stalled).min()
    }

    /// A request's head is whole; it is being answered until the guard is dropped.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.enter(Phase::Busy);
        Busy(Arc::clone(self))
    }

    fn enter(&self, phase: Phase) {
        let mut state = self.state.lock();
        state.phase = phase;
        state.since = Instant::now();
        state.is_unflushed = phase == Phase::Idle;
        (state.line, state.is_line_whole) = (0, false);
        state.head = 0;
        (state.read, state.delivered) = (0, 0);
    }

    /// Refuses to read more of a head that is too large already, so that no more is held of it than
    /// of one that is taken. hyper, which asks for more only while the head is not whole, was given
    /// the bound of forward authentication.
    fn refuses_more(&self) -> bool {
        let mut state = self.state.lock();
        let is_too_large = matches!(state.phase, Phase::Fresh | Phase::Head)
            && state.head >= self.limits.max_head
            && !state.is_for_another_request();
        if is_too_large {
            state.refusal = Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        is_too_large
    }

    /// So many bytes of the request's body were handed on.
    pub(super) fn delivered(&self, bytes: usize) {
        self.state.lock().delivered += bytes as u64;
    }

    /// Takes note of what was read. False where more was read for a request's body than any framing
    /// of it needs: hyper bounds chunk extensions and trailers, but neither the digits of a chunk's
    /// size nor the spaces after it.
    fn heard(&self, bytes: &[u8]) -> bool {
        let mut state = self.state.lock();
        if state.head < START {
            let from = state.head;
            let more = bytes.len().min(START - from);
            state.start[from..from + more].copy_from_slice(&bytes[..more]);
        }
        state.head += bytes.len();
        if !state.is_line_whole {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            state.line += end.unwrap_or(bytes.len());
            // Empty lines before a request are allowed (RFC 9112, section 2.2).
            state.is_line_whole = end.is_some() && state.line > 1;
        }
        match state.phase {
            // The first head's deadline counts from the accept.
            Phase::Fresh => state.phase = Phase::Head,
            Phase::Idle => {
                state.phase = Phase::Head;
                state.since = Instant::now();
            }
            Phase::Head => {}
            Phase::Busy => state.read += bytes.len() as u64,
        }
        state.read <= MAX_FRAMING + MAX_BYTES_A_BYTE * state.delivered
    }

    /// Whether `bytes` are an answer of hyper's own, which is then ours to give.
    fn keeps_back(&self, bytes: &[u8]) -> bool {
        let mut state = self.state.lock();
        if state.phase == Phase::Busy || state.is_unflushed {
            return false;
        }
        let refusal = bare_refusal(bytes);
        state.refusal = state.refusal.or(refusal);
        refusal.is_some()
    }

    fn flushed(&self) {
        let mut state = self.state.lock();
        state.is_unflushed = false;
        state.behind = Duration::ZERO;
    }

    fn wrote(&self, outcome: &Poll<io::Result<usize>>) {
        let mut state = self.state.lock();
        match outcome {
            Poll::Ready(written) => {
                if let Some(since) = state.stalled.take() {
                    state.behind += since.elapsed();
                }
                if !state.behind.is_zero() {
                    let bytes = written.as_ref().map_or(0, |bytes| *bytes as u64);
                    let micros = bytes.saturating_mul(1_000_000) / self.limits.write_rate.max(1);
                    state.behind = state.behind.saturating_sub(Duration::from_micros(micros));
                }
            }
            Poll::Pending if state.stalled.is_none() => state.stalled = Some(Instant::now()),
            Poll::Pending => {}
        }
    }
}

impl State {
    /// Whether a proxy asks about another request, whose fields it passes on.
    fn is_for_another_request(&self) -> bool {
        let start = &self.start[..self.head.min(START)];
        let target = start.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let path = target.split(|byte| *byte == b'?').next();
        path == Some(forward_auth::PATH.as_bytes())
    }
}

/// The status of an answer that says nothing but that a request was refused.
fn bare_refusal(bytes: &[u8]) -> Option<StatusCode> {
    let head = std::str::from_utf8(bytes.strip_suffix(b"\r\n\r\n")?).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let is_bare = lines.all(|line| {
        let name = line.split(':').next().unwrap_or_default();
        ["connection", "content-length", "date"].contains(&name)
    });
    (is_bare && StatusCode::is_client_error(&status)).then_some(status)
}

/// Held while a request is being answered, until the last of the answer has been handed on.
#[derive(Debug)]
pub(super) struct Busy(Arc<Watch>);

impl Busy {
    /// The connection is closed after this answer.
    pub(super) fn answer_is_last(&self) {
        self.0.state.lock().is_last = true;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.enter(Phase::Idle);
    }
}

/// A socket that tells its [`Watch`] what happens on it. hyper never closes it: the connection does.
pub(super) struct Watched {
    pub(super) stream: Arc<TcpStream>,
    pub(super) watch: Arc<Watch>,
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.watch.refuses_more() {
            // hyper takes it for the end of the connection.
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            match self.stream.try_read_buf(buffer) {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        if let new @ [_, ..] = &buffer.filled()[before..]
            && !self.watch.heard(new)
        {
            let error = "the body has too many bytes beside its content";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
        }
        Poll::Ready(Ok(()))
    }
}

impl Watched {
    /// Writes when the socket takes bytes.
    fn poll_write_with(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match write(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.watch.keeps_back(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let outcome = self.poll_write_with(cx, |stream| stream.try_write(bytes));
        self.watch.wrote(&outcome);
        outcome
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [bytes] = slices
            && self.watch.keeps_back(bytes)
        {
            return Poll::Ready(Ok(bytes.len()));
        }
        let outcome = self.poll_write_with(cx, |stream| stream.try_write_vectored(slices));
        self.watch.wrote(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
