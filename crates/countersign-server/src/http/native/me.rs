//! `GET`, `PATCH` and `DELETE /v1/me`

use axum::Json as Answer;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::answer::UserAnswer;
use super::register::display_name;
use crate::app::App;
use crate::http::code;
use crate::http::identity::{Identity, or_deleted};
use crate::http::json::{Json, OptionalJson};
use crate::http::openapi::{Operation, Tag};
use crate::http::problem::Problem;
use crate::operations::Caller;
use crate::operations::changes::Rename;

/// The user.
pub async fn get(
    State(app): State<App>,
    identity: Identity,
) -> Result<Answer<UserAnswer>, Problem> {
    let user = app.user(identity.user_id()).await.map_err(or_deleted)?;
    Ok(Answer(app.profile(user).await?.into()))
}

/// What the API's document says of it.
pub fn about_get() -> Operation {
    Operation::new(Tag::Account, "get_me", "See the account")
        .answers::<UserAnswer>(200, "The user.")
}

/// What the user changes of themselves; `null` takes the name away.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ChangeMe")]
pub struct Patch {
    /// What the person calls themselves.
    #[schemars(with = "Option<String>")]
    #[schemars(length(min = 1, max = 200))]
    name: Rename,
}

/// Changes the user's name.
pub async fn patch(
    State(app): State<App>,
    caller: Caller,
    identity: Identity,
    OptionalJson(Patch { name }): OptionalJson<Patch>,
) -> Result<Answer<UserAnswer>, Problem> {
    let user = match name {
        Rename::To(name) => {
            let name = name.map(|name| display_name("name", &name)).transpose()?;
            app.rename(&caller, identity.user_id(), name).await.map_err(or_deleted)?
        }
        Rename::No => app.user(identity.user_id()).await.map_err(or_deleted)?,
    };
    Ok(Answer(app.profile(user).await?.into()))
}

/// What the API's document says of it.
pub fn about_patch() -> Operation {
    Operation::new(Tag::Account, "change_me", "Change the account")
        .says("What is left out stays; `null` takes the name away.")
        .answers::<UserAnswer>(200, "The user, as they are now.")
        .refuses([code::INVALID_FIELD])
}

/// The password, so that a token alone cannot delete an account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DeleteMe")]
pub struct Delete {
    /// So that a token alone cannot delete an account.
    password: String,
}

/// Deletes the user, and ends all their sessions.
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    identity: Identity,
    Json(Delete { password }): Json<Delete>,
) -> Result<impl IntoResponse, Problem> {
    app.delete_own(&caller, identity.user_id(), password).await.map_err(or_deleted)?;
    Ok((StatusCode::NO_CONTENT, app.clear_browser(), ()))
}

/// What the API's document says of it.
pub fn about_delete() -> Operation {
    Operation::new(Tag::Account, "delete_me", "Delete the account")
        .answers_nothing(204, "It is gone, and its sessions have ended.")
        .refuses([
            code::INVALID_CREDENTIALS,
            code::CONFLICT,
            code::LAST_ADMIN,
            code::TOO_MANY_ATTEMPTS,
        ])
}
