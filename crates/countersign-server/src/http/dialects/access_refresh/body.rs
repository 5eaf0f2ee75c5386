//! `username` and `password`, in JSON or in a form; other fields are passed over.

use axum::extract::{FromRequest, Request};
use http::header::CONTENT_TYPE;
use http_body::Body as _;

use super::answer::field;
use crate::http::dialects::reply::Fail;
use crate::http::fields::{Fields, Kind, read_fields};

const ACCEPTED: &[Kind] = &[Kind::Json, Kind::UrlEncoded, Kind::Multipart];

/// What a person registers and logs in with.
pub struct Credentials {
    pub(super) username: String,
    pub(super) password: String,
}

impl<S: Send + Sync> FromRequest<S> for Credentials {
    type Rejection = Fail;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fail> {
        // No body at all is a form without fields.
        let is_nothing =
            request.body().is_end_stream() && !request.headers().contains_key(CONTENT_TYPE);
        let mut fields =
            if is_nothing { Fields::default() } else { read_fields(request, ACCEPTED).await? };
        let (username, password) = (fields.take("username")?, fields.take("password")?);
        let given = |name, text: Option<String>| {
            text.filter(|text| !text.is_empty())
                .ok_or_else(|| field(name, "This field cannot be blank"))
        };
        Ok(Self { username: given("username", username)?, password: given("password", password)? })
    }
}
