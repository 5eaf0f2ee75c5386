//! `GET /v1/sessions` and `DELETE /v1/sessions/{id}`

use axum::Json as Answer;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::Serialize;
use uuid::Uuid;

use crate::app::App;
use crate::clock::Time;
use crate::error::Error;
use crate::http::identity::Identity;
use crate::http::problem::Problem;
use crate::operations::Caller;
use crate::tables::session::Session;

/// The user's live sessions.
#[derive(Serialize)]
pub struct Sessions {
    sessions: Vec<SessionView>,
}

#[derive(Serialize)]
struct SessionView {
    id: String,
    current: bool,
    channel: String,
    started_at: Time,
    last_seen_at: Time,
    expires_at: Time,
    address: Option<String>,
    agent: Option<String>,
    device: Option<String>,
}

/// Lists the user's live sessions, the oldest first.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    identity: Identity,
) -> Result<Answer<Sessions>, Problem> {
    let sessions = app.sessions_of(identity.user_id(), &caller).await?;
    let view = |session: Session| SessionView {
        current: session.id == identity.session_id(),
        started_at: session.started_at,
        last_seen_at: session.last_seen_at,
        expires_at: session.over_at(),
        id: session.id,
        channel: session.channel,
        address: session.address,
        agent: session.agent,
        device: session.device,
    };
    Ok(Answer(Sessions { sessions: sessions.into_iter().map(view).collect() }))
}

/// Ends one of the user's sessions.
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    identity: Identity,
    session_id: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<StatusCode, Problem> {
    // PostgreSQL refuses to look for some texts; no session has such an id.
    let session_id = session_id.ok().and_then(|Path(id)| Uuid::parse_str(&id).ok());
    let session_id = session_id.ok_or(Error::NotFound("session"))?.to_string();
    app.end_own_session(&caller, identity.user_id(), &session_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
