//! `POST /auth/logout`

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::answer::Fail;
use super::token::{check, present};
use crate::http::dialects::Dialect;
use crate::operations::Caller;

/// Ends the session whose token it is.
pub async fn post(
    State(dialect): State<Dialect>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Value>, Fail> {
    let token = present(&headers)?;
    if token.is_empty() {
        return Err(Fail::new(StatusCode::FORBIDDEN, "Provide a valid auth token."));
    }
    let verified = check(&dialect, token, caller.now)?;
    let session_id = verified.claims.session_id().unwrap_or_default();
    dialect.app().log_out(&caller, session_id).await?;
    Ok(Json(json!({ "status": "success", "message": "Successfully logged out." })))
}
