//! `GET /v1/status-lists/{list}` (draft-ietf-oauth-status-list, section 8)

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::json;

use crate::app::App;
use crate::error::Error;
use crate::http::code;
use crate::http::openapi::{Operation, Tag};
use crate::http::problem::Problem;
use crate::operations::Caller;
use crate::operations::status_lists::TTL;

const MEDIA_TYPE: &str = "application/statuslist+jwt";

/// A signed list of which sessions ended, for everybody.
pub async fn get(
    State(app): State<App>,
    list: Result<Path<String>, PathRejection>,
    caller: Caller,
) -> Result<impl IntoResponse, Problem> {
    let none = || Error::NotFound("status list");
    let Ok(Path(list)) = list else { return Err(none().into()) };
    // Written as we write it, so that a cache has each list once.
    let list = list.parse().ok().filter(|number: &i64| number.to_string() == list);
    let token = app.status_list(list.ok_or_else(none)?, caller.now).await?.ok_or_else(none)?;
    let cache = format!("public, max-age={}", TTL.as_secs());
    Ok(([(CACHE_CONTROL, cache), (CONTENT_TYPE, MEDIA_TYPE.to_owned())], token.to_string()))
}

/// What the API's document says of it.
pub fn about_get() -> Operation {
    Operation::new(Tag::Tokens, "status_list", "Fetch a Token Status List")
        .path(
            "list",
            json!({ "type": "integer", "minimum": 0 }),
            "As the claim `status` of an access token names it.",
        )
        .answers_in::<String>(MEDIA_TYPE, 200, "It may be kept for a minute.")
        .refuses([code::NOT_FOUND])
}
