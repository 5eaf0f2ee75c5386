//! `DELETE /v1/admin/apikeys/{id}`

use axum::extract::State;
use http::StatusCode;

use crate::app::App;
use crate::http::admin::Admin;
use crate::http::openapi::{Operation, Tag};
use crate::http::path::Id;
use crate::http::problem::Problem;
use crate::http::query::NoQuery;

/// Revokes a key: here at once, on the other nodes within a second.
pub async fn delete(
    State(app): State<App>,
    admin: Admin,
    _: NoQuery,
    id: Id,
) -> Result<StatusCode, Problem> {
    app.revoke_api_key(admin.caller(), &id.of("API key")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the API's document says of it.
pub fn about_delete() -> Operation {
    Operation::new(Tag::Administration, "revoke_api_key", "Revoke an API key")
        .answers_nothing(204, "Here it is refused from now on, on other nodes within a second.")
}
