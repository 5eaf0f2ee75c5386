//! `POST /auth/login`

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::answer::{Fail, success};
use super::body::Credentials;
use super::token::mint;
use crate::http::dialects::Dialect;
use crate::http::dialects::reply::is_storage;
use crate::operations::Caller;
use crate::operations::credentials::Presented;
use crate::operations::log_in::LogIn;

/// Begins a session and answers its token.
pub async fn post(
    State(dialect): State<Dialect>,
    caller: Caller,
    Credentials { email, password }: Credentials,
) -> Result<Response, Fail> {
    let log_in = LogIn { identifier: email, password, presented: Presented::Typed, device: None };
    let begun = dialect
        .app()
        .log_in(&caller, dialect.terms(), log_in)
        .await
        .and_then(|(user, session)| mint(&dialect, &user, &session, caller.now));
    match begun {
        Ok(token) => Ok(success(StatusCode::OK, "Successfully logged in.", &token)),
        Err(error) if is_storage(&error) => {
            Err(Fail::new(StatusCode::INTERNAL_SERVER_ERROR, "Try again"))
        }
        Err(error) => Err(error.into()),
    }
}
