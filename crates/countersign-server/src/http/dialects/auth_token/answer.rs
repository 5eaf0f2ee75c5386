//! The dialect's answers.

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use countersign::layer::{Absence, Denial};
use countersign::{EndReason, VerifyError};
use http::StatusCode;
use serde_json::json;

use crate::error::{Error, Refusal};
use crate::http::dialects::reply::json_answer;
use crate::http::json::BodyError;
use crate::http::problem::Problem;

/// What a client is told that did not get what it wanted.
#[derive(Debug)]
pub enum Fail {
    /// In the dialect's words.
    Told {
        /// The status.
        status: StatusCode,
        /// What clients show to people.
        message: Cow<'static, str>,
        /// When to come back.
        retry_after: Option<Duration>,
    },
    /// A body that is too large or too slow is refused alike for all.
    Native(Problem),
}

impl Fail {
    pub(super) fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Told { status, message: message.into(), retry_after: None }
    }

    fn later(status: StatusCode, message: &'static str, retry_after: Duration) -> Self {
        Self::Told { status, message: message.into(), retry_after: Some(retry_after) }
    }

    /// Overload, or out of touch: the client may try again.
    fn try_again(retry_after: Duration) -> Self {
        Self::later(StatusCode::SERVICE_UNAVAILABLE, "Try again", retry_after)
    }
}

impl Fail {
    /// The answer, as a guard gives it.
    pub(super) fn into_http(self) -> http::Response<Bytes> {
        match self {
            Self::Told { status, message, retry_after } => {
                let body = json!({ "status": "fail", "message": message });
                json_answer(status, &body, retry_after)
            }
            Self::Native(problem) => problem.into_http(),
        }
    }
}

impl IntoResponse for Fail {
    fn into_response(self) -> Response {
        self.into_http().map(Body::from)
    }
}

/// A success with a token for the user.
pub(super) fn success(status: StatusCode, message: &'static str, token: &str) -> Response {
    let body = json!({ "status": "success", "message": message, "auth_token": token });
    (status, Json(body)).into_response()
}

impl From<BodyError> for Fail {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::UnsupportedMediaType => {
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported content type.")
            }
            BodyError::Malformed(_) => {
                Self::new(StatusCode::BAD_REQUEST, "Malformed request body.")
            }
            BodyError::TooLarge { .. } | BodyError::TimedOut | BodyError::NoRoom => {
                Self::Native(error.into())
            }
        }
    }
}

/// What any route answers when an operation fails; where the dialect has other words for one of
/// them, the route says so before.
impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::TooManyAttempts { retry_after } | Error::TooManyRequests { retry_after } => {
                Self::later(
                    StatusCode::TOO_MANY_REQUESTS,
                    "Too many attempts. Please try again later.",
                    retry_after,
                )
            }
            Error::Overloaded { retry_after } => Self::try_again(retry_after),
            Error::Invalid { message, .. } => Self::new(StatusCode::BAD_REQUEST, message),
            Error::RegistrationClosed | Error::Invitation(_) => {
                Self::new(StatusCode::FORBIDDEN, "Registration is closed.")
            }
            Error::InvalidCredentials(_) | Error::PasswordChangeRequired => {
                Self::new(StatusCode::NOT_FOUND, "User does not exist.")
            }
            Error::IdentifierTaken(_) => {
                Self::new(StatusCode::ACCEPTED, "User already exists. Please Log in.")
            }
            Error::NotFound(_) => invalid_token(),
            Error::Conflict | Error::LastAdmin | Error::NotAdmin | Error::ApiKeyRevoked => {
                Self::try_again(Duration::from_secs(1))
            }
            Error::Db(_) | Error::Signing(_) | Error::WrongClock | Error::Internal(_) => {
                tracing::error!(%error, "a request failed");
                Self::try_again(Duration::from_secs(1))
            }
        }
    }
}

impl From<Refusal> for Fail {
    fn from(refusal: Refusal) -> Self {
        Denial::from(refusal).into()
    }
}

impl From<Denial> for Fail {
    fn from(denial: Denial) -> Self {
        if is_missing(&denial) {
            return unauthorized("Provide a valid auth token.");
        }
        match denial {
            Denial::Missing(_)
            | Denial::Ambiguous(_)
            | Denial::Malformed { no_space: true, .. } => unauthorized("Bearer token malformed."),
            Denial::Invalid(VerifyError::Expired) => {
                unauthorized("Signature expired. Please log in again.")
            }
            Denial::Ended(EndReason::Deleted | EndReason::Disabled) => invalid_token(),
            Denial::Ended(_) => unauthorized("Token blacklisted. Please log in again."),
            Denial::OutOfTouch => Self::try_again(Duration::from_secs(1)),
            _ => invalid_token(),
        }
    }
}

/// Whether there is no header, or a token in it that is empty; another scheme is something else.
pub(super) fn is_missing(denial: &Denial) -> bool {
    match denial {
        Denial::Missing(absences) => {
            !absences.iter().any(|absence| matches!(absence, Absence::Scheme { .. }))
        }
        denial => matches!(denial, Denial::Malformed { empty: true, .. }),
    }
}

pub(super) fn unauthorized(message: &'static str) -> Fail {
    Fail::new(StatusCode::UNAUTHORIZED, message)
}

pub(super) fn invalid_token() -> Fail {
    unauthorized("Invalid token. Please log in again.")
}
