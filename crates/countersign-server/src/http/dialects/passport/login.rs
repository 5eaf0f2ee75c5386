//! `POST /passport/login`

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::json;

use super::answer::{Fail, Success, answer};
use super::body::Credentials;
use super::codes::Code;
use super::token::{acting, token_of};
use crate::error::Error;
use crate::http::dialects::Dialect;
use crate::identifier::Identifier;
use crate::operations::Caller;
use crate::operations::credentials::Presented;
use crate::operations::log_in::LogIn;

/// Begins a session, which ends the one before, and answers its token.
pub async fn post(State(dialect): State<Dialect>, caller: Caller, request: Request) -> Response {
    let caller = acting(&dialect, caller, "login");
    answer(&dialect, log_in(&dialect, &caller, request).await)
}

async fn log_in(dialect: &Dialect, caller: &Caller, request: Request) -> Result<Success, Fail> {
    let Credentials { mobile, password } = Credentials::read(request).await?;
    // Here a number is a mobile number, even where somebody has it for a username. What is none
    // may be an identifier of another kind.
    let identifier = Identifier::mobile_cn(&mobile).map_or(mobile, |mobile| mobile.value);
    let log_in = LogIn { identifier, password, presented: Presented::Typed, device: None };
    let app = dialect.app();
    let proven = match app.prove_login(caller, log_in).await {
        Err(error @ Error::Db(_)) => return Err(failed(&error, "登录时间查询失败")),
        proven => proven?,
    };
    let (user, session) = match app.begin(caller, dialect.terms(), proven).await {
        Err(error @ (Error::Db(_) | Error::Conflict)) => {
            return Err(failed(&error, "token保存redis失败"));
        }
        begun => begun?,
    };
    let token = token_of(dialect, &user, &session).map_err(|error| {
        tracing::error!(%error, "a token could not be signed");
        Fail::new(Code::AuthError, "没有生成对应的token")
    })?;
    Ok(Success {
        msg: "用户登录成功", data: json!({ "token": token, "user_id": user.number })
    })
}

fn failed(error: &Error, msg: &'static str) -> Fail {
    tracing::error!(%error, "a login failed");
    Fail::database(msg)
}
