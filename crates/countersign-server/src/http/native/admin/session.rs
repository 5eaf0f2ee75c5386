//! `DELETE /v1/admin/sessions/{id}`

use axum::extract::State;
use http::StatusCode;

use crate::app::App;
use crate::http::admin::Admin;
use crate::http::openapi::{Operation, Tag};
use crate::http::path::Id;
use crate::http::problem::Problem;
use crate::http::query::NoQuery;

/// Ends a session; one that has ended already is ended.
pub async fn delete(
    State(app): State<App>,
    admin: Admin,
    _: NoQuery,
    id: Id,
) -> Result<StatusCode, Problem> {
    app.end_session_as_operator(admin.caller(), &id.of("session")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the API's document says of it.
pub fn about_delete() -> Operation {
    Operation::new(Tag::Administration, "end_session_of_user", "End a session")
        .answers_nothing(204, "It is over.")
}
