//! `GET` and `POST /v1/admin/users`

use axum::Json as Answer;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::entry::EntryAnswer;
use crate::app::App;
use crate::http::admin::Admin;
use crate::http::code;
use crate::http::json::Json;
use crate::http::native::register::{Identifiers, display_name, new_password};
use crate::http::openapi::{Operation, Tag};
use crate::http::problem::Problem;
use crate::http::query::{NoQuery, Query, cursor};
use crate::operations::credentials::Presented;
use crate::operations::register::Registration;
use crate::operations::roles::parse_roles;

/// A part of the users.
#[derive(JsonSchema, Serialize)]
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

/// What the API's document says of it.
pub fn about_get() -> Operation {
    Operation::new(Tag::Administration, "list_users", "List or search users")
        .query(
            "query",
            json!({ "type": "string", "minLength": 1, "maxLength": 256 }),
            "What one of the identifiers begins with.",
        )
        .in_parts()
        .answers::<Users>(200, "A part of them, in the order in which they were made; with `query` in that of the identifiers.")
}

/// A user to be made: at least one identifier. Without a password nobody can log in yet.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CreateUser")]
pub struct Create {
    /// An e-mail address.
    #[schemars(length(max = 254), extend("format" = "idn-email"))]
    email: Option<String>,
    /// 1 to 64 letters, digits and `.`, `_`, `-`.
    #[schemars(length(min = 1, max = 64))]
    username: Option<String>,
    /// A phone number in the international form, with a leading `+`.
    #[schemars(regex(pattern = r"^\+[0-9 ().-]{8,}$"))]
    phone: Option<String>,
    /// Left out, nobody can log in yet.
    #[schemars(length(min = 1, max = 1024))]
    password: Option<String>,
    /// What the person calls themselves.
    #[schemars(length(min = 1, max = 200))]
    name: Option<String>,
    /// 1 to 64 of the letters a to z, digits and `. _ : / -` each; `admin` may administer.
    #[serde(default)]
    #[schemars(inner(regex(pattern = "^[A-Za-z0-9._:/-]{1,64}$")))]
    roles: Vec<String>,
    /// Whether it must be changed before the first login.
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

/// What the API's document says of it.
pub fn about_post() -> Operation {
    Operation::new(Tag::Administration, "create_user", "Make a user")
        .says(
            "At least one of `email`, `username` and `phone`. Without a password nobody can log in yet.",
        )
        .answers::<EntryAnswer>(201, "The user.")
        .refuses([code::INVALID_FIELD, code::IDENTIFIER_TAKEN, code::CONFLICT])
}
