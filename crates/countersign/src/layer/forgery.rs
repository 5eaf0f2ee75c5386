//! What protects a token in a cookie against requests that a page did not mean.

use std::sync::Arc;

use http::{Extensions, HeaderMap, HeaderName, Method};

use super::find::Asked;
use super::{Cookies, Denial};
use crate::claims::Claims;

const SEC_WEBSOCKET_KEY: HeaderName = HeaderName::from_static("sec-websocket-key");

type Protect = dyn Fn(&HeaderMap, &Extensions, &Claims) -> Result<(), Denial> + Send + Sync;

#[derive(Clone)]
pub(super) enum Protection {
    /// Nothing, or nothing is in a cookie.
    None,
    /// That of the guard's own cookies.
    Cookies(Cookies),
    /// The application's own.
    Own(Arc<Protect>),
}

impl Protection {
    pub(super) fn or_that_of(own: Option<Self>, cookies: Option<&Cookies>) -> Self {
        own.or_else(|| cookies.cloned().map(Self::Cookies)).unwrap_or(Self::None)
    }

    /// Whether the page that sent this request meant it, which a cookie alone authenticates.
    pub(super) fn check(&self, asked: Asked<'_>, claims: &Claims) -> Result<(), Denial> {
        match self {
            Self::Cookies(cookies) => {
                let session = claims.session_id().or(claims.jwt_id());
                Ok(cookies.check_request(asked, session)?)
            }
            Self::Own(protect) if !is_safe(asked.method) || is_handshake(asked.headers) => {
                protect(asked.headers, asked.extensions, claims)
            }
            Self::Own(_) | Self::None => Ok(()),
        }
    }
}

/// Whether a request, were it safe, begins a WebSocket (RFC 6455, section 4.1): a foreign page may
/// send it, and reads and writes what follows. Over HTTP/2 it is a CONNECT, which is not safe.
pub(super) fn is_handshake(headers: &HeaderMap) -> bool {
    headers.contains_key(SEC_WEBSOCKET_KEY)
}

/// Whether a request of this method changes nothing (RFC 9110, section 9.2.1).
pub(super) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}
