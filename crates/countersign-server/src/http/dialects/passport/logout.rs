//! `POST /passport/logout`

use axum::extract::State;
use axum::response::Response;
use serde_json::Value;

use super::answer::{Fail, Success, answer};
use super::token::acting;
use crate::http::dialects::Dialect;
use crate::http::dialects::check::Bearer;
use crate::operations::Caller;

/// Ends the session whose token it is.
pub async fn post(State(dialect): State<Dialect>, caller: Caller, bearer: Bearer) -> Response {
    let caller = acting(&dialect, caller, "logout");
    answer(&dialect, log_out(&dialect, &caller, &bearer).await)
}

async fn log_out(dialect: &Dialect, caller: &Caller, bearer: &Bearer) -> Result<Success, Fail> {
    dialect.log_out(caller, bearer).await?;
    Ok(Success { msg: "退出登录成功", data: Value::Null })
}
