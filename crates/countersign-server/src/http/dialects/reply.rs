//! A refusal in JSON, as the dialects answer it whose older systems used Flask-RESTful; and what
//! every dialect's refusals have in common.

use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::error::Error;
use crate::http::json::BodyError;
use crate::http::problem::Problem;

/// What a client is told that did not get what it wanted.
#[derive(Debug)]
pub enum Fail {
    /// In the dialect's words.
    Told {
        /// The status.
        status: StatusCode,
        /// The body.
        body: Value,
        /// When to come back.
        retry_after: Option<Duration>,
    },
    /// A body that is too large or too slow is refused alike for all.
    Native(Problem),
    /// What the guard says.
    Guarded(Box<Response<Bytes>>),
}

/// What a dialect says to whoever has to come back later.
pub struct Words {
    /// Too many attempts failed, or too many requests came from one network.
    pub too_many_attempts: fn() -> Value,
    /// There is too much to do, or no database.
    pub unavailable: fn() -> Value,
}

impl Fail {
    /// A refusal that trying again does not mend.
    pub fn new(status: StatusCode, body: Value) -> Self {
        Self::Told { status, body, retry_after: None }
    }

    /// What is wrong with a field, as `reqparse` tells it.
    pub fn field(name: &str, message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, json!({ "message": { name: message } }))
    }

    /// What any route answers when an operation fails; where a dialect has other words for one of
    /// the errors, the route says so before.
    pub fn of(error: Error, words: &Words) -> Self {
        let told = |status, body: fn() -> Value, retry_after| Self::Told {
            status,
            body: body(),
            retry_after: Some(retry_after),
        };
        match error {
            Error::TooManyAttempts { retry_after } | Error::TooManyRequests { retry_after } => {
                told(StatusCode::TOO_MANY_REQUESTS, words.too_many_attempts, retry_after)
            }
            Error::Overloaded { retry_after } => {
                told(StatusCode::SERVICE_UNAVAILABLE, words.unavailable, retry_after)
            }
            error => {
                is_storage(&error);
                let second = Duration::from_secs(1);
                told(StatusCode::SERVICE_UNAVAILABLE, words.unavailable, second)
            }
        }
    }

    /// The answer, as a guard gives it.
    pub fn into_http(self) -> Response<Bytes> {
        match self {
            Self::Told { status, body, retry_after } => json_answer(status, &body, retry_after),
            Self::Native(problem) => problem.into_http(),
            Self::Guarded(response) => *response,
        }
    }
}

impl From<BodyError> for Fail {
    fn from(error: BodyError) -> Self {
        let told = |status, message: &str| Self::new(status, json!({ "message": message }));
        match error {
            BodyError::UnsupportedMediaType => {
                told(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported content type")
            }
            BodyError::Malformed(_) => told(StatusCode::BAD_REQUEST, "Malformed request body"),
            BodyError::TooLarge { .. } | BodyError::TimedOut | BodyError::NoRoom => {
                Self::Native(error.into())
            }
        }
    }
}

impl IntoResponse for Fail {
    fn into_response(self) -> axum::response::Response {
        self.into_http().map(Body::from)
    }
}

/// A body of JSON.
pub fn json_answer(
    status: StatusCode,
    body: &Value,
    retry_after: Option<Duration>,
) -> Response<Bytes> {
    let json = HeaderValue::from_static("application/json");
    later(answer(status, json, body.to_string()), retry_after)
}

/// A body of this type.
pub fn answer(
    status: StatusCode,
    content_type: HeaderValue,
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// The response, with when to come back where there is such a time: in whole seconds, rounded up,
/// at least one.
pub fn later(mut response: Response<Bytes>, retry_after: Option<Duration>) -> Response<Bytes> {
    if let Some(retry_after) = retry_after {
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        response.headers_mut().insert(RETRY_AFTER, seconds.max(1).into());
    }
    response
}

/// Whether an operation failed for want of the database rather than for what was asked; then it is
/// logged, since the client is not told.
pub fn is_storage(error: &Error) -> bool {
    let is_storage =
        matches!(error, Error::Db(_) | Error::Signing(_) | Error::WrongClock | Error::Internal(_));
    if is_storage {
        tracing::error!(%error, "a request failed");
    }
    is_storage
}
