//! Cross-origin resource sharing (Fetch standard, section 3.2): which pages of other origins may
//! call the API and read its answers.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, header};

use super::native::forward_auth;
use crate::config::{Config, Origins};

/// The CORS policy. Without origins it adds no header and answers no preflight.
#[derive(Clone, Debug, Default)]
pub struct Cors(Option<Arc<Policy>>);

/// What pages of the allowed origins may do, in the values of the headers that say so.
#[derive(Debug)]
struct Policy {
    origins: Origins,
    allow_credentials: bool,
    allow_methods: HeaderValue,
    allow_headers: HeaderValue,
    expose_headers: HeaderValue,
    /// How long a browser may remember the answer to a preflight, in seconds.
    max_age: HeaderValue,
}

impl Cors {
    /// The policy of this configuration.
    pub fn of(config: &Config) -> Self {
        let origins = config.cors.origins.clone();
        if origins == Origins::default() {
            return Self(None);
        }
        let in_cookies =
            config.cookies.enabled || config.dialects.iter().any(|dialect| dialect.cookies);
        Self(Some(Arc::new(Policy {
            // Any page of the world may not act with a user's cookies.
            allow_credentials: in_cookies && origins != Origins::Any,
            origins,
            allow_methods: HeaderValue::from_static("GET,POST,PATCH,DELETE"),
            allow_headers: HeaderValue::from_static(
                "authorization,content-type,x-access-token,x-csrf-token",
            ),
            expose_headers: HeaderValue::from_static("www-authenticate,retry-after"),
            max_age: HeaderValue::from_static("600"),
        })))
    }

    /// Adds the CORS headers to the answers of `router`, and answers preflights for its paths.
    pub fn around(self, router: Router) -> Router {
        match self.0 {
            Some(policy) => router.layer(from_fn_with_state(policy, share)),
            None => router,
        }
    }

    /// Whether an answer's headers depend on the request's `Origin`.
    pub fn depends_on_origin(&self) -> bool {
        self.0.as_ref().is_some_and(|policy| policy.origins != Origins::Any)
    }

    /// Adds the CORS headers to an answer that no route gives. `origin` is the request's.
    pub fn add_headers(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if let Some(policy) = &self.0 {
            policy.add_headers(origin, headers);
        }
    }
}

impl Policy {
    /// The value of `Access-Control-Allow-Origin` for a request with this `Origin`.
    fn allow_origin(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        match &self.origins {
            Origins::Any => Some(HeaderValue::from_static("*")),
            Origins::Listed(_) => {
                origin.filter(|it| it.to_str().is_ok_and(|it| self.origins.allow(it))).cloned()
            }
        }
    }

    fn add_headers(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.origins != Origins::Any {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
        let Some(allowed) = self.allow_origin(origin) else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, self.expose_headers.clone());
        if self.allow_credentials {
            let allowed = HeaderValue::from_static("true");
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, allowed);
        }
    }

    /// The answer to a preflight, without the headers that every answer has.
    fn preflight(&self) -> Response {
        [
            (header::ACCESS_CONTROL_ALLOW_METHODS, self.allow_methods.clone()),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, self.allow_headers.clone()),
            (header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone()),
        ]
        .into_response()
    }
}

/// The layer inside of the routing, where it is known whether the path exists.
async fn share(State(policy): State<Arc<Policy>>, request: Request, next: Next) -> Response {
    let origin = single_origin(request.headers()).cloned();
    let is_answered_here = is_preflight(&request)
        && origin.is_some()
        && policy.allow_origin(origin.as_ref()).is_some()
        && has_preflights(request.extensions().get());
    let mut response = if is_answered_here { policy.preflight() } else { next.run(request).await };
    policy.add_headers(origin.as_ref(), response.headers_mut());
    response
}

/// Whether a browser asks what a page may send (Fetch standard, section 3.2.2). Any other `OPTIONS`
/// is for the route.
fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Whether preflights for this path are answered. A path that does not exist has none, and neither
/// has forward authentication: a proxy that keeps the original method would take the answer for a
/// permission, and pass every `OPTIONS` request on.
fn has_preflights(path: Option<&MatchedPath>) -> bool {
    path.is_some_and(|path| path.as_str() != forward_auth::PATH)
}

/// The request's `Origin`, if there is exactly one.
pub(super) fn single_origin(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut values = headers.get_all(header::ORIGIN).iter();
    values.next().filter(|_| values.next().is_none())
}

/// The value of the only `Origin` field in the bytes of a head that was not parsed: it may be
/// malformed, too large or cut off.
pub(super) fn origin_in(head: &[u8]) -> Option<HeaderValue> {
    const NAME: &[u8] = b"origin:";
    let lines = head.trim_ascii_start().split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let mut values = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then(|| value.trim_ascii())
    });
    let value = values.next().filter(|_| values.next().is_none())?;
    HeaderValue::from_bytes(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_of_a_head_that_was_not_parsed_is_that_of_its_one_field() {
        let origin = |head: &str| {
            let origin = origin_in(head.as_bytes())?;
            Some(origin.to_str().expect("text").to_owned())
        };
        let page = Some("https://app.example.org".to_owned());
        let field = "oRiGin:  https://app.example.org ";
        assert_eq!(origin(&format!("\r\nGET / HTTP/1.1\r\n{field}\r\nHost: x\r\n\r\n")), page);
        assert_eq!(origin(&format!("GET / HTTP/1.1\n{field}")), page);
        for none in [
            String::new(),
            "Orig".to_owned(),
            "GET / HTTP/1.1\r\nX-Origin: https://app.example.org\r\n\r\n".to_owned(),
            format!("GET / HTTP/1.1\r\n{field}\r\n{field}\r\n\r\n"),
            format!("POST / HTTP/1.1\r\n\r\n{field}\r\n"),
            "GET / HTTP/1.1\r\nOrigin: a\0b\r\n\r\n".to_owned(),
        ] {
            assert_eq!(origin(&none), None, "{none:?}");
        }
    }
}
