//! What every route has around it: an id and a line in the log for each request, the client's
//! address, safe headers, and a problem where there would be nothing.

use std::any::Any;
use std::fmt::{self, Write};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use super::address::ClientAddress;
use super::code;
use super::problem::Problem;
use super::server::Peer;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::metrics::Metrics;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID: usize = 64;
/// How much of a client's text is written to the log.
const MAX_LOGGED: usize = 256;

/// The id under which a request is logged, in the extensions of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The one that a proxy in front gave, where it is short and plain.
    fn given(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(X_REQUEST_ID)?.to_str().ok()?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_usable = (1..=MAX_REQUEST_ID).contains(&text.len()) && text.bytes().all(is_plain);
        is_usable.then(|| Self(text.to_owned()))
    }
}

/// What the layers need to know.
#[derive(Clone)]
pub struct Surroundings {
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// For the time of a request and of its id.
    pub clock: Clock,
    /// For ids.
    pub entropy: Entropy,
    /// Where answers are counted.
    pub metrics: Metrics,
}

/// Puts the layers around all routes of `router`; none may be added after.
pub fn layers(router: Router, surroundings: Surroundings) -> Router {
    surround(with_fallbacks(router), surroundings)
}

/// The routes, and a problem where there would be nothing.
pub fn with_fallbacks(router: Router) -> Router {
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
}

/// What every answer goes through, those of other layers included.
pub fn surround(router: Router, surroundings: Surroundings) -> Router {
    router.layer(from_fn_with_state(std::sync::Arc::new(surroundings), attend))
}

async fn attend(
    State(surroundings): State<std::sync::Arc<Surroundings>>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = surroundings.clock.monotonic();
    let id = RequestId::given(request.headers()).unwrap_or_else(|| {
        RequestId(surroundings.entropy.uuid(surroundings.clock.now()).to_string())
    });
    let address = match request.extensions().get() {
        Some(Peer(peer)) => {
            ClientAddress::resolve(*peer, request.headers(), &surroundings.trusted_proxies)
        }
        None => ClientAddress::UNKNOWN,
    };
    let span = tracing::info_span!(
        "request",
        id = id.as_str(),
        method = %request.method(),
        path = %Escaped(request.uri().path()),
        %address,
    );
    let echo = HeaderValue::from_str(id.as_str()).ok();
    request.extensions_mut().insert(id);
    request.extensions_mut().insert(address);
    let (method, route) = (request.method().clone(), request.extensions().get().cloned());

    let mut response = next.run(request).instrument(span.clone()).await;

    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(const { HeaderValue::from_static("no-store") });
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(echo) = echo {
        headers.insert(X_REQUEST_ID, echo);
    }
    let took = surroundings.clock.monotonic().saturating_sub(began);
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let status = response.status().as_u16();
    span.in_scope(|| tracing::info!(status, micros, "answered"));
    let route = route.as_ref().map(MatchedPath::as_str);
    surroundings.metrics.answered(route, &method, status, took);
    response
}

async fn not_found() -> Problem {
    Problem::new(code::NOT_FOUND, "There is nothing at this address.")
}

async fn method_not_allowed() -> Problem {
    Problem::new(code::METHOD_NOT_ALLOWED, "This resource does not have this method.")
}

// The cause may hold anything that the code had at hand, so only the place is known: the panic
// hook has written it.
fn panicked(_cause: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    Problem::internal().into_response()
}

/// A client's text as the log may hold it: in one line, with nothing that a terminal or an editor
/// would act upon, and not without end.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (written, char) in self.0.chars().enumerate() {
            if written == MAX_LOGGED {
                return f.write_char('…');
            }
            match char {
                '"' | '\'' => f.write_char(char)?,
                _ => write!(f, "{}", char.escape_debug())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e13_what_a_client_wrote_stays_in_one_line_and_does_nothing() {
        let hostile = "a\r\nb\u{1b}]0;x\u{7}\u{202e}\u{2028}\0c\u{200b}é'\"";
        let logged = Escaped(hostile).to_string();
        assert_eq!(logged, r#"a\r\nb\u{1b}]0;x\u{7}\u{202e}\u{2028}\0c\u{200b}é'""#);
        assert_eq!(Escaped(&"é".repeat(300)).to_string(), "é".repeat(256) + "…");
    }

    #[test]
    fn e13_an_id_is_taken_only_when_it_is_short_and_plain() {
        let given = |text: &[u8]| {
            let value = HeaderValue::from_bytes(text).expect("a header value");
            RequestId::given(&HeaderMap::from_iter([(X_REQUEST_ID, value)]))
        };
        assert_eq!(given(b"A-1_b.2"), Some(RequestId("A-1_b.2".into())));
        for refused in [&b""[..], b"a b", b"a\tb", b"<x>", "é".as_bytes(), &[b'a'; 65]] {
            assert_eq!(given(refused), None, "{refused:?}");
        }
    }
}
