//! `POST /auth/logout`

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::answer::Fail;
use super::token::check;
use crate::http::dialects::Dialect;
use crate::operations::Caller;

/// Ends the session whose token it is.
pub async fn post(
    State(dialect): State<Dialect>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Value>, Fail> {
    let bearer = check(&dialect, &headers, caller.now, StatusCode::FORBIDDEN).await?;
    dialect.log_out(&caller, &bearer).await?;
    Ok(Json(json!({ "status": "success", "message": "Successfully logged out." })))
}
