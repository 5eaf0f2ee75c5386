//! `GET /passport/identify`

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde_json::json;

use super::answer::{Fail, Success, answer};
use super::token::check;
use crate::http::dialects::Dialect;
use crate::operations::Caller;

/// Whose token it is. No database is read for a token that was minted here.
pub async fn get(State(dialect): State<Dialect>, caller: Caller, headers: HeaderMap) -> Response {
    answer(&dialect, identify(&dialect, &caller, &headers).await)
}

async fn identify(
    dialect: &Dialect,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Success, Fail> {
    let (_, number) = check(dialect, headers, caller.now).await?;
    Ok(Success { msg: "用户认证成功", data: json!({ "user_id": number }) })
}
