//! `POST /login`

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use super::answer::Fail;
use super::body::Credentials;
use super::token::mint;
use crate::http::dialects::Dialect;
use crate::operations::Caller;
use crate::operations::credentials::Presented;
use crate::operations::log_in::LogIn;

/// Begins a session and answers its token.
pub async fn post(
    State(dialect): State<Dialect>,
    caller: Caller,
    Credentials { email, password }: Credentials,
) -> Result<(StatusCode, Json<Value>), Fail> {
    let log_in = LogIn { identifier: email, password, presented: Presented::Typed, device: None };
    let (user, session) = dialect.app().log_in(&caller, dialect.terms(), log_in).await?;
    let token = mint(&dialect, &user, &session, caller.now)?;
    Ok((StatusCode::CREATED, Json(json!({ "token": token }))))
}
