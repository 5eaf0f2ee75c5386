//! `POST /login`

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::answer::{fail, login};
use super::body::Body;
use super::cookies::SetCookies;
use super::token::mint;
use crate::error::{Error, Half, Result};
use crate::http::dialects::Dialect;
use crate::http::dialects::credentials::Credentials;
use crate::http::dialects::reply::Fail;
use crate::operations::Caller;
use crate::operations::credentials::Presented;
use crate::operations::log_in::LogIn;

/// Begins a session and answers its token.
pub async fn post(
    State(dialect): State<Dialect>,
    caller: Caller,
    Body(Credentials { username, password }): Body,
) -> Result<Response, Fail> {
    let presented = Presented::ClientSha256;
    let log_in = LogIn { identifier: username, password, presented, device: None };
    match begin(&dialect, &caller, log_in).await {
        Ok(response) => Ok(response),
        Err(Error::InvalidCredentials(Half::Identifier)) => {
            Ok(login(201, "user not exist", (None, None)).into_response())
        }
        Err(Error::InvalidCredentials(Half::Password) | Error::PasswordChangeRequired) => {
            Ok(login(202, "wrong password", (None, None)).into_response())
        }
        Err(error) => Err(fail(error)),
    }
}

async fn begin(dialect: &Dialect, caller: &Caller, log_in: LogIn) -> Result<Response> {
    let app = dialect.app();
    let (user, session) = app.log_in(caller, dialect.terms(), log_in).await?;
    let name = app.oldest_identifier(&user.id).await?;
    let (token, csrf) = mint(dialect, &name, &session, caller.now)?;
    let cookies = csrf.map(|csrf| SetCookies::of(dialect, &token, &csrf)).unwrap_or_default();
    Ok((cookies, login(200, "success", (Some(&token), Some(user.number)))).into_response())
}
