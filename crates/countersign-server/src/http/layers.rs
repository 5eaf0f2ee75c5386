//! What every route has around it: an id and a line in the log for each request, the client's
//! address, safe headers, and a problem where there would be nothing.

use std::any::Any;
use std::fmt::{self, Write};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use countersign::layer::Denial;
use ipnet::IpNet;
use opentelemetry::context::FutureExt as _;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use super::address::ClientAddress;
use super::code::{self, Code};
use super::problem::Problem;
use super::server::Peer;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::metrics::{Metrics, known_method};
use crate::traces::{Traced, Traces};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
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
    /// The proxies whose `X-Forwarded-For` and `traceparent` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// For the time of a request and of its id.
    pub clock: Clock,
    /// For ids.
    pub entropy: Entropy,
    /// Where answers are counted.
    pub metrics: Metrics,
    /// Where requests are traced to, if anywhere.
    pub traces: Option<Traces>,
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
    let peer = request.extensions().get().copied();
    let address = peer.map_or(ClientAddress::UNKNOWN, |Peer(peer)| {
        let trusted = (&*surroundings.trusted_proxies, began);
        ClientAddress::warn_of_untrusted(peer, request.headers(), trusted);
        ClientAddress::resolve(peer, request.headers(), &surroundings.trusted_proxies)
    });
    let (method, route) = (request.method().clone(), request.extensions().get().cloned());
    let route = route.as_ref().map(MatchedPath::as_str);
    let traced = surroundings.trace((&method, route), &id, (peer, request.headers()));
    let span = tracing::info_span!(
        "request",
        id = id.as_str(),
        method = known_method(&method).unwrap_or("other"),
        path = %Escaped(request.uri().path()),
        %address,
        trace_id = traced.as_ref().map(|traced| tracing::field::display(traced.trace_id())),
    );
    let echo = HeaderValue::from_str(id.as_str()).ok();
    request.extensions_mut().insert(id);
    request.extensions_mut().insert(address);

    let answering = next.run(request).instrument(span.clone());
    let mut response = match &traced {
        Some(traced) => answering.with_context(traced.context()).await,
        None => answering.await,
    };

    add_security_headers(response.headers_mut());
    if let Some(id) = echo {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    let took = surroundings.clock.monotonic().saturating_sub(began);
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let status = response.status().as_u16();
    span.in_scope(|| tracing::info!(status, micros, "answered"));
    surroundings.metrics.answered(route, &method, status, took);
    if let Some(denial) = response.extensions().get() {
        surroundings.metrics.refused(denial);
    }
    if let Some(traced) = traced {
        traced.answered(response.status(), outcome(&response));
    }
    response
}

/// Adds the headers that keep browsers from storing, guessing about and leaking what every answer
/// holds.
pub fn add_security_headers(headers: &mut HeaderMap) {
    headers.entry(header::CACHE_CONTROL).or_insert(const { HeaderValue::from_static("no-store") });
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // With `no-referrer`, browsers would send `Origin: null` with a form to this server.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    // Pages that CORS allows are not concerned: they ask in the mode `cors`.
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
}

impl Surroundings {
    /// Begins the span of a request, if it is traced. Only a trusted proxy says of what trace it is
    /// a part: others must not be able to steer what is traced, or to write into a trace of ours.
    fn trace(
        &self,
        asked: (&Method, Option<&str>),
        id: &RequestId,
        (peer, headers): (Option<Peer>, &HeaderMap),
    ) -> Option<Traced> {
        let traces = self.traces.as_ref()?;
        let is_trusted = peer.is_some_and(|peer| peer.is_in(&self.trusted_proxies));
        traces.begin(asked, id.as_str(), is_trusted.then_some(headers))
    }
}

/// What came of a request, in a word: why the token was refused, the code of the problem, or what
/// the status says.
fn outcome(response: &Response) -> &'static str {
    let extensions = response.extensions();
    if let Some(denial) = extensions.get::<Denial>() {
        return denial.code();
    }
    match (extensions.get::<Code>(), response.status().as_u16()) {
        (Some(code), _) => code.as_str(),
        (None, ..400) => "ok",
        (None, 400..500) => "refused",
        (None, _) => "failed",
    }
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
