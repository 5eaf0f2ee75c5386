//! Query strings, read strictly: each parameter once, and none that nobody knows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::code;
use super::openapi::{Input, Operation};
use super::problem::Problem;
use crate::error::Error;
use crate::operations::page::{Page, foreign_cursor};

/// How many things a part of a list has unless the client says so.
const DEFAULT_LIMIT: usize = 50;
/// How many things a part of a list has at most.
const MOST: usize = 200;

/// The parameters of a request; [`Query::end`] refuses what was not taken before.
#[derive(Debug)]
pub struct Query(BTreeMap<String, String>);

/// A request that has no parameters.
#[derive(Clone, Copy, Debug)]
pub struct NoQuery;

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Query::from_request_parts(parts, state).await?.end().map(|()| Self)
    }
}

impl Input for Query {
    fn describe(operation: Operation) -> Operation {
        NoQuery::describe(operation).refuses([code::INVALID_FIELD])
    }
}

impl Input for NoQuery {
    fn describe(operation: Operation) -> Operation {
        operation.refuses([code::INVALID_QUERY, code::UNKNOWN_PARAMETER])
    }
}

impl Query {
    /// The parameter of this name, if it is there.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// Whether the parameter says `true`; where it is missing, it does not.
    pub fn flag(&mut self, name: &'static str) -> Result<bool, Error> {
        match self.take(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(invalid(name, "value", "say true or false")),
        }
    }

    /// The id that the parameter holds.
    pub fn id(&mut self, name: &'static str) -> Result<Option<String>, Error> {
        let Some(text) = self.take(name) else { return Ok(None) };
        match Uuid::try_parse(&text) {
            Ok(id) => Ok(Some(id.to_string())),
            Err(_) => Err(invalid(name, "value", "an id is a UUID")),
        }
    }

    /// Which part of a list is wanted: `cursor` and `limit`.
    pub fn page(&mut self) -> Result<Page, Error> {
        let limit = match self.take("limit") {
            None => DEFAULT_LIMIT,
            Some(text) => parse_limit(&text)
                .ok_or_else(|| invalid("limit", "range", "a limit is a number from 1 to 200"))?,
        };
        let after = match self.take("cursor") {
            None => None,
            Some(cursor) => Some(open(&cursor).ok_or_else(foreign_cursor)?),
        };
        Ok(Page { after, limit })
    }

    /// Refuses a parameter that was not taken.
    pub fn end(self) -> Result<(), Problem> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(name) => {
                let detail = "There is no such parameter here.";
                Err(Problem::new(code::UNKNOWN_PARAMETER, detail).field(name))
            }
        }
    }
}

/// What the client sends to get the next part of a list. It need not know what is in it.
pub fn cursor(next: impl AsRef<str>) -> String {
    URL_SAFE_NO_PAD.encode(next.as_ref())
}

fn open(cursor: &str) -> Option<String> {
    let after = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    (!after.contains(char::is_control)).then_some(after)
}

/// Digits alone: nothing else is a number of things.
fn parse_limit(text: &str) -> Option<usize> {
    let limit = text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok())??;
    (1..=MOST).contains(&limit).then_some(limit)
}

fn invalid(field: &'static str, reason: &'static str, message: &'static str) -> Error {
    Error::Invalid { field, reason, message: Cow::Borrowed(message) }
}

fn parse(query: &str) -> Result<BTreeMap<String, String>, Problem> {
    let mut parameters = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        if parameters.contains_key(&name) {
            return Err(unreadable("A parameter may be there once.").field(name));
        }
        parameters.insert(name, value);
    }
    Ok(parameters)
}

/// Strict where the usual decoders put U+FFFD in the place of what is not UTF-8.
fn decode(half: &str) -> Result<String, Problem> {
    let spaced = half.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(unreadable("The query is not UTF-8.")),
    }
}

fn unreadable(detail: &'static str) -> Problem {
    Problem::new(code::INVALID_QUERY, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query(parse(text).expect("it can be read"))
    }

    #[test]
    fn each_parameter_is_taken_once_and_what_is_left_is_refused() {
        let mut query = query("a=1+2&&b=%C3%BC&c&=x");
        assert_eq!(query.take("a").as_deref(), Some("1 2"));
        assert_eq!(query.take("b").as_deref(), Some("ü"));
        assert_eq!(query.take("c").as_deref(), Some(""));
        assert_eq!(query.take("c"), None);
        assert_eq!(query.end().expect_err("one is left").code(), "unknown_parameter");
        for unreadable in ["a=1&a=2", "a=1&%61=2", "a=%ff", "%c3=1"] {
            assert_eq!(parse(unreadable).expect_err(unreadable).code(), "invalid_query");
        }
    }

    #[test]
    fn a_limit_is_a_number_from_1_to_200() {
        let limit = |text: &str| query(&format!("limit={text}")).page().map(|page| page.limit).ok();
        assert_eq!((limit("1"), limit("200"), limit("007")), (Some(1), Some(200), Some(7)));
        assert_eq!(query("").page().expect("a page").limit, DEFAULT_LIMIT);
        let huge = "9".repeat(40);
        for bad in ["0", "201", "1000000000", "-1", "%2B5", "", "x", "1.5", "1e2", &huge] {
            assert_eq!(limit(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_cursor_reads_back_and_what_is_none_is_refused() {
        let next = cursor("ü 1");
        let page = query(&format!("cursor={next}")).page().expect("a page");
        assert_eq!(page.after.as_deref(), Some("ü 1"));
        let with_nul = URL_SAFE_NO_PAD.encode("a\0b");
        for bad in ["*", "YQ==", "_w", &with_nul] {
            assert!(query(&format!("cursor={bad}")).page().is_err(), "{bad}");
        }
    }
}
