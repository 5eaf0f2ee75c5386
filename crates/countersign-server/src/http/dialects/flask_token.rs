//! Checks a token in the order of flask-jwt-extended, for the dialects whose older systems used it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::{EndReason, VerifyError};
use serde_json::Value;

use super::flask_jwt::{Answer, REVOKED, Version, Wanted, invalid, user_gone};
use super::{Bearer, Dialect};
use crate::clock::Time;
use crate::error::{Error, Refusal, Result};
use crate::tables::user::{self, User};

/// Why a token is not taken.
#[derive(Debug)]
pub enum Denied {
    /// As the library answers.
    Told(Answer),
    /// It has expired, for which an application may have words of its own.
    Expired,
    /// The request failed for another cause.
    Failed(Error),
}

/// A dialect whose older system used a version of the library.
#[derive(Clone, Copy)]
pub struct Flask<'a> {
    /// The dialect.
    pub dialect: &'a Dialect,
    /// The version.
    pub version: &'a Version,
    /// The claim that names the user.
    pub identity: &'static str,
}

impl Flask<'_> {
    /// Checks a token that a request carries.
    pub async fn check(&self, token: &str, wanted: Wanted, now: Time) -> Result<Bearer, Denied> {
        let bearer = match self.dialect.check(token, now).await {
            Ok(bearer) => bearer,
            Err(refusal) => return Err(self.explain(token, wanted, refusal)),
        };
        let kind = bearer.claims().get("type").and_then(Value::as_str);
        self.version.check_type(kind, wanted).map_err(Denied::Told)?;
        Ok(bearer)
    }

    /// The user of a good token, from the database.
    pub async fn user(&self, bearer: &Bearer) -> Result<User, Denied> {
        if let Some(legacy) = &bearer.legacy {
            return Ok(legacy.user.clone());
        }
        let session_id = bearer.session_id().unwrap_or_default();
        let user = user::find_by_session(&self.dialect.app().db, session_id).await;
        let user = user.map_err(|error| Denied::Failed(error.into()))?;
        let name = || bearer.claims().get(self.identity).and_then(Value::as_str).unwrap_or("");
        user.filter(User::is_active).ok_or_else(|| Denied::Told(user_gone(name())))
    }

    fn explain(&self, token: &str, wanted: Wanted, refusal: Refusal) -> Denied {
        match refusal {
            Refusal::Invalid(VerifyError::Expired) => Denied::Expired,
            Refusal::Invalid(error) => Denied::Told(invalid(&error)),
            Refusal::Ended(reason) => Denied::Told(self.explain_end(token, wanted, reason)),
            refusal => Denied::Failed(refusal.into()),
        }
    }

    /// A token that is over had a good signature, so that its claims may be looked at; and its type
    /// counts first.
    fn explain_end(&self, token: &str, wanted: Wanted, reason: EndReason) -> Answer {
        let claims = payload(token);
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if let Err(answer) = self.version.check_type(text("type"), wanted) {
            return answer;
        }
        ended(reason, text(self.identity).or(text("sub")).unwrap_or(""))
    }
}

/// The answer to a token that is over, of the user called `name`.
pub fn ended(reason: EndReason, name: &str) -> Answer {
    match reason {
        EndReason::Deleted | EndReason::Disabled => user_gone(name),
        _ => REVOKED,
    }
}

/// What a token says; null where it says nothing.
fn payload(token: &str) -> Value {
    let segment = token.split('.').nth(1).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(segment).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}
