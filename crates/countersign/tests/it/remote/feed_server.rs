//! A server of revocations that says what a test has it say, and a guard that follows it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use countersign::axum::Bearer;
use countersign::layer::Guard;
use countersign::remote::{FetchError, RevocationFeed, RevocationFeedBuilder};
use countersign::{Clock, EndReason, Issuer as Signer, KeyRing, Profile, Revocation, Verifier};
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt as _;

use crate::remote::issuer::{ISSUER, NOW, Parts, key, token_of};

pub(crate) const STALENESS: Duration = Duration::from_secs(2);
const UNTIL: i64 = NOW + 900;

/// The server. It sends a heartbeat every 100 ms while it is told to.
#[derive(Clone)]
pub(crate) struct FeedServer {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<Mutex<State>>,
    began: Instant,
}

pub(crate) struct State {
    /// What the snapshot says, and its name.
    pub(crate) lines: String,
    pub(crate) tag: String,
    /// The whole snapshot, where it is not what it should be.
    pub(crate) body: Option<String>,
    /// Whether nothing has changed, whatever is known.
    pub(crate) denies_change: bool,
    /// Where the next stream goes on, if it can.
    pub(crate) resumes_at: Option<String>,
    /// Whether a stream goes on from nowhere.
    pub(crate) skips_reset: bool,
    pub(crate) beats: bool,
    /// What heartbeats say of the server's own knowledge, in milliseconds.
    pub(crate) age: u64,
    /// What heartbeats say of the server's clock, where that stands still.
    pub(crate) clock: Option<u128>,
    /// The status of every answer, where it is none.
    pub(crate) status: Option<StatusCode>,
    pub(crate) snapshots: usize,
    pub(crate) unchanged: usize,
    /// The `Last-Event-ID` of each stream.
    pub(crate) streams: Vec<Option<String>>,
    pub(crate) authorization: Option<String>,
    stream: Option<UnboundedSender<Bytes>>,
}

impl FeedServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = State {
            lines: String::new(),
            tag: "W/\"1\"".to_owned(),
            body: None,
            denies_change: false,
            resumes_at: None,
            skips_reset: false,
            beats: true,
            age: 0,
            clock: None,
            status: None,
            snapshots: 0,
            unchanged: 0,
            streams: Vec::new(),
            authorization: None,
            stream: None,
        };
        let address = listener.local_addr().unwrap();
        let this = Self { address, state: Arc::new(Mutex::new(state)), began: Instant::now() };
        let server = this.clone();
        let answer = async move |headers: HeaderMap| server.answer(&headers);
        let app = Router::new().route("/v1/revocations", get(answer));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let server = this.clone();
        tokio::spawn(async move {
            loop {
                server.beat();
                sleep(Duration::from_millis(100)).await;
            }
        });
        this
    }

    /// Has the server be otherwise.
    pub(crate) fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    pub(crate) fn see<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock().unwrap())
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let mut state = self.state.lock().unwrap();
        let text = |name: &str| Some(headers.get(name)?.to_str().unwrap().to_owned());
        state.authorization = text("authorization");
        if let Some(status) = state.status {
            return status.into_response();
        }
        if text("accept").as_deref() == Some("text/event-stream") {
            drop(state);
            return self.open_stream(text("last-event-id"));
        }
        state.snapshots += 1;
        let is_known = headers.get(IF_NONE_MATCH).is_some_and(|known| *known == state.tag);
        if is_known || state.denies_change {
            state.unchanged += 1;
            return StatusCode::NOT_MODIFIED.into_response();
        }
        let body = state.body.clone().unwrap_or_else(|| signed(&state.lines, &json!({})));
        let media_type = "application/vnd.countersign.revocations";
        ([(CONTENT_TYPE, media_type), (ETAG, &*state.tag)], body).into_response()
    }

    fn open_stream(&self, last: Option<String>) -> Response {
        let (parts, stream) = Parts::open();
        let mut state = self.state.lock().unwrap();
        let goes_on = last.is_some() && last == state.resumes_at;
        if !goes_on && !state.skips_reset {
            stream.send("event: reset\nid: n.1\ndata: snapshot\n\n".into()).unwrap();
        }
        state.streams.push(last);
        state.stream = Some(stream);
        drop(state);
        self.beat();
        ([(CONTENT_TYPE, "text/event-stream")], Body::new(parts)).into_response()
    }

    fn beat(&self) {
        let (beats, age, clock) = self.see(|state| (state.beats, state.age, state.clock));
        if beats {
            let clock = clock.unwrap_or_else(|| self.began.elapsed().as_millis());
            self.send(&format!("event: heartbeat\ndata: {clock} {age}\n\n"));
        }
    }

    /// Writes this to the stream that is open, if one is.
    pub(crate) fn send(&self, events: &str) {
        if let Some(stream) = &self.state.lock().unwrap().stream {
            // A follower that is gone does not mind.
            let _gone = stream.send(Bytes::copy_from_slice(events.as_bytes()));
        }
    }

    pub(crate) fn revoke(&self, sid: &str, id: &str) {
        let line = line(sid);
        self.send(&format!("event: revocation\nid: {id}\ndata: {line}\n\n"));
    }

    /// Ends the stream that is open.
    pub(crate) fn hang_up(&self) {
        self.set(|state| state.stream = None);
    }

    pub(crate) fn builder(&self) -> RevocationFeedBuilder {
        let ring = KeyRing::new(vec![key("k1").verifying_key()]);
        let server = format!("http://{}", self.address);
        RevocationFeed::builder(&server, "csk_test", ring).issuer(ISSUER).max_staleness(STALENESS)
    }

    pub(crate) fn follow(&self) -> Followed {
        Followed::of(self.builder())
    }
}

/// What the server says of a session that is over.
pub(crate) fn line(sid: &str) -> String {
    Revocation::session(sid, EndReason::Logout, UNTIL).to_string()
}

/// A snapshot with these lines, signed by claims with these changes.
pub(crate) fn signed(lines: &str, changes: &Value) -> String {
    signed_as("revocations+jwt", "k1", lines, changes)
}

pub(crate) fn signed_as(typ: &str, kid: &str, lines: &str, changes: &Value) -> String {
    let now = Clock::system().unix_seconds();
    let mut claims = json!({
        "iss": ISSUER, "iat": now, "exp": now + 300, "count": lines.lines().count(),
        "sha256": URL_SAFE_NO_PAD.encode(digest(&SHA256, lines.as_bytes())),
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    format!("{lines}{}\n", Signer::new(key(kid)).sign(typ, &claims).unwrap())
}

/// A router behind a guard that asks a feed.
pub(crate) struct Followed {
    pub(crate) feed: RevocationFeed,
    strict: Router,
    going_on: Router,
}

impl Followed {
    pub(crate) fn of(builder: RevocationFeedBuilder) -> Self {
        let feed = builder.build().unwrap();
        let router = |revocations| {
            let ring = KeyRing::new(vec![key("k1").verifying_key()]);
            let guard = Guard::builder(Verifier::new(Profile::ACCESS, ring).issuer(ISSUER))
                .clock(Clock::manual(NOW))
                .revocations(revocations)
                .build()
                .unwrap();
            let me = async |bearer: Bearer| bearer.claims.subject().unwrap().to_owned();
            Router::new().route("/me", get(me)).layer(guard.layer())
        };
        let strict = router(feed.revocations());
        let going_on = router(feed.revocations().even_when_unknown());
        Self { feed, strict, going_on }
    }

    /// What a good token of this session is answered.
    pub(crate) async fn status(&self, sid: &str) -> u16 {
        ask(&self.strict, sid).await
    }

    /// As [`Followed::status`], by a guard that goes on when it does not know.
    pub(crate) async fn status_going_on(&self, sid: &str) -> u16 {
        ask(&self.going_on, sid).await
    }

    /// Waits until a good token of this session is answered so, and gives how long it took.
    #[track_caller]
    pub(crate) fn becomes(&self, sid: &str, status: u16) -> impl Future<Output = Duration> {
        let began = Instant::now();
        async move {
            let waiting = async {
                while self.status(sid).await != status {
                    sleep(Duration::from_millis(5)).await;
                }
            };
            let waited = timeout(Duration::from_secs(10), waiting).await;
            waited.unwrap_or_else(|_| panic!("{sid} does not become {status}: {:?}", self.feed));
            began.elapsed()
        }
    }

    /// Waits until the feed is at fault.
    pub(crate) async fn fault(&self) -> FetchError {
        let waiting = async {
            loop {
                if let Some(fault) = self.feed.fault() {
                    return fault;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(10), waiting).await.expect("the fault is noticed")
    }
}

async fn ask(router: &Router, sid: &str) -> u16 {
    let authorization = format!("Bearer {}", token_of("k1", sid));
    let request = Request::get("/me").header("authorization", authorization);
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    response.status().as_u16()
}
