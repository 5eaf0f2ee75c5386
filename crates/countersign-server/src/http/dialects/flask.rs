//! What the dialects share whose older systems used flask-jwt-extended. Its statuses and messages are
//! the library's; what stands here is told otherwise.

use countersign::VerifyError;
use countersign::layer::{Ambiguity, Answers, Denial, FlaskVersion};
use http::StatusCode;
use serde_json::json;

use super::Dialect;
use super::check::Bearer;
use super::reply::{Fail, Words};
use crate::error::{Error, Refusal};

/// What is told of a token that is not taken, or not there.
pub fn refused(version: FlaskVersion, denial: &Denial, words: &Words) -> Fail {
    let (status, message) = match denial {
        Denial::OutOfTouch => return Fail::of(Refusal::OutOfTouch.into(), words),
        Denial::Ambiguous(Ambiguity::TwoCookies) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "Two cookies of one name".to_owned())
        }
        Denial::Invalid(error) if let Some(message) = undecodable(error) => {
            (StatusCode::UNPROCESSABLE_ENTITY, message)
        }
        denial => Answers::flask_jwt_extended(version).status_and_message(denial),
    };
    Fail::new(status, json!({ "msg": message }))
}

/// Shorter reasons than the versions of `PyJWT` give, which differ in these.
fn undecodable(error: &VerifyError) -> Option<String> {
    Some(match error {
        VerifyError::Encoding => "Invalid padding".to_owned(),
        VerifyError::Header(_) | VerifyError::Type => "Invalid header string".to_owned(),
        VerifyError::Payload(_) => "Invalid payload string".to_owned(),
        VerifyError::WrongClaimType { name } => format!("Invalid claim: {name}"),
        _ => return None,
    })
}

/// What is told when an operation fails on a token that was good so far.
pub fn failed(
    dialect: &Dialect,
    bearer: &Bearer,
    error: Error,
    (version, words): (FlaskVersion, &Words),
) -> Fail {
    match error {
        Error::Refused(refusal) => {
            refused(version, &dialect.refused(refusal, bearer.claims()), words)
        }
        error => Fail::of(error, words),
    }
}
