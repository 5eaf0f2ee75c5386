//! The dialect's envelope. HTTP's status is 200 whatever it says.

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::codes::Code;
use super::token::TELL_USER;
use crate::error::{Error, Half, Refusal};
use crate::http::dialects::Dialect;
use crate::http::dialects::reply::later;
use crate::http::json::BodyError;
use crate::http::problem::Problem;

/// What a client is told that got what it wanted.
#[derive(Debug)]
pub struct Success {
    /// What clients show to people.
    pub(super) msg: &'static str,
    /// What was asked for.
    pub(super) data: Value,
}

/// What a client is told that did not.
#[derive(Debug)]
pub enum Fail {
    /// In the dialect's words.
    Told {
        /// What kind of failure it is.
        code: Code,
        /// What clients show to people.
        msg: Cow<'static, str>,
        /// When to come back.
        retry_after: Option<Duration>,
    },
    /// A body that is too large or too slow is refused alike for all.
    Native(Problem),
}

impl Fail {
    /// A failure that trying again does not mend.
    pub(super) fn new(code: Code, msg: impl Into<Cow<'static, str>>) -> Self {
        Self::Told { code, msg: msg.into(), retry_after: None }
    }

    fn later(code: Code, msg: &'static str, retry_after: Duration) -> Self {
        Self::Told { code, msg: msg.into(), retry_after: Some(retry_after) }
    }

    /// The database failed; `msg` says while what was done.
    pub(super) fn database(msg: &'static str) -> Self {
        Self::later(Code::DbError, msg, Duration::from_secs(1))
    }

    fn try_again(retry_after: Duration) -> Self {
        Self::later(Code::DbError, "redis查询token失败", retry_after)
    }

    /// A well signed token that does not say whose it is.
    pub(super) fn without_user() -> Self {
        Self::new(Code::AuthError, "用户认证失败，携带认证参数不合法")
    }
}

/// The response, with the numbers that this server's codes have.
pub(super) fn answer(dialect: &Dialect, outcome: Result<Success, Fail>) -> Response {
    let envelope = |code: Code, msg: &str, data: Value| {
        let code = code.number(dialect.config());
        Json(json!({ "code": code, "msg": msg, "data": data })).into_response()
    };
    match outcome {
        Ok(Success { msg, data }) => envelope(Code::Ok, msg, data),
        Err(Fail::Told { code, msg, retry_after }) => {
            later(envelope(code, &msg, Value::Null), retry_after)
        }
        Err(Fail::Native(problem)) => problem.into_response(),
    }
}

impl From<BodyError> for Fail {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::UnsupportedMediaType | BodyError::Malformed(_) => {
                Self::new(Code::ParmasError, "请求体格式错误")
            }
            BodyError::TooLarge { .. } | BodyError::TimedOut => Self::Native(error.into()),
        }
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::InvalidCredentials(Half::Identifier) => {
                Self::new(Code::AuthError, "请求的用户不存在")
            }
            Error::InvalidCredentials(Half::Password) | Error::PasswordChangeRequired => {
                Self::new(Code::ParmasError, "用户登录密码输入错误")
            }
            Error::TooManyAttempts { retry_after } => {
                Self::later(Code::TooManyAttempts, "尝试次数过多，请稍后再试", retry_after)
            }
            Error::Overloaded { retry_after } => Self::try_again(retry_after),
            Error::Invalid { message, .. } => Self::new(Code::ParmasError, message),
            Error::RegistrationClosed | Error::Invitation(_) => {
                Self::new(Code::AuthError, "注册已关闭")
            }
            Error::IdentifierTaken(_) => Self::new(Code::ParmasError, "手机号已存在，请重新输入"),
            Error::NotFound(_) => Self::new(Code::AuthError, "用户不存在，查无此用户"),
            Error::Conflict | Error::LastAdmin => Self::try_again(Duration::from_secs(1)),
            Error::Db(_) => {
                tracing::error!(%error, "a request failed");
                Self::try_again(Duration::from_secs(1))
            }
            Error::Signing(_) | Error::Internal(_) => {
                tracing::error!(%error, "a request failed");
                Self::new(Code::ServerError, "服务器内部错误")
            }
        }
    }
}

impl From<Refusal> for Fail {
    fn from(refusal: Refusal) -> Self {
        use countersign::{EndReason, VerifyError as Invalid};
        let refused = |msg: &'static str| Self::new(Code::AuthError, msg);
        match refusal {
            Refusal::Missing => refused("用户认证失败,请求未携带对应认证信息"),
            Refusal::Invalid(Invalid::Expired) => refused("Token过期"),
            Refusal::Invalid(Invalid::MissingClaim { name } | Invalid::WrongClaimType { name })
                if TELL_USER.contains(&name) =>
            {
                Self::without_user()
            }
            Refusal::Invalid(_) | Refusal::NotARefreshToken => refused("无效Token"),
            Refusal::Ended(EndReason::Deleted | EndReason::Disabled) => {
                refused("用户不存在，查无此用户")
            }
            Refusal::Ended(EndReason::Limit) => refused("用户认证失败，需要再次登录"),
            Refusal::Ended(_) => refused("jwt-token失效"),
            Refusal::OutOfTouch => Self::try_again(Duration::from_secs(1)),
        }
    }
}
