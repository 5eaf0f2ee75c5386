//! `GET /users`

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::answer::{envelope, fail, over};
use crate::config::ListUsers;
use crate::http::dialects::Dialect;
use crate::http::dialects::check::Bearer;
use crate::http::dialects::listing::Listing;
use crate::http::dialects::reply::Fail;

const USERS: Listing = Listing {
    before: r#"{"code":200,"message":"success","users":["#,
    element: |user| json!({ "userid": user.number, "username": user.oldest_identifier() }),
    after: "]}",
};

/// Lists all users.
pub async fn get(State(dialect): State<Dialect>, bearer: Bearer) -> Result<Response, Fail> {
    let user = dialect.user(&bearer).await.map_err(|error| over(&dialect, &bearer, error))?;
    if dialect.config().list_users != ListUsers::Any && !user.is_admin() {
        return Ok(envelope(403, "admins only").into_response());
    }
    USERS.answer(dialect.app()).await.map_err(fail)
}
