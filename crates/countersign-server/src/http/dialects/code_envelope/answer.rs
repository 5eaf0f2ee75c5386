//! The dialect's answers.

use axum::Json;
use serde_json::{Value, json};

use crate::error::Error;
use crate::http::dialects::flask_token::Denied;
use crate::http::dialects::reply::{Fail, Words};

pub(super) const WORDS: Words = Words {
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

/// The answer to a token that is not taken.
pub(super) fn denied(denied: Denied) -> Fail {
    match denied {
        Denied::Expired => {
            Fail::new(http::StatusCode::OK, json!({ "code": 201, "message": "token expired" }))
        }
        denied => Fail::denied(denied, &WORDS),
    }
}

/// Any other failure.
pub(super) fn fail(error: Error) -> Fail {
    Fail::of(error, &WORDS)
}
