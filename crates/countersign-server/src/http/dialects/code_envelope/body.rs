//! `username` and `password`, in JSON.

use axum::extract::{FromRequest, Request};

use crate::http::dialects::credentials::Credentials;
use crate::http::dialects::reply::Fail;
use crate::http::fields::Kind;

/// What a person logs in with.
pub struct Body(pub(super) Credentials);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Fail;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fail> {
        let fields = [("username", "用户名不能为空"), ("password", "密码不能为空")];
        Credentials::read(request, &[Kind::Json], fields).await.map(Self)
    }
}
