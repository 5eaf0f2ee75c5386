//! `POST /v1/password`

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::app::App;
use crate::error::Error;
use crate::http::json::Json;
use crate::http::problem::Problem;
use crate::operations::Caller;
use crate::password::Password;

/// Who somebody says they are, the password that is, and the one that is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replace {
    identifier: String,
    current: String,
    new: String,
}

/// Changes the password of whoever knows the current one, without a session, and ends all sessions.
pub async fn post(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Json(Replace { identifier, current, new }): Json<Replace>,
) -> Result<StatusCode, Problem> {
    app.check_login_origin(&headers)?;
    let new = Password::parse(new).map_err(|invalid| Error::password("new", invalid))?;
    app.change_password_of(&caller, &identifier, current, new).await?;
    Ok(StatusCode::NO_CONTENT)
}
