//! `POST /v1/me/password`

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::error::Error;
use crate::http::code;
use crate::http::identity::{Identity, or_deleted};
use crate::http::json::Json;
use crate::http::openapi::{Operation, Tag};
use crate::http::problem::Problem;
use crate::operations::Caller;
use crate::password::Password;

/// The password that is, and the one that is to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ChangePassword")]
pub struct Change {
    /// The password that is.
    current: String,
    /// The one that is to be.
    #[schemars(length(min = 1, max = 1024))]
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

/// What the API's document says of it.
pub fn about_post() -> Operation {
    Operation::new(Tag::Account, "change_my_password", "Change the password")
        .answers_nothing(204, "It is changed, and all other sessions have ended.")
        .refuses([
            code::INVALID_FIELD,
            code::INVALID_CREDENTIALS,
            code::CONFLICT,
            code::TOO_MANY_ATTEMPTS,
        ])
}
