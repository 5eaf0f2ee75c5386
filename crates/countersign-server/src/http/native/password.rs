//! `POST /v1/me/password`

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;

use crate::app::App;
use crate::error::Error;
use crate::http::identity::{Identity, or_deleted};
use crate::http::json::Json;
use crate::http::problem::Problem;
use crate::operations::Caller;
use crate::password::Password;

/// The password that is, and the one that is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    current: String,
    new: String,
}

/// Changes the password and ends the user's other sessions.
pub async fn post(
    State(app): State<App>,
    caller: Caller,
    identity: Identity,
    Json(Change { current, new }): Json<Change>,
) -> Result<StatusCode, Problem> {
    let new = Password::parse(new).map_err(|invalid| Error::password("new", invalid))?;
    let whose = (identity.user_id(), identity.session_id());
    app.change_password(&caller, whose, current, new).await.map_err(or_deleted)?;
    Ok(StatusCode::NO_CONTENT)
}
