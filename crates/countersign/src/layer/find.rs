//! Finds the one token of a request.

use std::fmt;
use std::sync::Arc;

use http::header::{COOKIE, SEC_WEBSOCKET_PROTOCOL};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, Method, Request, Uri};

use super::location::Source;
use super::{Absence, Ambiguity, BodyFault, Denial};

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

/// A field of a body that was read before, if it was to be and could be.
#[derive(Clone)]
pub(super) struct JsonToken(pub(super) Result<Result<String, Absence>, BodyFault>);

/// A request's one token, not checked yet; see [`Guard::find`](super::Guard::find).
#[derive(Clone, Copy)]
pub struct Found<'a> {
    pub(super) token: &'a str,
    pub(super) in_cookie: bool,
}

impl<'a> Found<'a> {
    /// The token.
    pub fn token(&self) -> &'a str {
        self.token
    }

    /// Whether nothing but cookies carries it: only then may a foreign page have sent it.
    pub fn is_in_cookie(&self) -> bool {
        self.in_cookie
    }
}

impl fmt::Debug for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found").field("in_cookie", &self.in_cookie).finish_non_exhaustive()
    }
}

pub(super) type Place<'a> = Result<Result<&'a str, Absence>, Denial>;

/// The request's token. Two that differ are refused (RFC 6750, section 2), and what has not the form
/// of a token counts as one; of two equal ones, the first place counts.
pub(super) fn find<'a>(sources: &[Source], asked: Asked<'a>) -> Result<Found<'a>, Denial> {
    let mut search = Search::default();
    for source in sources {
        let place = source.look(asked);
        if source.is_final() && !matches!(place, Ok(Err(_))) {
            search.note(place, false)?;
            return search.end();
        }
        search.note(place, matches!(source, Source::Cookie { .. }))?;
    }
    if let Some(JsonToken(place)) = asked.extensions.get() {
        let place = place.as_ref().map_err(|fault| *fault)?;
        search.note(Ok(place.as_deref().map_err(Absence::clone)), false)?;
    }
    search.end()
}

/// What was found so far.
#[derive(Default)]
struct Search<'a> {
    found: Option<Found<'a>>,
    malformed: Option<Denial>,
    absences: Vec<Absence>,
}

impl<'a> Search<'a> {
    fn note(&mut self, place: Place<'a>, in_cookie: bool) -> Result<(), Denial> {
        match (place, &mut self.found) {
            (Ok(Err(absence)), _) => self.absences.push(absence),
            (Ok(Ok(token)), Some(found)) if token == found.token => found.in_cookie &= in_cookie,
            (Ok(Ok(_)), Some(_)) => return Err(Ambiguity::TwoTokens.into()),
            (Ok(Ok(token)), none) => *none = Some(Found { token, in_cookie }),
            (Err(malformed @ Denial::Malformed { .. }), _) => {
                self.malformed.get_or_insert(malformed);
            }
            (Err(denial), _) => return Err(denial),
        }
        Ok(())
    }

    fn end(self) -> Result<Found<'a>, Denial> {
        match (self.found, self.malformed) {
            (Some(found), None) => Ok(found),
            (Some(_), Some(_)) => Err(Ambiguity::TwoTokens.into()),
            (None, Some(malformed)) => Err(malformed),
            (None, None) => Err(Denial::Missing(self.absences)),
        }
    }
}

impl Source {
    /// Whether what is found here ends the search.
    fn is_final(&self) -> bool {
        matches!(self, Self::Header(header) if header.is_final())
    }

    fn look<'a>(&self, asked: Asked<'a>) -> Place<'a> {
        match self {
            Self::Header(header) => header.look(asked.headers),
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
                let lists = asked.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
                let offered = lists.flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
                let offered = offered.map(<[u8]>::trim_ascii);
                let tokens = offered.filter_map(|it| it.strip_prefix(prefix.as_bytes()));
                match only(tokens, Ambiguity::TwoSubprotocols)?.map(std::str::from_utf8) {
                    Some(Ok(token)) => Ok(Ok(token)),
                    Some(Err(_)) => Err(malformed(&SEC_WEBSOCKET_PROTOCOL)),
                    None => Ok(Err(Absence::Subprotocol)),
                }
            }
        }
    }
}

pub(super) fn is_plain(token: &str) -> bool {
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
    text.map(Some).ok_or_else(|| malformed(&COOKIE))
}

/// What is in the header and no token.
fn malformed(name: &HeaderName) -> Denial {
    let name = name.as_str().into();
    Denial::Malformed { name, scheme: None, empty: false, no_space: false }
}

pub(super) fn only<T>(
    mut values: impl Iterator<Item = T>,
    two: Ambiguity,
) -> Result<Option<T>, Denial> {
    let first = values.next();
    if values.next().is_some() { Err(two.into()) } else { Ok(first) }
}
