//! JSON bodies, read strictly: one object in UTF-8 (RFC 8259), each member once, nothing unknown.

mod body;
mod members;
mod object;

use std::borrow::Cow;

use axum::extract::{FromRequest, Request};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::code::{self, Code};
use super::openapi::{Input, Operation};
use super::problem::Problem;
use super::server::{self, BodyFault};

pub(super) use body::{collect, fault, is_json};
pub use body::{read_body, read_object, read_optional_object};
pub use members::from_object;
pub use object::parse_object;

/// Why a body was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is not `application/json` in UTF-8, or it is compressed.
    #[error("the body is of another media type")]
    UnsupportedMediaType,
    /// It is not what was asked for.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// It is larger than the server takes.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// What the server takes, in bytes.
        limit: usize,
    },
    /// It was not whole in time.
    #[error("the body took too long")]
    TimedOut,
    /// The bodies that are being read take as much memory as they may.
    #[error("there is no memory for the body now")]
    NoRoom,
}

/// What is wrong with a body, and with which of its members. Holds none of its values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Malformed {
    /// The member's name, with those it lies in: `device.name`.
    pub field: Option<String>,
    /// The cause in a word.
    pub reason: Reason,
    /// The cause in a sentence that says what would be right.
    pub detail: Cow<'static, str>,
}

/// The causes of [`Malformed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no body.
    Empty,
    /// The body is badly framed, or the client went away.
    Incomplete,
    /// It is not JSON in UTF-8.
    Syntax,
    /// It is JSON, but not an object.
    NotAnObject,
    /// A member is there twice.
    DuplicateMember,
    /// It has more members than any request needs.
    TooManyMembers,
    /// It is nested deeper than any request needs.
    TooDeep,
    /// A member is not known here.
    UnknownMember,
    /// A member is missing.
    Missing,
    /// A member is of another type.
    Type,
    /// A member's value is not one of those allowed.
    Value,
}

impl Reason {
    /// The word, as problems carry it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Incomplete => "incomplete",
            Self::Syntax => "syntax",
            Self::NotAnObject => "not_an_object",
            Self::DuplicateMember => "duplicate_member",
            Self::TooManyMembers => "too_many_members",
            Self::TooDeep => "too_deep",
            Self::UnknownMember => "unknown_member",
            Self::Missing => "missing",
            Self::Type => "type",
            Self::Value => "value",
        }
    }
}

impl Malformed {
    pub(super) fn new(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { field: None, reason, detail: detail.into() }
    }

    pub(super) fn of(
        field: impl Into<String>,
        reason: Reason,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field: Some(field.into()), reason, detail: detail.into() }
    }
}

impl From<BodyFault> for BodyError {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge { limit } => Self::TooLarge { limit },
            BodyFault::TimedOut => Self::TimedOut,
            BodyFault::NoRoom => Self::NoRoom,
            BodyFault::Broken => Malformed::new(
                Reason::Incomplete,
                "The body is not whole, or its chunks are not well formed.",
            )
            .into(),
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::UnsupportedMediaType => Self::new(
                code::UNSUPPORTED_MEDIA_TYPE,
                "The body must be application/json in UTF-8, and not compressed.",
            ),
            BodyError::Malformed(malformed) => malformed.into(),
            BodyError::TooLarge { limit } => server::too_large(limit),
            BodyError::TimedOut => server::timed_out(),
            BodyError::NoRoom => server::no_room_for_body(),
        }
    }
}

impl From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        let code = match malformed.reason {
            Reason::UnknownMember => code::UNKNOWN_FIELD,
            _ => code::INVALID_BODY,
        };
        let problem = Self::new(code, malformed.detail).reason(malformed.reason.as_str());
        match malformed.field {
            Some(field) => problem.field(field),
            None => problem,
        }
    }
}

/// The body as a `T`, which should refuse unknown members by `#[serde(deny_unknown_fields)]`.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        parse(read_object(request).await?)
    }
}

/// As [`Json`], for a request whose every member is optional: no body is `{}`.
#[derive(Clone, Copy, Debug)]
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let Json(value) = parse(read_optional_object(request).await?)?;
        Ok(Self(value))
    }
}

impl<T: JsonSchema> Input for Json<T> {
    fn describe(operation: Operation) -> Operation {
        operation.takes::<T>("application/json", true).refuses(REFUSALS)
    }
}

impl<T: JsonSchema> Input for OptionalJson<T> {
    fn describe(operation: Operation) -> Operation {
        operation.takes::<T>("application/json", false).refuses(REFUSALS)
    }
}

/// What is said of a body that is no such object.
const REFUSALS: [Code; 3] = [code::INVALID_BODY, code::UNKNOWN_FIELD, code::UNSUPPORTED_MEDIA_TYPE];

fn parse<T: DeserializeOwned>(object: Map<String, Value>) -> Result<Json<T>, Problem> {
    Ok(Json(from_object(object)?))
}
