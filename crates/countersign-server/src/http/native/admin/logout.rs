//! `POST /v1/admin/users/{id}/logout`

use axum::extract::State;
use countersign::EndReason;
use http::StatusCode;

use crate::app::App;
use crate::http::admin::Admin;
use crate::http::openapi::{Operation, Tag};
use crate::http::path::Id;
use crate::http::problem::Problem;
use crate::http::query::NoQuery;

/// Ends all of the user's sessions, and every login that is under way.
pub async fn post(
    State(app): State<App>,
    admin: Admin,
    _: NoQuery,
    id: Id,
) -> Result<StatusCode, Problem> {
    let id = id.of("user")?;
    app.log_out_everywhere(admin.caller(), &id, None, EndReason::Admin).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the API's document says of it.
pub fn about_post() -> Operation {
    Operation::new(Tag::Administration, "log_user_out", "End all sessions of a user")
        .answers_nothing(204, "They are over, and so is every login that was under way.")
}
