//! `POST /login`

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{fail, pair};
use super::body::Body;
use super::token::mint;
use crate::error::{Error, Half, Result};
use crate::http::dialects::Dialect;
use crate::http::dialects::credentials::Credentials;
use crate::http::dialects::reply::Fail;
use crate::operations::Caller;
use crate::operations::credentials::Presented;
use crate::operations::log_in::LogIn;

/// Begins a session and answers its tokens.
pub async fn post(
    State(dialect): State<Dialect>,
    caller: Caller,
    Body(Credentials { username, password }): Body,
) -> Result<Json<Value>, Fail> {
    let log_in =
        LogIn { identifier: username.clone(), password, presented: Presented::Typed, device: None };
    let answer = match begin(&dialect, &caller, log_in).await {
        Err(Error::InvalidCredentials(half)) => refuse(&dialect, &username, half).await,
        Err(Error::PasswordChangeRequired) => refuse(&dialect, &username, Half::Password).await,
        answer => answer,
    };
    answer.map_err(fail)
}

async fn begin(dialect: &Dialect, caller: &Caller, log_in: LogIn) -> Result<Json<Value>> {
    let app = dialect.app();
    let (user, session) = app.log_in(caller, dialect.terms(), log_in).await?;
    let name = app.oldest_identifier(&user.id).await?;
    let tokens = mint(dialect, &name, &session, caller.now)?;
    Ok(pair(&format!("Logged in as {name}"), tokens))
}

/// Somebody whose account is disabled is told what those are told who have the password wrong.
async fn refuse(dialect: &Dialect, username: &str, half: Half) -> Result<Json<Value>> {
    let exists = match half {
        Half::Password => true,
        Half::Identifier => {
            let found = dialect.app().find_by_text(username).await?;
            found.is_some_and(|(_, user)| user.is_some())
        }
    };
    let message = if exists {
        "Wrong credentials".to_owned()
    } else {
        format!("User {username} doesn't exist")
    };
    Ok(Json(json!({ "message": message })))
}
