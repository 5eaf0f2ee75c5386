//! Where a token may be.

use std::sync::Arc;

use http::HeaderName;

use super::header::{Header, Reading};
use super::{ConfigError, FlaskVersion};

/// A place in a request where a token may be.
///
/// | place | say | beware |
/// |---|---|---|
/// | [`Location::bearer`] | the default | |
/// | [`Location::header`] | for clients that use another header or scheme | |
/// | [`Location::cookie`] | for browsers; needs [`Cookies`](super::Cookies), which protect against forged requests | |
/// | [`Location::websocket`] | browsers cannot set headers on a WebSocket | the server must choose another subprotocol that the client offered |
/// | [`Location::query`] | off unless named | what stands in a URL is written to logs, histories and `Referer` headers |
///
/// A field of a JSON body is a place, too: see
/// [`GuardLayer::reading_json`](super::GuardLayer::reading_json), off unless asked for, since the
/// guard must then hold a whole body of somebody who is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    kind: Kind,
    scheme: Option<String>,
    reading: Reading,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Header(String),
    Cookie(String),
    Query(String),
    WebSocket(String),
}

impl Location {
    /// `Authorization: Bearer TOKEN` (RFC 6750, section 2.1), the scheme in any case.
    pub fn bearer() -> Self {
        Self::header("authorization").scheme("Bearer")
    }

    /// A header whose whole value is the token.
    pub fn header(name: &str) -> Self {
        Self::new(Kind::Header(name.to_owned()))
    }

    /// A cookie of this name.
    pub fn cookie(name: &str) -> Self {
        Self::new(Kind::Cookie(name.to_owned()))
    }

    /// A parameter of the query string. The token will be in logs and histories: use it only where
    /// nothing else can be sent, with tokens that live for seconds.
    pub fn query(name: &str) -> Self {
        Self::new(Kind::Query(name.to_owned()))
    }

    /// A WebSocket subprotocol (RFC 6455, section 1.9) that begins with `prefix`, such as `bearer.`:
    /// `new WebSocket(url, ["bearer." + token, "chat"])`. The client offers a second one for the
    /// server to choose, since browsers close a connection whose server chooses none.
    pub fn websocket(prefix: &str) -> Self {
        Self::new(Kind::WebSocket(prefix.to_owned()))
    }

    fn new(kind: Kind) -> Self {
        Self { kind, scheme: None, reading: Reading::AnyCase }
    }

    /// The header's value is this scheme, in any case, a space, and the token. For headers alone: of
    /// another place it is [`ConfigError::NoHeader`].
    #[must_use]
    pub fn scheme(mut self, scheme: &str) -> Self {
        self.scheme = Some(scheme.to_owned());
        self
    }

    /// The scheme counts only as it is written here, as flask-jwt-extended has it; RFC 9110 has it
    /// in any case. For headers with a scheme alone: without one it is [`ConfigError::NoScheme`].
    #[must_use]
    pub fn exact_scheme(self) -> Self {
        self.read_as(Reading::Exact)
    }

    /// The header is read as flask-jwt-extended reads it, for clients that were written for it: the
    /// scheme as it is written, then the token, with any white space between; in version 4 this may be
    /// one element of a list, in version 3 another scheme is a malformed header. And as there, what
    /// is found here counts: places that come after it are not looked at then. For headers alone: of
    /// another place it is [`ConfigError::NoHeader`].
    #[must_use]
    pub fn as_flask_jwt_extended(self, version: FlaskVersion) -> Self {
        self.read_as(Reading::Flask(version))
    }

    fn read_as(mut self, reading: Reading) -> Self {
        self.reading = reading;
        self
    }

    pub(super) fn into_source(self) -> Result<Source, ConfigError> {
        let Self { kind, scheme, reading } = self;
        let is_plain = scheme.is_none() && reading == Reading::AnyCase;
        let source = match kind {
            Kind::Header(name) => return header(&name, scheme, reading),
            Kind::Cookie(name) if !is_token(&name) => return Err(ConfigError::CookieName(name)),
            Kind::Query(name) | Kind::WebSocket(name) if !is_token(&name) => {
                return Err(ConfigError::ParameterName(name));
            }
            Kind::Cookie(name) => Source::Cookie { name: name.into() },
            Kind::Query(name) => Source::Query { name: name.into() },
            Kind::WebSocket(prefix) => Source::WebSocket { prefix: prefix.into() },
        };
        if is_plain { Ok(source) } else { Err(ConfigError::NoHeader(source.describe())) }
    }
}

/// A [`Location`] that can be looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Header(Header),
    Cookie { name: Arc<str> },
    Query { name: Arc<str> },
    WebSocket { prefix: Arc<str> },
}

impl Source {
    /// What names it in an error.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Header(Header { name, .. }) => format!("header {name}"),
            Self::Cookie { name } => format!("cookie {name}"),
            Self::Query { name } => format!("query parameter {name}"),
            Self::WebSocket { prefix } => format!("subprotocol {prefix}"),
        }
    }
}

fn header(name: &str, scheme: Option<String>, reading: Reading) -> Result<Source, ConfigError> {
    let unusable = || ConfigError::HeaderName(name.to_owned());
    let field = HeaderName::try_from(name).map_err(|_| unusable())?;
    if let Some(scheme) = scheme.as_ref().filter(|scheme| !is_token(scheme)) {
        return Err(ConfigError::HeaderName(scheme.clone()));
    }
    if reading == Reading::Exact && scheme.is_none() {
        return Err(ConfigError::NoScheme(name.to_owned()));
    }
    let (name, scheme) = (name_as_written(name), scheme.map(Arc::from));
    Ok(Source::Header(Header { field, name, scheme, reading }))
}

/// `Authorization` rather than `authorization`, as people read it.
fn name_as_written(name: &str) -> Arc<str> {
    if name == "authorization" { "Authorization".into() } else { name.into() }
}

/// A token of HTTP (RFC 9110, section 5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_tchar)
}

/// A character of such a token.
pub(super) fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
