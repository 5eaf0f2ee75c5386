//! `GET /auth/status`

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{Fail, invalid_token};
use crate::error::Error;
use crate::http::dialects::Dialect;
use crate::http::dialects::check::Bearer;
use crate::tables::user;

/// Whose token it is.
pub async fn get(State(dialect): State<Dialect>, bearer: Bearer) -> Result<Json<Value>, Fail> {
    let number = bearer.claims().subject_number().ok_or_else(invalid_token)?;
    let app = dialect.app();
    let user = user::find_by_number(&app.db, number).await.map_err(Error::from)?;
    let user = app.active(user).await?.ok_or_else(invalid_token)?;
    let profile = app.profile(user).await?;
    let email = profile.identifiers.iter().find(|identifier| identifier.kind == "email");
    Ok(Json(json!({
        "status": "success",
        "data": {
            "user_id": profile.user.number,
            "email": email.or(profile.identifiers.first()).map(|identifier| &identifier.value),
            "admin": profile.user.is_admin(),
            "registered_on": profile.user.created_at.to_http_date(),
        },
    })))
}
