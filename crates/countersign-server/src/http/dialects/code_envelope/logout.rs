//! `POST /logout`

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};

use super::answer::{envelope, fail};
use super::cookies::SetCookies;
use super::csrf::check;
use crate::http::dialects::Dialect;
use crate::http::dialects::reply::Fail;
use crate::operations::Caller;

/// Ends the session whose token it is.
pub async fn post(
    State(dialect): State<Dialect>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fail> {
    let bearer = check(&dialect, request).await?;
    dialect.log_out(&caller, &bearer).await.map_err(fail)?;
    Ok((SetCookies::clear(&dialect), envelope(200, "success")).into_response())
}
