//! `username` and `password`, in JSON or in a form.

use axum::extract::{FromRequest, Request};

use crate::http::dialects::credentials::Credentials;
use crate::http::dialects::reply::Fail;
use crate::http::fields::Kind;

const ACCEPTED: &[Kind] = &[Kind::Json, Kind::UrlEncoded, Kind::Multipart];
const BLANK: &str = "This field cannot be blank";

/// What a person registers and logs in with.
pub struct Body(pub(super) Credentials);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Fail;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fail> {
        let fields = [("username", BLANK), ("password", BLANK)];
        Credentials::read(request, ACCEPTED, fields).await.map(Self)
    }
}
