//! `POST /v1/password`

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::error::Error;
use crate::http::code;
use crate::http::json::Json;
use crate::http::openapi::{Operation, Tag};
use crate::http::problem::Problem;
use crate::operations::Caller;
use crate::password::Password;

/// Who somebody says they are, the password that is, and the one that is to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ReplacePassword")]
pub struct Replace {
    /// An e-mail address, a username or a phone number.
    identifier: String,
    /// The password that is.
    current: String,
    /// The one that is to be.
    #[schemars(length(min = 1, max = 1024))]
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

/// What the API's document says of it.
pub fn about_post() -> Operation {
    Operation::new(Tag::Account, "change_password", "Change the password without a session")
        .says("For whoever must change it before the next login.")
        .answers_nothing(204, "It is changed, and all sessions have ended.")
        .refuses([
            code::INVALID_FIELD,
            code::INVALID_CREDENTIALS,
            code::CONFLICT,
            code::TOO_MANY_ATTEMPTS,
        ])
        .refuses(code::OF_LOGIN_PAGES)
}
