//! `DELETE /v1/admin/invitations/{id}`

use axum::extract::State;
use http::StatusCode;

use crate::app::App;
use crate::http::admin::Admin;
use crate::http::openapi::{Operation, Tag};
use crate::http::path::Id;
use crate::http::problem::Problem;
use crate::http::query::NoQuery;

/// Withdraws an invitation; one that is over stays so.
pub async fn delete(
    State(app): State<App>,
    admin: Admin,
    _: NoQuery,
    id: Id,
) -> Result<StatusCode, Problem> {
    app.revoke_invitation(admin.caller(), &id.of("invitation")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the API's document says of it.
pub fn about_delete() -> Operation {
    Operation::new(Tag::Administration, "revoke_invitation", "Withdraw an invitation")
        .answers_nothing(204, "Nobody can use it any more.")
}
