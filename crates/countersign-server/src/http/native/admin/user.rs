//! `GET`, `PATCH` and `DELETE /v1/admin/users/{id}`

use axum::Json as Answer;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;

use super::entry::EntryAnswer;
use crate::app::App;
use crate::http::admin::Admin;
use crate::http::json::OptionalJson;
use crate::http::native::register::display_name;
use crate::http::path::Id;
use crate::http::problem::Problem;
use crate::http::query::NoQuery;
use crate::operations::changes::{Changes, Rename};
use crate::operations::roles::parse_roles;

/// The user.
pub async fn get(
    State(app): State<App>,
    _: Admin,
    _: NoQuery,
    id: Id,
) -> Result<Answer<EntryAnswer>, Problem> {
    let user = app.user(&id.of("user")?).await?;
    Ok(Answer(EntryAnswer::find(&app, user).await?))
}

/// What is to become of the user; what is left out stays, and `null` takes the name away.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Patch {
    name: Rename,
    roles: Option<Vec<String>>,
    active: Option<bool>,
    must_change_password: Option<bool>,
}

/// Changes the user: all that is asked for, or nothing.
pub async fn patch(
    State(app): State<App>,
    admin: Admin,
    _: NoQuery,
    id: Id,
    OptionalJson(patch): OptionalJson<Patch>,
) -> Result<Answer<EntryAnswer>, Problem> {
    let id = id.of("user")?;
    let Patch { name, roles, active, must_change_password } = patch;
    let changes = Changes {
        name: name.parse(|name| display_name("name", &name))?,
        roles: roles.map(parse_roles).transpose()?,
        active,
        must_change_password,
    };
    let user = app.change_user(admin.caller(), &id, changes).await?;
    Ok(Answer(EntryAnswer::find(&app, user).await?))
}

/// Deletes the user, and ends all their sessions.
pub async fn delete(
    State(app): State<App>,
    admin: Admin,
    _: NoQuery,
    id: Id,
) -> Result<StatusCode, Problem> {
    app.delete_user(admin.caller(), &id.of("user")?).await?;
    Ok(StatusCode::NO_CONTENT)
}
