//! The dialect's answers: text about credentials, JSON about tokens.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use countersign::layer::Denial;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::error::{Error, Half, Refusal};
use crate::http::dialects::reply::{answer, json_answer, later};
use crate::http::json::BodyError;
use crate::http::problem::Problem;

/// What a client is told that did not get what it wanted.
#[derive(Debug)]
pub enum Fail {
    /// A text that clients show.
    Text {
        /// The status.
        status: StatusCode,
        /// The text.
        text: Cow<'static, str>,
        /// `WWW-Authenticate`, by which clients tell one refusal of a login from another.
        challenge: Option<&'static str>,
        /// When to come back.
        retry_after: Option<Duration>,
    },
    /// What is wrong with a token.
    Token(StatusCode, &'static str),
    /// A body that is too large or too slow is refused alike for all.
    Native(Problem),
}

impl Fail {
    /// A text without headers of its own.
    pub(super) fn text(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text { status, text: text.into(), challenge: None, retry_after: None }
    }

    fn login(status: StatusCode, challenge: &'static str) -> Self {
        let text = "Could not verify".into();
        Self::Text { status, text, challenge: Some(challenge), retry_after: None }
    }

    /// There is nothing to log in with.
    pub(super) fn login_required() -> Self {
        Self::login(StatusCode::UNAUTHORIZED, r#"Basic realm ="Login required !!""#)
    }

    fn later(status: StatusCode, text: &'static str, retry_after: Duration) -> Self {
        let (text, retry_after) = (text.into(), Some(retry_after));
        Self::Text { status, text, challenge: None, retry_after }
    }

    fn try_again(retry_after: Duration) -> Self {
        Self::later(StatusCode::SERVICE_UNAVAILABLE, "Could not verify", retry_after)
    }

    /// Whatever is wrong with the token.
    pub(super) fn invalid_token() -> Self {
        Self::Token(StatusCode::UNAUTHORIZED, "Token is invalid !!")
    }
}

impl Fail {
    /// The answer, as a guard gives it.
    pub(super) fn into_http(self) -> http::Response<Bytes> {
        let (status, text, challenge, retry_after) = match self {
            Self::Text { status, text, challenge, retry_after } => {
                (status, text, challenge, retry_after)
            }
            Self::Token(status, message) => {
                return json_answer(status, &json!({ "message": message }), None);
            }
            Self::Native(problem) => return problem.into_http(),
        };
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        let mut response = answer(status, html, text.into_owned());
        if let Some(challenge) = challenge {
            let value = HeaderValue::from_static(challenge);
            response.headers_mut().insert(WWW_AUTHENTICATE, value);
        }
        later(response, retry_after)
    }
}

impl IntoResponse for Fail {
    fn into_response(self) -> Response {
        self.into_http().map(Body::from)
    }
}

impl From<BodyError> for Fail {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::UnsupportedMediaType => {
                Self::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported content type.")
            }
            BodyError::Malformed(_) => {
                Self::text(StatusCode::BAD_REQUEST, "Malformed request body.")
            }
            BodyError::TooLarge { .. } | BodyError::TimedOut | BodyError::NoRoom => {
                Self::Native(error.into())
            }
        }
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::InvalidCredentials(Half::Identifier) => {
                Self::login(StatusCode::UNAUTHORIZED, r#"Basic realm ="User does not exist !!""#)
            }
            Error::InvalidCredentials(Half::Password) | Error::PasswordChangeRequired => {
                Self::login(StatusCode::FORBIDDEN, r#"Basic realm ="Wrong Password !!""#)
            }
            Error::TooManyAttempts { retry_after } | Error::TooManyRequests { retry_after } => {
                Self::later(StatusCode::TOO_MANY_REQUESTS, "Too many attempts.", retry_after)
            }
            Error::Overloaded { retry_after } => Self::try_again(retry_after),
            Error::Invalid { message, .. } => Self::text(StatusCode::BAD_REQUEST, message),
            Error::RegistrationClosed | Error::Invitation(_) => {
                Self::text(StatusCode::FORBIDDEN, "Registration is closed.")
            }
            Error::IdentifierTaken(_) => {
                Self::text(StatusCode::ACCEPTED, "User already exists. Please Log in.")
            }
            Error::NotFound(_) => Self::invalid_token(),
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
        match denial {
            Denial::OutOfTouch => Self::try_again(Duration::from_secs(1)),
            Denial::Missing(_) => Self::Token(StatusCode::UNAUTHORIZED, "Token is missing !!"),
            _ => Self::invalid_token(),
        }
    }
}
