//! The server under test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use countersign_server::clock::Clock;
use countersign_server::entropy::Entropy;
use countersign_server::http::address::ClientAddress;
use countersign_server::http::code;
use countersign_server::http::json::{Json, OptionalJson, read_object};
use countersign_server::http::layers::{Surroundings, layers};
use countersign_server::http::problem::Problem;
use countersign_server::http::server::{BodyLimit, Limits, serve};
use countersign_server::metrics::Metrics;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Bytes of the answer of `/huge`: more than the buffers of two sockets hold.
pub(crate) const HUGE: usize = 64 * 1024 * 1024;

/// A server on a port of its own, until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
    pub(crate) stop: Arc<Notify>,
    pub(crate) task: JoinHandle<()>,
}

/// What the handlers saw.
#[derive(Default)]
pub(crate) struct Seen {
    /// Requests that came to `/count`.
    pub(crate) counted: AtomicUsize,
    /// Told when a request is in `/slow`.
    pub(crate) entered: Notify,
    /// Lets a request out of `/slow`.
    pub(crate) leave: Notify,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    email: String,
    password: String,
    number: Option<u32>,
    ratio: Option<f64>,
    remember: Option<bool>,
    tags: Option<Vec<String>>,
    scope: Option<Scope>,
    device: Option<Device>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scope {
    This,
    All,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Device {
    name: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Logout {
    scope: Option<Scope>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (seen, stop) = (Arc::new(Seen::default()), Arc::new(Notify::new()));
        let router = router(Arc::clone(&seen));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let shutdown = async move { stopped.notified().await };
            serve(listener, router, limits, shutdown).await.expect("serves");
        });
        Self { address, seen, stop, task }
    }

    pub(crate) fn counted(&self) -> usize {
        self.seen.counted.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn router(seen: Arc<Seen>) -> Router {
    let router = Router::new()
        .route("/hello", get(async || "hello"))
        // Paths for which a head is judged otherwise.
        .route("/healthz", get(async || "hello"))
        .route("/readyz", get(async || "hello"))
        .route("/forward-auth", get(async || "hello"))
        .route("/auth/login", get(async || "guarded").post(async || "guarded"))
        .route("/who", get(async |address: ClientAddress| address.to_string()))
        .route("/panic", get(panic))
        .route("/large", get(async || "x".repeat(256 * 1024)))
        .route("/huge", get(async || "x".repeat(HUGE)))
        .route("/bare", get(async || StatusCode::FORBIDDEN))
        .route("/count", post(count))
        .route("/slow", get(slow))
        .route("/login", post(async |Json(login): Json<Login>| axum::Json(login)))
        .route("/logout", post(async |OptionalJson(body): OptionalJson<Logout>| axum::Json(body)))
        .route("/object", post(object))
        .route("/anonymous", post(anonymous))
        .route("/unread", post(unread))
        .with_state(seen);
    let trusted_proxies = Vec::new();
    layers(
        router,
        Surroundings {
            trusted_proxies,
            clock: Clock::System,
            entropy: Entropy::System,
            metrics: Metrics::default(),
            traces: None,
        },
    )
}

async fn panic() -> &'static str {
    panic!("a handler that panics");
}

async fn count(State(seen): State<Arc<Seen>>, request: Request) -> Result<String, Problem> {
    seen.counted.fetch_add(1, Ordering::SeqCst);
    Ok(read_object(request).await?.len().to_string())
}

async fn slow(State(seen): State<Arc<Seen>>) -> &'static str {
    seen.entered.notify_one();
    seen.leave.notified().await;
    "done"
}

/// As a route does whose caller has shown a good token.
async fn object(request: Request) -> Result<String, Problem> {
    BodyLimit::raise(request.extensions());
    anonymous(request).await
}

async fn anonymous(request: Request) -> Result<String, Problem> {
    Ok(read_object(request).await?.len().to_string())
}

async fn unread(_: Request) -> Problem {
    Problem::new(code::TOKEN_MISSING, "Who are you?").challenge(None)
}
