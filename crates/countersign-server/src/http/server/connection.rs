//! One connection, from accept to close.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::http::{Response, StatusCode};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::body::ClientBudget;
use super::gate::Gate;
use super::watch::{Phase, Watch, Watched};
use super::{Limits, Server, Stopping, timed_out};
use crate::http::code;
use crate::http::cors;
use crate::http::problem::Problem;

/// What a client may still send after the last answer before it is cut off.
const MAX_LINGER_BYTES: usize = 4 * 1024 * 1024;
/// The least that hyper takes for its buffers.
const MIN_BUFFER: usize = 8 * 1024;

/// hyper's part of the limits.
pub(super) fn builder(limits: &Limits) -> http1::Builder {
    let max_head = limits.max_head.max(limits.max_forwarded_head);
    let mut builder = http1::Builder::new();
    builder
        // A client that has sent its request may close its sending half and wait for the answer.
        .half_close(true)
        .header_read_timeout(None)
        .max_header_size(max_head)
        .max_headers(limits.max_headers.max(limits.max_forwarded_headers))
        .max_buf_size((max_head + 1).max(MIN_BUFFER));
    builder
}

/// A connection that was accepted.
pub(super) struct Connection {
    pub(super) server: Arc<Server>,
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
}

/// How a connection ended.
enum End {
    /// By the client, or by us after an answer.
    Done,
    /// A deadline passed.
    TimedOut,
    /// The client does not wait for an answer any more.
    Reset,
}

type Http = http1::Connection<TokioIo<Watched>, Gate>;

impl Connection {
    /// Answers the connection's requests until either side has had enough.
    pub(super) async fn serve(self) {
        let Self { server, stream, peer } = self;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection ended before it was served");
            return;
        }
        let watch = Watch::new(Arc::clone(&server.limits));
        let gate = Gate {
            router: server.router.clone(),
            limits: Arc::clone(&server.limits),
            budget: ClientBudget { budget: Arc::clone(&server.budget), peer },
            watch: Arc::clone(&watch),
            stopping: Stopping(server.stopping.clone()),
        };
        let stream = Arc::new(stream);
        let io = Watched { stream: Arc::clone(&stream), watch: Arc::clone(&watch) };
        let mut http = server.builder.serve_connection(TokioIo::new(io), gate);
        let end = tokio::select! {
            biased;
            end = drive(&mut http, &watch, &server) => end,
            _ = stream.ready(Interest::ERROR) => End::Reset,
        };
        let head = http.into_parts().read_buf;
        let Some(mut stream) = Arc::into_inner(stream) else { return };
        match end {
            End::Done => {
                if let Some(status) = watch.refusal() {
                    answer(&mut stream, &head, broken_head(status), &server.limits).await;
                }
                close(stream, &server).await;
            }
            End::TimedOut if watch.phase() == Phase::Head && !watch.is_stalled() => {
                answer(&mut stream, &head, timed_out(), &server.limits).await;
                close(stream, &server).await;
            }
            End::TimedOut => {}
            // What is under way for the request is given up.
            End::Reset => tracing::debug!("a client reset its connection"),
        }
    }

    /// Tells the client that there is no room for it.
    pub(super) async fn refuse(self) {
        let Self { server, mut stream, .. } = self;
        let head = if server.limits.cors.depends_on_origin() {
            read_head(&mut stream, &server.limits).await
        } else {
            Vec::new()
        };
        answer(&mut stream, &head, no_room(), &server.limits).await;
        close(stream, &server).await;
    }
}

/// Reads a head that nobody will parse, or as much of it as comes in time.
async fn read_head(stream: &mut TcpStream, limits: &Limits) -> Vec<u8> {
    let mut head = Vec::new();
    let read = async {
        while !is_whole(&head)
            && head.len() < limits.max_head
            && stream.read_buf(&mut head).await.is_ok_and(|read| read > 0)
        {}
    };
    // What has come until then is enough.
    let _ = timeout(limits.linger, read).await;
    head
}

fn is_whole(head: &[u8]) -> bool {
    head.windows(4).any(|end| end == b"\r\n\r\n")
}

/// Runs hyper until it is done, a deadline has passed, or the server has stopped for long enough.
async fn drive(http: &mut Http, watch: &Watch, server: &Server) -> End {
    let mut timer = pin!(sleep_until(Instant::now()));
    let mut stopping = pin!(server.stopping.cancelled());
    let mut drained_by = None;
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(outcome) = http.poll_without_shutdown(cx) {
                if let Err(error) = outcome {
                    tracing::debug!(%error, "a connection ended");
                }
                return Poll::Ready(End::Done);
            }
            if drained_by.is_none() && stopping.as_mut().poll(cx).is_ready() {
                drained_by = Some(Instant::now() + server.limits.drain);
                Pin::new(&mut *http).graceful_shutdown();
                continue;
            }
            let deadline = watch.deadline().into_iter().chain(drained_by).min();
            let Some(deadline) = deadline else { return Poll::Pending };
            if timer.deadline() != deadline {
                timer.as_mut().reset(deadline);
            }
            return timer.as_mut().poll(cx).map(|()| End::TimedOut);
        }
    })
    .await
}

/// Writes an answer that hyper has no part in, to a request of which `head` is known.
async fn answer(stream: &mut TcpStream, head: &[u8], problem: Problem, limits: &Limits) {
    let mut response = problem.into_http();
    limits.cors.add_headers(cors::origin_in(head).as_ref(), response.headers_mut());
    let written = timeout(limits.linger, stream.write_all(&encode(&response))).await;
    if let Ok(Err(error)) = written {
        tracing::debug!(%error, "a connection ended before its answer");
    }
}

fn encode(response: &Response<String>) -> Vec<u8> {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in response.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    let length = response.body().len();
    bytes.extend_from_slice(
        format!("content-length: {length}\r\nconnection: close\r\n\r\n").as_bytes(),
    );
    bytes.extend_from_slice(response.body().as_bytes());
    bytes
}

/// Closes so that the client can still read the last answer: to close a socket that holds unread
/// bytes resets it, and a reset discards what is on its way.
async fn close(mut stream: TcpStream, server: &Server) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut left = MAX_LINGER_BYTES;
    let discard =
        async { while discard_ready(&stream, &mut left) && stream.readable().await.is_ok() {} };
    tokio::select! {
        _ = timeout(server.limits.linger, discard) => return,
        () = server.stopping.cancelled() => {}
    }
    // There is no time to wait for more, but what has come shall not reset the connection.
    discard_ready(&stream, &mut left);
}

/// Reads what has come; whether more may come.
fn discard_ready(stream: &TcpStream, left: &mut usize) -> bool {
    let mut buffer = [0; 8 * 1024];
    loop {
        match stream.try_read(&mut buffer) {
            Ok(0) => return false,
            Ok(read) if read >= *left => return false,
            Ok(read) => *left -= read,
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}

fn broken_head(status: StatusCode) -> Problem {
    let (code, detail) = match status {
        StatusCode::URI_TOO_LONG => (code::URI_TOO_LONG, "The request's target is too long."),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            (code::HEAD_TOO_LARGE, "The request's head is too large, or has too many fields.")
        }
        _ => (code::INVALID_HEAD, "The request's head is not well formed."),
    };
    Problem::new(code, detail)
}

fn no_room() -> Problem {
    let detail = "The server has as many connections as it can hold.";
    Problem::new(code::OVERLOADED, detail).retry_after(Duration::from_secs(1))
}
