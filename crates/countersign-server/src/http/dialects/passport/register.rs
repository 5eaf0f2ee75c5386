//! `POST /passport/register`

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::json;

use super::answer::{Fail, Success, answer};
use super::body::Credentials;
use super::codes::Code;
use crate::error::Error;
use crate::http::dialects::Dialect;
use crate::identifier::Identifier;
use crate::operations::Caller;
use crate::operations::register::Registration;
use crate::password::Password;

/// Makes an account. No session begins: the client logs in next.
pub async fn post(State(dialect): State<Dialect>, caller: Caller, request: Request) -> Response {
    answer(&dialect, register(&dialect, &caller, request).await)
}

async fn register(dialect: &Dialect, caller: &Caller, request: Request) -> Result<Success, Fail> {
    let Credentials { mobile, password } = Credentials::read(request).await?;
    let mobile = Identifier::mobile_cn(&mobile)
        .map_err(|_| Fail::new(Code::ParmasError, "手机号格式不正确"))?;
    let password =
        Password::parse(password).map_err(|invalid| Error::password("password", invalid))?;
    let registration = Registration::of(vec![mobile], password);
    let user = dialect.app().sign_up(caller, dialect.policy(), registration).await?;
    Ok(Success { msg: "注册成功", data: json!({ "user_id": user.number }) })
}
