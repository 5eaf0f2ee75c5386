//! `GET /passport/identify`

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::answer::{Fail, Success, answer};
use super::token::user_number;
use crate::http::dialects::Dialect;
use crate::http::dialects::check::Bearer;

/// Whose token it is. No database is read for a token that was minted here.
pub async fn get(State(dialect): State<Dialect>, bearer: Bearer) -> Response {
    answer(&dialect, identify(&bearer))
}

fn identify(bearer: &Bearer) -> Result<Success, Fail> {
    let number = user_number(bearer.claims()).ok_or_else(Fail::without_user)?;
    Ok(Success { msg: "用户认证成功", data: json!({ "user_id": number }) })
}
