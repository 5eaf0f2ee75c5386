//! `POST /auth/logout`

use axum::Json;
use axum::extract::State;
use countersign::layer::Answers;
use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Fail, is_missing};
use crate::http::dialects::Dialect;
use crate::http::dialects::check::Bearer;
use crate::operations::Caller;

/// As elsewhere, but that who brings no token is forbidden to log out.
pub(super) fn answers() -> Answers {
    Answers::with(|denial| {
        let mut response = Fail::from(denial.clone()).into_http();
        if is_missing(denial) {
            *response.status_mut() = StatusCode::FORBIDDEN;
        }
        response
    })
}

/// Ends the session whose token it is.
pub async fn post(
    State(dialect): State<Dialect>,
    caller: Caller,
    bearer: Bearer,
) -> Result<Json<Value>, Fail> {
    dialect.log_out(&caller, &bearer).await?;
    Ok(Json(json!({ "status": "success", "message": "Successfully logged out." })))
}
