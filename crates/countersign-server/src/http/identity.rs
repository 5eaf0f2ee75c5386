//! Who the request is from, by its access token. Extracting [`Identity`] is the only way for a
//! handler to learn it, and it fails closed.

use axum::extract::FromRequestParts;
use countersign::EndReason;
use countersign::layer::{Access, Denial};
use http::request::Parts;

use super::code;
use super::openapi::{Callers, Input, Operation};
use super::problem::Problem;
use crate::error::Error;

/// The user and the session of the access token that the guard found good; on a public route it is
/// looked at now.
#[derive(Clone, Debug)]
pub struct Identity {
    access: Access,
}

impl Identity {
    /// The user's id.
    pub fn user_id(&self) -> &str {
        self.access.claims().subject().unwrap_or_default()
    }

    /// The session's id.
    pub fn session_id(&self) -> &str {
        self.access.claims().session_id().unwrap_or_default()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let access = Access::from_request_parts(parts, state).await;
        let access = access.map_err(|rejection| rejection.denial().clone())?;
        Ok(Self { access })
    }
}

impl Input for Identity {
    fn describe(operation: Operation) -> Operation {
        operation.for_callers(Callers::AccessToken).refuses([
            code::INVALID_REQUEST,
            code::TOKEN_MISSING,
            code::INVALID_TOKEN,
        ])
    }
}

/// Where an operation on the token's own user finds nobody, the token is no good: its user was
/// deleted.
pub fn or_deleted(error: Error) -> Problem {
    match error {
        Error::NotFound("user") => Denial::Ended(EndReason::Deleted).into(),
        error => error.into(),
    }
}
