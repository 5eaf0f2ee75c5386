//! `GET /v1/admin/sessions`

use axum::Json as Answer;
use axum::extract::State;
use serde_json::json;

use crate::app::App;
use crate::error::Error;
use crate::http::admin::Admin;
use crate::http::code;
use crate::http::native::session_view::Sessions;
use crate::http::openapi::{Operation, Tag};
use crate::http::problem::Problem;
use crate::http::query::Query;

/// Lists the sessions of one user, as the user's own list does.
pub async fn get(
    State(app): State<App>,
    admin: Admin,
    mut query: Query,
) -> Result<Answer<Sessions>, Problem> {
    let user_id = query.id("user")?.ok_or_else(|| Error::Invalid {
        field: "user",
        reason: "missing",
        message: "say whose sessions: user=ID".into(),
    })?;
    let user = app.user(&user_id).await?;
    Sessions::of(&app, admin.caller(), (&user.id, None), query).await.map(Answer)
}

/// What the API's document says of it.
pub fn about_get() -> Operation {
    Operation::new(Tag::Administration, "list_sessions_of_user", "List the sessions of a user")
        .must_query("user", json!({ "type": "string", "format": "uuid" }), "Whose.")
        .query("ended", json!({ "type": "boolean" }), "Those that are over, of the last 30 days, in parts. `cursor` and `limit` are for these alone.")
        .in_parts()
        .answers::<Sessions>(
            200,
            "Those that are live; with `ended` a part of those that are over.",
        )
        .refuses([code::NOT_FOUND])
}
