//! The dialect's answers.

use axum::Json;
use countersign::VerifyError;
use countersign::layer::{Answers, Denial, FlaskVersion};
use http::StatusCode;
use serde_json::{Value, json};

use crate::error::Error;
use crate::http::dialects::Dialect;
use crate::http::dialects::check::Bearer;
use crate::http::dialects::flask;
use crate::http::dialects::reply::{Fail, Words};

const WORDS: Words = Words {
    too_many_attempts: || json!({ "code": 429, "message": "too many attempts" }),
    unavailable: || json!({ "code": 503, "message": "try again" }),
};

/// An answer without more to it than its code.
pub(super) fn envelope(code: u16, message: &str) -> Json<Value> {
    Json(json!({ "code": code, "message": message }))
}

/// The answer to a login.
pub(super) fn login(
    code: u16,
    message: &str,
    (token, userid): (Option<&str>, Option<i64>),
) -> Json<Value> {
    Json(json!({ "code": code, "message": message, "token": token, "userid": userid }))
}

/// What the guard says.
pub(super) fn answers() -> Answers {
    Answers::with(|denial| refused(denial).into_http())
}

/// What is told of a token that is not taken, or not there.
pub(super) fn refused(denial: &Denial) -> Fail {
    match denial {
        Denial::Invalid(VerifyError::Expired) => {
            Fail::new(StatusCode::OK, json!({ "code": 201, "message": "token expired" }))
        }
        denial => flask::refused(FlaskVersion::V3, denial, &WORDS),
    }
}

/// Why a token that was good so far is not taken, or what else failed.
pub(super) fn over(dialect: &Dialect, bearer: &Bearer, error: Error) -> Fail {
    flask::failed(dialect, bearer, error, (FlaskVersion::V3, &WORDS))
}

/// Any other failure.
pub(super) fn fail(error: Error) -> Fail {
    Fail::of(error, &WORDS)
}
