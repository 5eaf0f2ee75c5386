//! `POST /logout/access` and `POST /logout/refresh`

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use serde_json::{Value, json};

use super::answer::{fail, storage_failed};
use super::token::{check, over};
use crate::error::Error;
use crate::http::dialects::Dialect;
use crate::http::dialects::flask_jwt::Wanted;
use crate::http::dialects::reply::{Fail, is_storage};
use crate::operations::Caller;

/// Revokes the access token; the refresh token lives on.
pub async fn access(
    State(dialect): State<Dialect>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Value>, Fail> {
    let bearer = check(&dialect, &headers, Wanted::Access, caller.now).await?;
    match dialect.revoke(&caller, &bearer).await {
        Ok(()) => Ok(Json(json!({ "message": "Access token has been revoked" }))),
        Err(error) => Err(unless_storage(error, fail)),
    }
}

/// Revokes the refresh token; the access tokens that it brought live on.
pub async fn refresh(
    State(dialect): State<Dialect>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Value>, Fail> {
    let bearer = check(&dialect, &headers, Wanted::Refresh, caller.now).await?;
    match dialect.revoke(&caller, &bearer).await {
        Ok(()) => Ok(Json(json!({ "message": "Refresh token has been revoked" }))),
        Err(error) => Err(unless_storage(error, |error| over(&bearer, error))),
    }
}

fn unless_storage(error: Error, otherwise: impl FnOnce(Error) -> Fail) -> Fail {
    if is_storage(&error) { storage_failed() } else { otherwise(error) }
}
