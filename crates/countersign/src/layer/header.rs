//! Tokens in headers.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::find::{Place, is_plain, only};
use super::location::is_tchar;
use super::{Absence, Ambiguity, Denial, FlaskVersion};

/// A header in which a token may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) field: HeaderName,
    /// The field's name as people read it.
    pub(super) name: Arc<str>,
    pub(super) scheme: Option<Arc<str>>,
    pub(super) reading: Reading,
}

/// How a header is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// The scheme in any case, a space, the token (RFC 9110, section 11.4).
    AnyCase,
    /// The scheme as it is written, a space, the token.
    Exact,
    /// As flask-jwt-extended does.
    Flask(FlaskVersion),
}

impl Header {
    /// Whether what is found here ends the search, as there.
    pub(super) fn is_final(&self) -> bool {
        matches!(self.reading, Reading::Flask(_))
    }

    pub(super) fn look<'a>(&self, headers: &'a HeaderMap) -> Place<'a> {
        let values = || headers.get_all(&self.field).iter().map(HeaderValue::as_bytes);
        match (self.reading, &self.scheme) {
            (Reading::Flask(_), _) if values().all(<[u8]>::is_empty) => Ok(Err(self.absent())),
            (Reading::Flask(FlaskVersion::V4), Some(scheme)) => {
                self.read_list(values().flat_map(|value| value.split(|byte| *byte == b',')), scheme)
            }
            (Reading::Flask(_), scheme) => self
                .read_words(only(values(), Ambiguity::TwoHeaders).ok().flatten(), scheme.as_ref()),
            (reading, scheme) => {
                let value = only(values(), Ambiguity::TwoHeaders)?;
                match value.filter(|value| !value.is_empty()) {
                    Some(value) => self.read(value, scheme.as_ref(), reading == Reading::Exact),
                    None => Ok(Err(self.absent())),
                }
            }
        }
    }

    /// The scheme ends where its characters do, so that what a client put between it and the token
    /// does not make another scheme of it.
    fn read<'a>(&self, value: &'a [u8], scheme: Option<&Arc<str>>, exact: bool) -> Place<'a> {
        let Some(scheme) = scheme else { return self.token(value) };
        let end = value.iter().position(|byte| !is_tchar(*byte)).unwrap_or(value.len());
        let (own, rest) = value.split_at(end);
        let wanted = scheme.as_bytes();
        let is_wanted = own == wanted || !exact && own.eq_ignore_ascii_case(wanted);
        match rest {
            _ if own.is_empty() => Err(self.malformed(false)),
            _ if !is_wanted => Ok(Err(self.of_another_scheme(scheme))),
            [] => Err(self.malformed(true)),
            [b' ', token @ ..] => self.token(token),
            _ => Err(Denial::Malformed {
                name: Arc::clone(&self.name),
                scheme: Some(Arc::clone(scheme)),
                empty: false,
                no_space: true,
            }),
        }
    }

    /// The one element of a list that is of the scheme.
    fn read_list<'a>(
        &self,
        elements: impl Iterator<Item = &'a [u8]>,
        scheme: &Arc<str>,
    ) -> Place<'a> {
        let mut own = elements.filter(|it| words(it).next() == Some(scheme.as_bytes()));
        match (own.next(), own.next()) {
            (Some(element), None) => self.read_words(Some(element), Some(scheme)),
            _ => Ok(Err(self.of_another_scheme(scheme))),
        }
    }

    /// The scheme, if there is to be one, and the token; nothing else.
    fn read_words<'a>(&self, value: Option<&'a [u8]>, scheme: Option<&Arc<str>>) -> Place<'a> {
        let mut words = words(value.unwrap_or_default());
        if scheme.is_some_and(|scheme| words.next() != Some(scheme.as_bytes())) {
            return Err(self.malformed(false));
        }
        match (words.next(), words.next()) {
            (Some(token), None) => self.token(token),
            (token, _) => Err(self.malformed(token.is_none())),
        }
    }

    /// What is there and is no token is refused, not passed over: the client meant one.
    fn token<'a>(&self, token: &'a [u8]) -> Place<'a> {
        let text = std::str::from_utf8(token).ok().filter(|token| is_plain(token));
        text.map(Ok).ok_or_else(|| self.malformed(token.first().is_none_or(|byte| *byte == b' ')))
    }

    fn malformed(&self, empty: bool) -> Denial {
        let (name, scheme) = (Arc::clone(&self.name), self.scheme.clone());
        Denial::Malformed { name, scheme, empty, no_space: false }
    }

    fn absent(&self) -> Absence {
        Absence::Header { name: Arc::clone(&self.name) }
    }

    fn of_another_scheme(&self, scheme: &Arc<str>) -> Absence {
        Absence::Scheme { name: Arc::clone(&self.name), scheme: Arc::clone(scheme) }
    }
}

/// What stands between white space.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}
