//! `GET` and `POST /v1/admin/users`

use axum::Json as Answer;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::entry::EntryAnswer;
use crate::app::App;
use crate::http::admin::Admin;
use crate::http::json::Json;
use crate::http::native::register::{Identifiers, display_name, new_password};
use crate::http::problem::Problem;
use crate::http::query::{NoQuery, Query, cursor};
use crate::operations::credentials::Presented;
use crate::operations::register::Registration;
use crate::operations::roles::parse_roles;

/// A part of the users.
#[derive(Serialize)]
pub struct Users {
    users: Vec<EntryAnswer>,
    next_cursor: Option<String>,
}

/// Lists users: all in the order in which they were made, or with `query` those who have an
/// identifier that begins so.
pub async fn get(
    State(app): State<App>,
    _: Admin,
    mut query: Query,
) -> Result<Answer<Users>, Problem> {
    let prefix = query.take("query");
    let page = query.page()?;
    query.end()?;
    let part = app.users(prefix.as_deref(), &page).await?.map(EntryAnswer::from);
    Ok(Answer(Users { users: part.items, next_cursor: part.next.map(cursor) }))
}

/// A user to be made: at least one identifier. Without a password nobody can log in yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    email: Option<String>,
    username: Option<String>,
    phone: Option<String>,
    password: Option<String>,
    name: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    must_change_password: bool,
}

/// Makes a user.
pub async fn post(
    State(app): State<App>,
    admin: Admin,
    _: NoQuery,
    Json(create): Json<Create>,
) -> Result<(StatusCode, Answer<EntryAnswer>), Problem> {
    let Create { email, username, phone, password, name, roles, must_change_password } = create;
    let registration = Registration {
        identifiers: Identifiers { email, username, phone }.parse(app.shapes)?,
        name: name.map(|name| display_name("name", &name)).transpose()?,
        roles: parse_roles(roles)?,
        password: password.map(new_password).transpose()?,
        must_change_password,
        invitation: None,
    };
    let user = app.create_user(admin.caller(), Presented::Typed, registration).await?;
    Ok((StatusCode::CREATED, Answer(EntryAnswer::find(&app, user).await?)))
}
