//! `GET /secret`

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use serde_json::{Value, json};

use super::token::check;
use crate::http::dialects::Dialect;
use crate::http::dialects::flask_jwt::Wanted;
use crate::http::dialects::reply::Fail;
use crate::operations::Caller;

/// What only those are told who have an access token.
pub async fn get(
    State(dialect): State<Dialect>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Value>, Fail> {
    check(&dialect, &headers, Wanted::Access, caller.now).await?;
    Ok(Json(json!({ "answer": 42 })))
}
