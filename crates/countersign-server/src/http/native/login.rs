//! `POST /v1/login`

use axum::extract::State;
use axum::response::IntoResponse;
use http::HeaderMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::answer::SessionAnswer;
use super::register::display_name;
use crate::app::App;
use crate::http::code;
use crate::http::json::Json;
use crate::http::openapi::{Operation, Tag};
use crate::http::problem::Problem;
use crate::operations::Caller;
use crate::operations::credentials::Presented;
use crate::operations::log_in::LogIn;

/// What a person logs in with.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// An e-mail address, a username or a phone number.
    identifier: String,
    /// As it was registered.
    password: String,
    /// What the list of sessions shows.
    #[schemars(length(min = 1, max = 200))]
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

/// What the API's document says of it.
pub fn about_post() -> Operation {
    Operation::new(Tag::Sessions, "login", "Log in")
        .says(
            "The identifier's shape says what it is: with `@` an e-mail address, with a leading `+` a phone \
             number, else a username. `device` is what the list of sessions shows.",
        )
        .answers::<SessionAnswer>(200, "A new session.")
        .refuses([
            code::INVALID_FIELD,
            code::INVALID_CREDENTIALS,
            code::PASSWORD_CHANGE_REQUIRED,
            code::CONFLICT,
            code::TOO_MANY_ATTEMPTS,
        ])
        .refuses(code::OF_LOGIN_PAGES)
}
