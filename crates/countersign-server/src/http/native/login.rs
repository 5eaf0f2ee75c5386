//! `POST /v1/login`

use axum::extract::State;
use axum::response::IntoResponse;
use http::HeaderMap;
use serde::Deserialize;

use super::answer::SessionAnswer;
use super::register::display_name;
use crate::app::App;
use crate::http::json::Json;
use crate::http::problem::Problem;
use crate::operations::Caller;
use crate::operations::credentials::Presented;
use crate::operations::log_in::LogIn;

/// What a person logs in with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    identifier: String,
    password: String,
    device: Option<String>,
}

/// Begins a session.
pub async fn post(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Json(Login { identifier, password, device }): Json<Login>,
) -> Result<impl IntoResponse, Problem> {
    app.check_login_origin(&headers)?;
    let replaced = app.session_to_replace(&headers)?;
    let device = device.map(|device| display_name("device", &device)).transpose()?;
    let log_in = LogIn { identifier, password, presented: Presented::Typed, device };
    let begun = app.log_in(&caller, &app.native_terms(), log_in).await?;
    if let Some(session_id) = replaced {
        app.log_out(&caller, &session_id).await?;
    }
    Ok(SessionAnswer::of(&app, &caller, begun).await?)
}
