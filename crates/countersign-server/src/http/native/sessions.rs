//! `GET /v1/sessions` and `DELETE /v1/sessions/{id}`

use axum::Json as Answer;
use axum::extract::State;
use http::StatusCode;
use serde_json::json;

use super::session_view::Sessions;
use crate::app::App;
use crate::http::identity::Identity;
use crate::http::openapi::{Operation, Tag};
use crate::http::path::Id;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::operations::Caller;

/// Lists the user's live sessions, the oldest first; with `ended=true` those that ended or expired in
/// the last 30 days, the latest first.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    identity: Identity,
    query: Query,
) -> Result<Answer<Sessions>, Problem> {
    let current = Some(identity.session_id());
    let user_id = identity.user_id();
    Sessions::of(&app, &caller, (user_id, current), query).await.map(Answer)
}

/// What the API's document says of it.
pub fn about_get() -> Operation {
    Operation::new(Tag::Sessions, "list_sessions", "List the sessions")
        .query("ended", json!({ "type": "boolean" }), "Those that are over, of the last 30 days, in parts. `cursor` and `limit` are for these alone.")
        .in_parts()
        .answers::<Sessions>(
            200,
            "Those that are live; with `ended` a part of those that are over.",
        )
}

/// Ends one of the user's sessions.
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    identity: Identity,
    id: Id,
) -> Result<StatusCode, Problem> {
    let session_id = id.of("session")?;
    app.end_own_session(&caller, identity.user_id(), &session_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the API's document says of it.
pub fn about_delete() -> Operation {
    Operation::new(Tag::Sessions, "end_session", "End one of the sessions")
        .answers_nothing(204, "It is over.")
}
