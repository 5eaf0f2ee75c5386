//! The dialect's envelope. HTTP's status is 200 whatever it says.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use countersign::layer::{Absence, Denial};
use countersign::{EndReason, VerifyError as Invalid};
use http::StatusCode;
use serde_json::{Value, json};

use super::codes::Code;
use super::token::TELL_USER;
use crate::error::{Error, Half, Refusal};
use crate::http::dialects::Dialect;
use crate::http::dialects::reply::json_answer;
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
    let response = match outcome {
        Ok(Success { msg, data }) => envelope(dialect, (Code::Ok, msg, data), None),
        Err(fail) => fail.into_http(dialect),
    };
    response.map(Body::from)
}

fn envelope(
    dialect: &Dialect,
    (code, msg, data): (Code, &str, Value),
    retry_after: Option<Duration>,
) -> http::Response<Bytes> {
    let code = code.number(dialect.config());
    let body = json!({ "code": code, "msg": msg, "data": data });
    json_answer(StatusCode::OK, &body, retry_after)
}

impl Fail {
    /// The answer, as a guard gives it.
    pub(super) fn into_http(self, dialect: &Dialect) -> http::Response<Bytes> {
        match self {
            Self::Told { code, msg, retry_after } => {
                envelope(dialect, (code, &msg, Value::Null), retry_after)
            }
            Self::Native(problem) => problem.into_http(),
        }
    }
}

impl From<BodyError> for Fail {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::UnsupportedMediaType | BodyError::Malformed(_) => {
                Self::new(Code::ParmasError, "请求体格式错误")
            }
            BodyError::TooLarge { .. } | BodyError::TimedOut | BodyError::NoRoom => {
                Self::Native(error.into())
            }
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
            Error::TooManyAttempts { retry_after } | Error::TooManyRequests { retry_after } => {
                Self::later(Code::TooManyAttempts, "尝试次数过多，请稍后再试", retry_after)
            }
            Error::Overloaded { retry_after } => Self::try_again(retry_after),
            Error::Invalid { message, .. } => Self::new(Code::ParmasError, message),
            Error::RegistrationClosed | Error::Invitation(_) => {
                Self::new(Code::AuthError, "注册已关闭")
            }
            Error::IdentifierTaken(_) => Self::new(Code::ParmasError, "手机号已存在，请重新输入"),
            Error::NotFound(_) => Self::new(Code::AuthError, "用户不存在，查无此用户"),
            Error::Conflict | Error::LastAdmin | Error::NotAdmin | Error::ApiKeyRevoked => {
                Self::try_again(Duration::from_secs(1))
            }
            Error::Db(_) | Error::WrongClock => {
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
        Denial::from(refusal).into()
    }
}

impl From<Denial> for Fail {
    fn from(denial: Denial) -> Self {
        let refused = |msg: &'static str| Self::new(Code::AuthError, msg);
        let malformed = "请求未携带认证信息，认证失败";
        match denial {
            Denial::Missing(absences)
                if absences.iter().any(|absence| matches!(absence, Absence::Scheme { .. })) =>
            {
                refused(malformed)
            }
            Denial::Missing(_) => refused("用户认证失败,请求未携带对应认证信息"),
            Denial::Malformed { .. } | Denial::Ambiguous(_) => refused(malformed),
            Denial::Invalid(Invalid::Expired) => refused("Token过期"),
            Denial::Invalid(Invalid::MissingClaim { name } | Invalid::WrongClaimType { name })
                if TELL_USER.contains(&name) =>
            {
                Self::without_user()
            }
            Denial::Claims(_) => Self::without_user(),
            Denial::NoUser { .. } | Denial::Ended(EndReason::Deleted | EndReason::Disabled) => {
                refused("用户不存在，查无此用户")
            }
            Denial::Ended(EndReason::Limit) => refused("用户认证失败，需要再次登录"),
            Denial::Ended(_) => refused("jwt-token失效"),
            Denial::OutOfTouch => Self::try_again(Duration::from_secs(1)),
            _ => refused("无效Token"),
        }
    }
}
