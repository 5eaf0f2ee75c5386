//! `POST /passport/logout`

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde_json::Value;

use super::answer::{Fail, Success, answer};
use super::token::{acting, check};
use crate::http::dialects::Dialect;
use crate::operations::Caller;

/// Ends the session whose token it is.
pub async fn post(State(dialect): State<Dialect>, caller: Caller, headers: HeaderMap) -> Response {
    let caller = acting(&dialect, caller, "logout");
    answer(&dialect, log_out(&dialect, &caller, &headers).await)
}

async fn log_out(dialect: &Dialect, caller: &Caller, headers: &HeaderMap) -> Result<Success, Fail> {
    let (bearer, _) = check(dialect, headers, caller.now).await?;
    dialect.log_out(caller, &bearer).await?;
    Ok(Success { msg: "退出登录成功", data: Value::Null })
}
