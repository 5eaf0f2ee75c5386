//! `POST /token/refresh`

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use serde_json::{Value, json};

use super::answer::fail;
use super::token::{check, lasting, mint_access, over};
use crate::http::dialects::Dialect;
use crate::http::dialects::flask_jwt::Wanted;
use crate::http::dialects::reply::Fail;
use crate::operations::Caller;

/// Answers another access token.
pub async fn post(
    State(dialect): State<Dialect>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Value>, Fail> {
    let bearer = check(&dialect, &headers, Wanted::Refresh, caller.now).await?;
    let app = dialect.app();
    let refreshed = app.refresh_lasting(&caller, dialect.terms(), lasting(&bearer)).await;
    let (user, session) = refreshed.map_err(|error| over(&bearer, error))?;
    let name = app.oldest_identifier(&user.id).await.map_err(fail)?;
    let token = mint_access(&dialect, &name, &session, caller.now).map_err(fail)?;
    Ok(Json(json!({ "access_token": token })))
}
