//! `GET /users` and `DELETE /users`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use super::answer::{fail, over, went_wrong};
use crate::config::ListUsers;
use crate::error::Error;
use crate::http::dialects::Dialect;
use crate::http::dialects::check::Bearer;
use crate::http::dialects::listing::Listing;
use crate::http::dialects::reply::{Fail, is_storage};
use crate::operations::Caller;
use crate::operations::actor::Actor;
use crate::tables::user::User;

const USERS: Listing = Listing {
    before: r#"{"users":["#,
    element: |user| json!({ "username": user.oldest_identifier() }),
    after: "]}",
};

/// Lists all users.
pub async fn get(State(dialect): State<Dialect>, bearer: Bearer) -> Result<Response, Fail> {
    let user = dialect.user(&bearer).await.map_err(|error| over(&dialect, &bearer, error))?;
    if dialect.config().list_users != ListUsers::Any {
        admins_only(&user)?;
    }
    USERS.answer(dialect.app()).await.map_err(fail)
}

/// Deletes every user who is not an admin.
pub async fn delete(
    State(dialect): State<Dialect>,
    caller: Caller,
    bearer: Bearer,
) -> Result<Response, Fail> {
    let user = match dialect.user(&bearer).await {
        Ok(user) => user,
        Err(error @ Error::Refused(_)) => return Err(over(&dialect, &bearer, error)),
        Err(error) => return unless_storage(error),
    };
    admins_only(&user)?;
    if !dialect.config().delete_users {
        return Err(forbidden());
    }
    let session_id = bearer.session_id().map(str::to_owned);
    let actor = Actor::Admin { user_id: user.id, session_id };
    let caller = Caller { actor: Some(actor), ..caller };
    match dialect.app().delete_all_but_admins(&caller).await {
        Ok(count) => {
            Ok(Json(json!({ "message": format!("{count} row(s) deleted") })).into_response())
        }
        // The session or the account ended, or the role was removed, after the user was read.
        Err(error @ Error::Refused(_)) => Err(over(&dialect, &bearer, error)),
        Err(Error::NotAdmin) => Err(forbidden()),
        Err(error) => unless_storage(error),
    }
}

/// The older system told of a failure with the status of a success.
fn unless_storage(error: Error) -> Result<Response, Fail> {
    if is_storage(&error) { Ok(Json(went_wrong()).into_response()) } else { Err(fail(error)) }
}

fn admins_only(user: &User) -> Result<(), Fail> {
    if user.is_admin() { Ok(()) } else { Err(forbidden()) }
}

fn forbidden() -> Fail {
    Fail::new(StatusCode::FORBIDDEN, json!({ "msg": "Admins only" }))
}
