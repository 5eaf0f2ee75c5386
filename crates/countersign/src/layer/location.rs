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
pub struct Location(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Header { name: String, scheme: Option<String>, reading: Reading },
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
        Self(Kind::Header { name: name.to_owned(), scheme: None, reading: Reading::AnyCase })
    }

    /// A cookie of this name.
    pub fn cookie(name: &str) -> Self {
        Self(Kind::Cookie(name.to_owned()))
    }

    /// A parameter of the query string. The token will be in logs and histories: use it only where
    /// nothing else can be sent, with tokens that live for seconds.
    pub fn query(name: &str) -> Self {
        Self(Kind::Query(name.to_owned()))
    }

    /// A WebSocket subprotocol (RFC 6455, section 1.9) that begins with `prefix`, such as `bearer.`:
    /// `new WebSocket(url, ["bearer." + token, "chat"])`. The client offers a second one for the
    /// server to choose, since browsers close a connection whose server chooses none.
    pub fn websocket(prefix: &str) -> Self {
        Self(Kind::WebSocket(prefix.to_owned()))
    }

    /// The header's value is this scheme, in any case, a space, and the token. Of use for headers
    /// alone.
    #[must_use]
    pub fn scheme(mut self, scheme: &str) -> Self {
        if let Kind::Header { scheme: own, .. } = &mut self.0 {
            *own = Some(scheme.to_owned());
        }
        self
    }

    /// The scheme counts only as it is written here, as flask-jwt-extended has it; RFC 9110 has it
    /// in any case. Of use for headers with a scheme alone.
    #[must_use]
    pub fn exact_scheme(self) -> Self {
        self.read_as(Reading::Exact)
    }

    /// The header is read as flask-jwt-extended reads it, for clients that were written for it: the
    /// scheme as it is written, then the token, with any white space between; in version 4 this may be
    /// one element of a list, in version 3 another scheme is a malformed header. And as there, what
    /// is found here counts: places that come after it are not looked at then. Of use for headers
    /// alone.
    #[must_use]
    pub fn as_flask_jwt_extended(self, version: FlaskVersion) -> Self {
        self.read_as(Reading::Flask(version))
    }

    fn read_as(mut self, reading: Reading) -> Self {
        if let Kind::Header { reading: own, .. } = &mut self.0 {
            *own = reading;
        }
        self
    }

    pub(super) fn into_source(self) -> Result<Source, ConfigError> {
        match self.0 {
            Kind::Header { name, scheme, reading } => header(&name, scheme, reading),
            Kind::Cookie(name) if !is_token(&name) => Err(ConfigError::CookieName(name)),
            Kind::Cookie(name) => Ok(Source::Cookie { name: name.into() }),
            Kind::Query(name) | Kind::WebSocket(name) if !is_token(&name) => {
                Err(ConfigError::ParameterName(name))
            }
            Kind::Query(name) => Ok(Source::Query { name: name.into() }),
            Kind::WebSocket(prefix) => Ok(Source::WebSocket { prefix: prefix.into() }),
        }
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
