//! What the tests share: one key, one clock, a router behind a guard, and requests in one line.

use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::routing::{any, get};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::axum::Bearer;
use countersign::layer::{Cookies, Denial, Guard, GuardBuilder, Location};
use countersign::{Algorithm, Clock, CsrfTokens, Issuer, KeyRing, Profile, SigningKey, Verifier};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const APP: &str = "https://app.example.org";
pub(crate) const CSRF_KEY: [u8; 32] = [9; 32];

pub(crate) static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_secret(Algorithm::Hs256, Some("k1"), &[7; 32]).unwrap());

pub(crate) fn verifier() -> Verifier {
    Verifier::new(Profile::ACCESS, KeyRing::new(vec![KEY.verifying_key()]))
        .issuer("https://accounts.example.org")
        .audience("https://api.example.org")
}

pub(crate) fn builder() -> GuardBuilder {
    Guard::builder(verifier()).clock(Clock::manual(NOW))
}

/// A guard that looks into the header and into the cookie.
pub(crate) fn with_cookies() -> GuardBuilder {
    builder().cookies(Cookies::builder(APP, &CSRF_KEY).build().unwrap())
}

pub(crate) fn csrf_token(session: &str) -> String {
    CsrfTokens::new(&CSRF_KEY, None).unwrap().write(session)
}

/// A good token, with these members in the place of its own; `null` takes one out.
pub(crate) fn token_with(changes: &Value) -> String {
    let mut claims = json!({
        "iss": "https://accounts.example.org", "aud": "https://api.example.org", "sub": "alice",
        "jti": "t1", "sid": "s1", "gen": 3, "iat": NOW - 60, "exp": NOW + 900,
        "auth_time": NOW - 60, "roles": ["clerk"], "scope": "orders:read orders:write",
    });
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        members.insert(name.clone(), value.clone());
    }
    members.retain(|_, value| !value.is_null());
    Issuer::new(KEY.clone()).sign("at+jwt", &claims).unwrap()
}

pub(crate) fn token() -> String {
    token_with(&json!({}))
}

/// What a token's segment says.
pub(crate) fn decoded(token: &str, segment: usize) -> Value {
    let segment = token.split('.').nth(segment).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).unwrap()).unwrap()
}

/// `/me` says who asks, by any method; `/public` says that anybody may.
pub(crate) fn app(guard: &Guard) -> Router {
    Router::new()
        .route("/me", any(async |bearer: Bearer| bearer.claims.subject().unwrap().to_owned()))
        .route("/public", get(async || "anybody"))
        .layer(guard.layer())
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) denial: Option<Denial>,
}

impl Answer {
    pub(crate) fn challenge(&self) -> Option<&str> {
        Some(self.headers.get("www-authenticate")?.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn is_alice(&self) -> bool {
        self.status == 200 && self.text == "alice"
    }
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let denial = parts.extensions.get().cloned();
    Answer { status: parts.status, headers: parts.headers, text, denial }
}

/// A request such as `GET /me`, with these headers.
pub(crate) fn request(line: &str, headers: &[(&str, &[u8])]) -> Request<Body> {
    let (method, target) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(target).body(Body::empty()).unwrap();
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, HeaderValue::from_bytes(value).unwrap());
    }
    request
}

pub(crate) async fn ask(router: &Router, line: &str, headers: &[(&str, &str)]) -> Answer {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    send(router, request(line, &headers)).await
}

/// A request with this token as a bearer token.
pub(crate) async fn bear(router: &Router, line: &str, token: &str) -> Answer {
    ask(router, line, &[("authorization", &format!("Bearer {token}"))]).await
}

pub(crate) fn header_only(location: Location) -> Guard {
    builder().locations([location]).build().unwrap()
}
