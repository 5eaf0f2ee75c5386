//! The accept loop: HTTP/1.1 with a bound on everything that a client can make us hold.

mod body;
mod connection;
mod gate;
mod head;
mod room;
mod shares;
mod watch;

use std::convert::Infallible;
use std::io;
use std::iter;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::FromRequestParts;
use http::request::Parts;
use ipnet::IpNet;
use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use body::{BodyFault, BodyLimit};
pub(crate) use body::{no_room_for_body, timed_out, too_large};

use body::BodyBudget;
use connection::Connection;
use shares::Shares;

use super::cors::Cors;
use super::openapi::Input;
use crate::config::{Config, HostName};

/// File descriptors left for everything that is not a client's connection.
const RESERVED_DESCRIPTORS: u64 = 64;
/// Connections over the limit that may wait for their refusal at once.
const MAX_REFUSALS: usize = 16;
/// The rest after an accept that failed for want of descriptors or memory.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// The address at the other end of the socket, in the extensions of every request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

impl Peer {
    /// Whether it is in one of these networks.
    pub fn is_in(self, networks: &[IpNet]) -> bool {
        let address = self.0.ip().to_canonical();
        networks.iter().any(|network| network.contains(&address))
    }
}

/// Whether the server was told to stop, in the extensions of every request: for answers that would
/// go on.
#[derive(Clone, Debug, Default)]
pub struct Stopping(CancellationToken);

impl Stopping {
    /// Whether it was.
    pub fn is_stopping(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is.
    pub async fn stopping(&self) {
        self.0.cancelled().await;
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Stopping {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

impl Input for Stopping {}

/// What a client may ask for, and how long it may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once; also bounded by the process's limit on open files. An address has
    /// a quarter of them at most.
    pub max_connections: usize,
    /// Peers that connect for many clients and may have any number of connections.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether more connections of one address than its quarter are refused; otherwise the log is
    /// told of them.
    pub enforces_shares: bool,
    /// From the first byte of a request's head (of a connection, for its first) to its last.
    pub head_timeout: Duration,
    /// From the end of the head to the end of the body.
    pub body_timeout: Duration,
    /// For a client to read an answer, and one second longer for each `write_rate` bytes read.
    pub write_timeout: Duration,
    /// Bytes a second; a client that reads an answer at this rate or faster is never cut off.
    pub write_rate: u64,
    /// Between an answer and the next request.
    pub idle: Duration,
    /// For requests that are being answered when the server is told to stop.
    pub drain: Duration,
    /// For a client to read the last answer before the connection is torn down.
    pub linger: Duration,
    /// Bytes of a request's head.
    pub max_head: usize,
    /// Header lines of a request.
    pub max_headers: usize,
    /// Bytes of the head of a request for forward authentication. A proxy sends it with the fields
    /// of the original request.
    pub max_forwarded_head: usize,
    /// Header lines of such a request.
    pub max_forwarded_headers: usize,
    /// Bytes of a request's target.
    pub max_uri: usize,
    /// Bytes of a request's body.
    pub max_body: usize,
    /// Bytes of the body of a request without a token or an API key that was verified.
    pub max_anonymous_body: usize,
    /// Bytes of all bodies that are being read, but for the first 2 KiB of each. A half is for
    /// requests with a token or an API key that was verified, the other half for all others. When a
    /// half is full, the network with the most bytes loses its oldest requests.
    pub body_budget: usize,
    /// Cookies in a request.
    pub max_cookies: usize,
    /// Requests that wait for their body at once. A half is for requests with a token or an API key
    /// that was verified, the other half for all others. When a half is full, the network with the
    /// most requests loses its oldest one.
    pub max_waiting_bodies: usize,
    /// Bytes of all cookies of a request.
    pub max_cookie_bytes: usize,
    /// Host names that requests may carry. Addresses, loopback names and names without a dot are
    /// accepted in any case.
    pub hosts: Vec<String>,
    /// The CORS headers of answers that no route gives.
    pub cors: Cors,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            trusted_proxies: Vec::new(),
            enforces_shares: true,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            write_rate: 4 * 1024,
            idle: Duration::from_mins(1),
            drain: Duration::from_secs(10),
            linger: Duration::from_secs(2),
            max_head: 16 * 1024,
            max_headers: 64,
            max_forwarded_head: 32 * 1024,
            max_forwarded_headers: 128,
            max_uri: 8 * 1024,
            max_body: 64 * 1024,
            max_anonymous_body: 16 * 1024,
            body_budget: 8 * 1024 * 1024,
            max_waiting_bodies: 4_400,
            max_cookies: 100,
            max_cookie_bytes: 8 * 1024,
            hosts: Vec::new(),
            cors: Cors::default(),
        }
    }
}

impl Limits {
    /// The limits of this configuration.
    pub fn of(config: &Config) -> Self {
        let listed = config.http.hosts.iter().map(HostName::as_str);
        let hosts = iter::once(config.public_url.host()).chain(listed).map(str::to_owned);
        // An https URL needs a proxy in front. If its address is not known, it may be that of all
        // clients.
        let has_unknown_proxy = config.public_url.is_https() && config.trusted_proxies.is_empty();
        Self {
            trusted_proxies: config.trusted_proxies.clone(),
            enforces_shares: !has_unknown_proxy,
            max_connections: config.http.max_connections,
            hosts: hosts.collect(),
            cors: Cors::of(config),
            ..Self::default()
        }
    }
}

/// Serves `router` on `listener` until `shutdown` ends, then lets requests that are being answered
/// finish for at most `limits.drain`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: impl Future,
) -> io::Result<()> {
    let seats = seats(limits.max_connections);
    let server = Arc::new(Server {
        seats: Arc::new(Semaphore::new(seats)),
        shares: Shares::new(seats, &limits),
        budget: Arc::new(BodyBudget::new(&limits)),
        refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
        builder: connection::builder(&limits),
        router,
        limits: Arc::new(limits),
        stopping: CancellationToken::new(),
        tasks: TaskTracker::new(),
    });
    // Where this future is dropped, the connections are told all the same.
    let stop = server.stopping.clone().drop_guard();
    tokio::select! {
        () = server.accept(&listener) => {}
        _ = shutdown => {}
    }
    drop(listener);
    drop(stop);
    server.tasks.close();
    server.tasks.wait().await;
    Ok(())
}

fn seats(wanted: usize) -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let available = descriptors.saturating_sub(RESERVED_DESCRIPTORS).max(8);
    let available = usize::try_from(available).unwrap_or(usize::MAX);
    if available < wanted {
        tracing::warn!(wanted, available, "the limit on open files bounds the connections");
    }
    wanted.min(available).clamp(1, Semaphore::MAX_PERMITS)
}

/// What all connections share.
struct Server {
    seats: Arc<Semaphore>,
    shares: Arc<Shares>,
    budget: Arc<BodyBudget>,
    refusals: Arc<Semaphore>,
    builder: hyper::server::conn::http1::Builder,
    router: Router,
    limits: Arc<Limits>,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    async fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.admit(stream, peer).await,
                Err(error) if is_the_peers(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }

    async fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let connection = Connection { server: Arc::clone(self), stream, peer };
        let Some(share) = self.shares.take(peer) else {
            // Others must not wait for this: where nobody has time for a refusal, it is cut off.
            if let Ok(seat) = Arc::clone(&self.refusals).try_acquire_owned() {
                self.start(seat, connection.refuse());
            }
            return;
        };
        // Clients that linger over their refusal must not keep others from a seat that is free.
        tokio::select! {
            biased;
            Ok(seat) = Arc::clone(&self.seats).acquire_owned() => {
                self.start((seat, share), connection.serve());
            }
            Ok(seat) = Arc::clone(&self.refusals).acquire_owned() => {
                self.start(seat, connection.refuse());
            }
            else => {}
        }
    }

    /// Does `work` for a connection, which holds `place` meanwhile.
    fn start(&self, place: impl Send + 'static, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            work.await;
            drop(place);
        });
    }
}

/// Whether the error is of the one connection that ended before it was accepted.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
