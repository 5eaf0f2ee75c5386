//! An issuer whose JWK set is what a test says, over real connections; and a guard that has its keys
//! from there.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use countersign::axum::Bearer;
use countersign::layer::{Denial, Guard};
use countersign::remote::{RemoteKeys, RemoteKeysBuilder};
use countersign::{Algorithm, Clock, Issuer as Signer, JwkSet, Profile, SigningKey, Verifier};
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use http_body::Frame;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tower::ServiceExt as _;

pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const ISSUER: &str = "https://accounts.example.org";
/// The pause between two fetches in tests that wait for it.
pub(crate) const FLOOR: Duration = Duration::from_millis(150);

type Answer = Arc<dyn Fn() -> Response + Send + Sync>;

/// The server, and how often it was asked.
#[derive(Clone)]
pub(crate) struct Issuer {
    pub(crate) address: SocketAddr,
    asked: Arc<AtomicUsize>,
    answer: Arc<Mutex<Answer>>,
    delay: Arc<Mutex<Duration>>,
}

impl Issuer {
    /// An issuer that publishes the keys with these identifiers.
    pub(crate) async fn publishing(kids: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Self {
            address: listener.local_addr().unwrap(),
            asked: Arc::default(),
            answer: Arc::new(Mutex::new(Arc::new(|| StatusCode::NOT_FOUND.into_response()))),
            delay: Arc::default(),
        };
        this.publish(kids);
        let server = this.clone();
        let app = Router::new().fallback(async move || {
            server.asked.fetch_add(1, Ordering::SeqCst);
            let delay = *server.delay.lock().unwrap();
            tokio::time::sleep(delay).await;
            let answer = Arc::clone(&*server.answer.lock().unwrap());
            answer()
        });
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        this
    }

    pub(crate) fn publish(&self, kids: &[&str]) {
        self.answer_with(jwk_set(kids));
    }

    /// Answers so, as a JWK set, whatever it is.
    pub(crate) fn answer_with(&self, body: String) {
        self.answer_by(move || {
            ([(CONTENT_TYPE, "application/jwk-set+json")], body.clone()).into_response()
        });
    }

    pub(crate) fn answer_by(&self, answer: impl Fn() -> Response + Send + Sync + 'static) {
        *self.answer.lock().unwrap() = Arc::new(answer);
    }

    pub(crate) fn delay(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/jwks.json", self.address)
    }

    /// A guard with this issuer's keys.
    pub(crate) async fn guarded(&self) -> Guarded {
        self.guarded_by(|builder| builder).await
    }

    pub(crate) async fn guarded_by(
        &self,
        change: impl FnOnce(RemoteKeysBuilder) -> RemoteKeysBuilder,
    ) -> Guarded {
        let builder = RemoteKeys::builder(&self.url()).floor(FLOOR).timeout(Duration::from_secs(1));
        let keys = change(builder).build().unwrap();
        // What came of it is the tests' to look at.
        let _first = keys.ready().await;
        Guarded::new(keys)
    }
}

/// A router behind a guard, and the keys that it has.
#[derive(Clone)]
pub(crate) struct Guarded {
    pub(crate) keys: RemoteKeys,
    app: Router,
}

impl Guarded {
    fn new(keys: RemoteKeys) -> Self {
        let verifier = Verifier::new(Profile::ACCESS, keys.ring()).issuer(ISSUER);
        let guard = Guard::builder(verifier).clock(Clock::manual(NOW)).build().unwrap();
        let me = async |bearer: Bearer| bearer.claims.subject().unwrap().to_owned();
        Self { keys, app: Router::new().route("/me", get(me)).layer(guard.layer()) }
    }

    pub(crate) async fn answer(&self, token: &str) -> (StatusCode, Option<Denial>) {
        let request = Request::get("/me").header("authorization", format!("Bearer {token}"));
        let request = request.body(Body::empty()).unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        (response.status(), response.extensions().get().cloned())
    }

    /// The status that a good token of this key is answered.
    pub(crate) async fn status(&self, kid: &str) -> u16 {
        self.answer(&token(kid)).await.0.as_u16()
    }

    /// Waits until the ring has exactly these keys.
    pub(crate) async fn has(&self, kids: &[&str]) {
        let known = || {
            let keys = self.keys.ring().keys();
            keys.iter().map(|key| key.key_id().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let waiting = async {
            while known() != kids {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("the keys come");
    }
}

/// A key that is the same whenever it is asked for.
pub(crate) fn key(kid: &str) -> SigningKey {
    static KEYS: LazyLock<Mutex<HashMap<String, SigningKey>>> = LazyLock::new(Mutex::default);
    let new = || SigningKey::generate(Algorithm::Es256, Some(kid)).unwrap();
    KEYS.lock().unwrap().entry(kid.to_owned()).or_insert_with(new).clone()
}

pub(crate) fn jwk_set(kids: &[&str]) -> String {
    let keys = kids.iter().map(|kid| key(kid).public_jwk().unwrap()).collect();
    serde_json::to_string(&JwkSet { keys }).unwrap()
}

/// A good token, signed with the key that goes by `kid`.
pub(crate) fn token(kid: &str) -> String {
    token_of(kid, "s1")
}

/// As [`token`], of this session.
pub(crate) fn token_of(kid: &str, sid: &str) -> String {
    let claims = json!({
        "iss": ISSUER, "aud": "https://api.example.org", "sub": "alice", "jti": "t1", "sid": sid,
        "gen": 0, "iat": NOW, "exp": NOW + 900,
    });
    Signer::new(key(kid)).sign("at+jwt", &claims).unwrap()
}

/// The good token of `k1` with these members in its header; its signature fits no more.
pub(crate) fn with_header(changes: &Value) -> String {
    let mut header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": "k1" });
    let members = header.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        members.insert(name.clone(), value.clone());
    }
    members.retain(|_, value| !value.is_null());
    let token = token("k1");
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

/// A body in parts, without a length.
pub(crate) struct Parts(mpsc::UnboundedReceiver<Bytes>);

impl Parts {
    /// A body, and what to send its parts with; it ends when that is dropped.
    pub(crate) fn open() -> (Self, mpsc::UnboundedSender<Bytes>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(receiver), sender)
    }

    pub(crate) fn of<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Self {
        let (this, sender) = Self::open();
        parts.for_each(|part| sender.send(Bytes::copy_from_slice(part)).unwrap());
        this
    }
}

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|part| part.map(|part| Ok(Frame::data(part))))
    }
}
