//! `POST /token/refresh`

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{fail, over};
use super::token::{lasting, mint_access};
use crate::http::dialects::Dialect;
use crate::http::dialects::check::Bearer;
use crate::http::dialects::reply::Fail;
use crate::operations::Caller;

/// Answers another access token.
pub async fn post(
    State(dialect): State<Dialect>,
    caller: Caller,
    bearer: Bearer,
) -> Result<Json<Value>, Fail> {
    let app = dialect.app();
    let refreshed = app.refresh_lasting(&caller, dialect.terms(), lasting(&bearer)).await;
    let (user, session) = refreshed.map_err(|error| over(&dialect, &bearer, error))?;
    let name = app.oldest_identifier(&user.id).await.map_err(fail)?;
    let token = mint_access(&dialect, &name, &session, caller.now).map_err(fail)?;
    Ok(Json(json!({ "access_token": token })))
}
