//! `GET /v1/status-lists/{list}` (draft-ietf-oauth-status-list, section 8)

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::app::App;
use crate::error::Error;
use crate::http::problem::Problem;
use crate::operations::Caller;
use crate::operations::status_lists::TTL;

/// A signed list of which sessions ended, for everybody.
pub async fn get(
    State(app): State<App>,
    Path(list): Path<String>,
    caller: Caller,
) -> Result<impl IntoResponse, Problem> {
    let none = || Error::NotFound("status list");
    // Written as we write it, so that a cache has each list once.
    let list = list.parse().ok().filter(|number: &i64| number.to_string() == list);
    let token = app.status_list(list.ok_or_else(none)?, caller.now).await?.ok_or_else(none)?;
    let cache = format!("public, max-age={}", TTL.as_secs());
    let media_type = "application/statuslist+jwt".to_owned();
    Ok(([(CACHE_CONTROL, cache), (CONTENT_TYPE, media_type)], token.to_string()))
}
