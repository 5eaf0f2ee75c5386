//! `POST /v1/admin/users/{id}/unlock`

use axum::extract::State;
use http::StatusCode;

use crate::app::App;
use crate::http::admin::Admin;
use crate::http::openapi::{Operation, Tag};
use crate::http::path::Id;
use crate::http::problem::Problem;
use crate::http::query::NoQuery;

/// Forgets the failed attempts that keep the user from logging in.
pub async fn post(
    State(app): State<App>,
    admin: Admin,
    _: NoQuery,
    id: Id,
) -> Result<StatusCode, Problem> {
    let user = app.user(&id.of("user")?).await?;
    app.unlock(admin.caller(), &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the API's document says of it.
pub fn about_post() -> Operation {
    Operation::new(Tag::Administration, "unlock_user", "Forget failed attempts to log in")
        .answers_nothing(204, "The user may try again.")
}
