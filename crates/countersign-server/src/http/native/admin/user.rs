//! `GET`, `PATCH` and `DELETE /v1/admin/users/{id}`

use axum::Json as Answer;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::entry::EntryAnswer;
use crate::app::App;
use crate::http::admin::Admin;
use crate::http::code;
use crate::http::json::OptionalJson;
use crate::http::native::register::{changed_identifiers, display_name};
use crate::http::openapi::{Operation, Tag};
use crate::http::path::Id;
use crate::http::problem::Problem;
use crate::http::query::NoQuery;
use crate::identifier::Kind;
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

/// What the API's document says of it.
pub fn about_get() -> Operation {
    Operation::new(Tag::Administration, "get_user", "See a user")
        .answers::<EntryAnswer>(200, "The user.")
}

/// What is to become of the user; what is left out stays, and `null` takes the name or an
/// identifier away.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ChangeUser")]
pub struct Patch {
    /// An e-mail address, in the place of the one that is there.
    #[schemars(with = "Option<String>")]
    #[schemars(length(max = 254), extend("format" = "idn-email"))]
    email: Rename,
    /// 1 to 64 letters, digits and `.`, `_`, `-`.
    #[schemars(with = "Option<String>")]
    #[schemars(length(min = 1, max = 64))]
    username: Rename,
    /// A phone number in the international form, with a leading `+`.
    #[schemars(with = "Option<String>")]
    #[schemars(regex(pattern = r"^\+[0-9 ().-]{8,}$"))]
    phone: Rename,
    /// What the person calls themselves.
    #[schemars(with = "Option<String>")]
    #[schemars(length(min = 1, max = 200))]
    name: Rename,
    /// All that the user is to have; access tokens with other ones are refused until they are refreshed.
    #[schemars(inner(regex(pattern = "^[A-Za-z0-9._:/-]{1,64}$")))]
    roles: Option<Vec<String>>,
    /// With `false` nobody logs in to the account, and its sessions end.
    active: Option<bool>,
    /// Whether it must be changed before the next login; if so, all sessions end.
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
    let Patch { email, username, phone, name, roles, active, must_change_password } = patch;
    let identifiers = [(Kind::Email, email), (Kind::Username, username), (Kind::Phone, phone)];
    let changes = Changes {
        identifiers: changed_identifiers(app.shapes, identifiers)?,
        name: name.parse(|name| display_name("name", &name))?,
        roles: roles.map(parse_roles).transpose()?,
        active,
        must_change_password,
    };
    let user = app.change_user(admin.caller(), &id, changes).await?;
    Ok(Answer(EntryAnswer::find(&app, user).await?))
}

/// What the API's document says of it.
pub fn about_patch() -> Operation {
    Operation::new(Tag::Administration, "change_user", "Change a user")
        .says(
            "All of it is done, or nothing. What is left out stays; `null` takes the name or an \
             identifier away, of which one must be left.",
        )
        .answers::<EntryAnswer>(200, "The user, as they are now.")
        .refuses([code::INVALID_FIELD, code::IDENTIFIER_TAKEN, code::LAST_ADMIN])
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

/// What the API's document says of it.
pub fn about_delete() -> Operation {
    Operation::new(Tag::Administration, "delete_user", "Delete a user")
        .answers_nothing(204, "They are gone, and their sessions have ended.")
        .refuses([code::LAST_ADMIN])
}
