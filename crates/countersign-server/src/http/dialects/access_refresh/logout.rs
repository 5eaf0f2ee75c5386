//! `POST /logout/access` and `POST /logout/refresh`

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{fail, over, storage_failed};
use crate::error::Error;
use crate::http::dialects::Dialect;
use crate::http::dialects::check::Bearer;
use crate::http::dialects::reply::{Fail, is_storage};
use crate::operations::Caller;

/// Revokes the access token; the refresh token lives on.
pub async fn access(
    State(dialect): State<Dialect>,
    caller: Caller,
    bearer: Bearer,
) -> Result<Json<Value>, Fail> {
    match dialect.revoke(&caller, &bearer).await {
        Ok(()) => Ok(Json(json!({ "message": "Access token has been revoked" }))),
        Err(error) => Err(unless_storage(error, fail)),
    }
}

/// Revokes the refresh token; the access tokens that it brought live on.
pub async fn refresh(
    State(dialect): State<Dialect>,
    caller: Caller,
    bearer: Bearer,
) -> Result<Json<Value>, Fail> {
    match dialect.revoke(&caller, &bearer).await {
        Ok(()) => Ok(Json(json!({ "message": "Refresh token has been revoked" }))),
        Err(error) => Err(unless_storage(error, |error| over(&dialect, &bearer, error))),
    }
}

fn unless_storage(error: Error, otherwise: impl FnOnce(Error) -> Fail) -> Fail {
    if is_storage(&error) { storage_failed() } else { otherwise(error) }
}
