//! Checks a token in the order of flask-jwt-extended, for the dialects whose older systems used it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::{EndReason, VerifyError};
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use super::flask_jwt::{Answer, OTHER_CSRF, REVOKED, Version, Wanted, invalid, user_gone};
use super::{Bearer, Dialect};
use crate::clock::Time;
use crate::error::{Error, Refusal, Result};
use crate::tables::user::{self, User};

/// A token as a request carries it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The token, unchecked.
    pub token: String,
    /// What must be the token's claim `csrf`, where a cookie carried it to an unsafe method.
    pub csrf: Option<String>,
}

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
    pub async fn check(&self, sent: &Sent, wanted: Wanted, now: Time) -> Result<Bearer, Denied> {
        let bearer = match self.dialect.check(&sent.token, now).await {
            Ok(bearer) => bearer,
            Err(refusal) => return Err(self.explain(sent, wanted, refusal)),
        };
        let claim = |name: &str| bearer.claims().get(name).and_then(Value::as_str);
        self.check_use(claim("csrf"), claim("type"), (sent, wanted)).map_err(Denied::Told)?;
        Ok(bearer)
    }

    /// Whether a token with these claims may be used in this way.
    fn check_use(
        &self,
        csrf: Option<&str>,
        kind: Option<&str>,
        (sent, wanted): (&Sent, Wanted),
    ) -> Result<(), Answer> {
        if let Some(sent) = &sent.csrf {
            let name = "csrf";
            let csrf = csrf.ok_or_else(|| invalid(&VerifyError::MissingClaim { name }))?;
            if !bool::from(csrf.as_bytes().ct_eq(sent.as_bytes())) {
                return Err(OTHER_CSRF);
            }
        }
        self.version.check_type(kind, wanted)
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

    fn explain(&self, sent: &Sent, wanted: Wanted, refusal: Refusal) -> Denied {
        match refusal {
            Refusal::Invalid(VerifyError::Expired) => Denied::Expired,
            Refusal::Invalid(error) => Denied::Told(invalid(&error)),
            Refusal::Ended(reason) => Denied::Told(self.explain_end(sent, wanted, reason)),
            refusal => Denied::Failed(refusal.into()),
        }
    }

    /// A token that is over had a good signature, so that its claims may be looked at; and how it
    /// is used counts first.
    fn explain_end(&self, sent: &Sent, wanted: Wanted, reason: EndReason) -> Answer {
        let claims = payload(&sent.token);
        let claim = |name: &str| claims.get(name).and_then(Value::as_str);
        match self.check_use(claim("csrf"), claim("type"), (sent, wanted)) {
            Ok(()) => ended(reason, claim(self.identity).or(claim("sub")).unwrap_or("")),
            Err(answer) => answer,
        }
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
