//! `GET /users`

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde_json::json;

use super::answer::{denied, envelope, fail};
use super::token::{check, flask};
use crate::config::ListUsers;
use crate::http::dialects::Dialect;
use crate::http::dialects::listing::Listing;
use crate::http::dialects::reply::Fail;
use crate::operations::Caller;

const USERS: Listing = Listing {
    before: r#"{"code":200,"message":"success","users":["#,
    element: |user| json!({ "userid": user.number, "username": user.oldest_identifier() }),
    after: "]}",
};

/// Lists all users.
pub async fn get(
    State(dialect): State<Dialect>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Fail> {
    let bearer = check(&dialect, &headers, caller.now).await?;
    let user = flask(&dialect).user(&bearer).await.map_err(denied)?;
    if dialect.config().list_users != ListUsers::Any && !user.is_admin() {
        return Ok(envelope(403, "admins only").into_response());
    }
    USERS.answer(dialect.app()).await.map_err(fail)
}
