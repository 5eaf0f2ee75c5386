//! The dialect's answers.

use axum::Json;
use countersign::layer::{Answers, FlaskVersion};
use http::StatusCode;
use serde_json::{Value, json};

use super::token::Pair;
use crate::error::Error;
use crate::http::dialects::Dialect;
use crate::http::dialects::check::Bearer;
use crate::http::dialects::flask;
use crate::http::dialects::reply::{Fail, Words};

const WORDS: Words = Words {
    too_many_attempts: || json!({ "message": "Too many attempts" }),
    unavailable: went_wrong,
};

/// What clients are told of all that is none of their business.
pub(super) fn went_wrong() -> Value {
    json!({ "message": "Something went wrong" })
}

/// A pair of tokens with a sentence about it.
pub(super) fn pair(message: &str, Pair { access_token, refresh_token }: Pair) -> Json<Value> {
    Json(json!({
        "message": message,
        "access_token": access_token,
        "refresh_token": refresh_token,
    }))
}

/// A route whose table has 500 for a database that fails.
pub(super) fn storage_failed() -> Fail {
    Fail::new(StatusCode::INTERNAL_SERVER_ERROR, went_wrong())
}

/// What the guard says.
pub(super) fn answers() -> Answers {
    Answers::with(|denial| flask::refused(FlaskVersion::V4, denial, &WORDS).into_http())
}

/// Why a token that was good so far is not taken, or what else failed.
pub(super) fn over(dialect: &Dialect, bearer: &Bearer, error: Error) -> Fail {
    flask::failed(dialect, bearer, error, (FlaskVersion::V4, &WORDS))
}

/// Any other failure.
pub(super) fn fail(error: Error) -> Fail {
    Fail::of(error, &WORDS)
}
