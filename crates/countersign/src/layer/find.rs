//! Finds the one token of a request.

use std::sync::Arc;

use http::header::{COOKIE, SEC_WEBSOCKET_PROTOCOL};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, Method, Request, Uri};

use super::location::Source;
use super::{Absence, Ambiguity, Denial};

/// What a guard looks at in a request.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) extensions: &'a Extensions,
}

impl<'a> Asked<'a> {
    pub(crate) fn of<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}

impl<'a> From<&'a Parts> for Asked<'a> {
    fn from(parts: &'a Parts) -> Self {
        let Parts { method, uri, headers, extensions, .. } = parts;
        Self { method, uri, headers, extensions }
    }
}

/// A field of a body that was read before, if it was to be.
#[derive(Clone)]
pub(super) struct JsonToken(pub(super) Result<String, Absence>);

/// A token, not checked yet.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) token: &'a str,
    /// Whether nothing but cookies carries it: only then may a foreign page have sent it.
    pub(super) in_cookie: bool,
}

type Place<'a> = Result<Result<&'a str, Absence>, Denial>;

/// The request's token. Two that differ are refused (RFC 6750, section 2); of two equal ones, the
/// first place counts.
pub(super) fn find<'a>(sources: &[Source], asked: Asked<'a>) -> Result<Found<'a>, Denial> {
    let mut found: Option<Found<'a>> = None;
    let mut absences = Vec::new();
    let mut note = |place: Result<&'a str, Absence>, in_cookie: bool| match (place, &mut found) {
        (Err(absence), _) => {
            absences.push(absence);
            Ok(())
        }
        (Ok(token), Some(found)) if token == found.token => {
            found.in_cookie &= in_cookie;
            Ok(())
        }
        (Ok(_), Some(_)) => Err(Denial::Ambiguous(Ambiguity::TwoTokens)),
        (Ok(token), none) => {
            *none = Some(Found { token, in_cookie });
            Ok(())
        }
    };
    for source in sources {
        note(source.look(asked)?, matches!(source, Source::Cookie { .. }))?;
    }
    if let Some(JsonToken(place)) = asked.extensions.get() {
        note(place.as_deref().map_err(Absence::clone), false)?;
    }
    found.ok_or(Denial::Missing(absences))
}

impl Source {
    fn look<'a>(&self, asked: Asked<'a>) -> Place<'a> {
        match self {
            Self::Header { header, name, scheme, exact } => {
                let value = one_header(asked.headers, header)?;
                let Some(value) = value.filter(|value| !value.is_empty()) else {
                    return Ok(Err(Absence::Header { name: Arc::clone(name) }));
                };
                read_header(value, name, scheme.as_ref(), *exact)
            }
            Self::Cookie { name } => {
                let absent = || Absence::Cookie { name: Arc::clone(name) };
                Ok(cookie(asked.headers, name)?.ok_or_else(absent))
            }
            Self::Query { name } => {
                let absent = || Absence::Query { name: Arc::clone(name) };
                let pairs = asked.uri.query().unwrap_or_default().split('&');
                let values = pairs.filter_map(|pair| pair.strip_prefix(&**name)?.strip_prefix('='));
                Ok(only(values, Ambiguity::TwoParameters)?.ok_or_else(absent))
            }
            Self::WebSocket { prefix } => {
                let headers = asked.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
                let offered = headers.filter_map(|value| value.to_str().ok());
                let offered = offered.flat_map(|list| list.split(',')).map(str::trim);
                let tokens = offered.filter_map(|protocol| protocol.strip_prefix(&**prefix));
                Ok(only(tokens, Ambiguity::TwoSubprotocols)?.ok_or(Absence::Subprotocol))
            }
        }
    }
}

fn one_header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, Denial> {
    let values = headers.get_all(name).iter().map(http::HeaderValue::as_bytes);
    only(values, Ambiguity::TwoHeaders)
}

fn read_header<'a>(
    value: &'a [u8],
    name: &Arc<str>,
    scheme: Option<&Arc<str>>,
    exact: bool,
) -> Place<'a> {
    let token = match scheme {
        None => value,
        Some(wanted) => {
            let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
            let (own, rest) = value.split_at(end);
            let (wanted_bytes, same) = (wanted.as_bytes(), own == wanted.as_bytes());
            if !(same || !exact && own.eq_ignore_ascii_case(wanted_bytes)) {
                let (name, scheme) = (Arc::clone(name), Arc::clone(wanted));
                return Ok(Err(Absence::Scheme { name, scheme }));
            }
            rest.get(1..).unwrap_or_default()
        }
    };
    // What is there and is no token is refused, not passed over: the client meant one.
    let text = std::str::from_utf8(token).ok().filter(|token| is_plain(token));
    let malformed = || Denial::Malformed { name: Arc::clone(name), scheme: scheme.cloned() };
    text.map(Ok).ok_or_else(malformed)
}

fn is_plain(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

/// The value of the one cookie of this name, byte for byte: names are not folded and values not
/// unquoted, or a cookie of another origin could pass for ours.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Denial> {
    let pairs = headers.get_all(COOKIE).iter();
    let pairs = pairs.flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    let values = pairs.filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (own, value) = (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii());
        (own == name.as_bytes()).then_some(value)
    });
    let Some(value) = only(values, Ambiguity::TwoCookies)? else { return Ok(None) };
    // An empty one is what a cleared cookie may leave.
    if value.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(value).ok().filter(|value| is_plain(value));
    let malformed = || Denial::Malformed { name: COOKIE.as_str().into(), scheme: None };
    text.map(Some).ok_or_else(malformed)
}

fn only<T>(mut values: impl Iterator<Item = T>, two: Ambiguity) -> Result<Option<T>, Denial> {
    let first = values.next();
    if values.next().is_some() { Err(two.into()) } else { Ok(first) }
}
