//! `username` and `password`, as `reqparse` of Flask-RESTful asks for them; other fields are passed
//! over.

use axum::extract::Request;
use http::header::CONTENT_TYPE;
use http_body::Body as _;

use super::reply::Fail;
use crate::http::fields::{Fields, Kind, read_fields};

/// What a person registers and logs in with.
pub struct Credentials {
    /// The identifier, as it was sent.
    pub username: String,
    /// The password, as it was sent.
    pub password: String,
}

/// A field, and what clients are told where it is missing or empty.
pub type Blank = (&'static str, &'static str);

impl Credentials {
    /// Reads both from a body of one of the `accepted` kinds. The first that is missing is told.
    pub async fn read(
        request: Request,
        accepted: &[Kind],
        [username, password]: [Blank; 2],
    ) -> Result<Self, Fail> {
        // No body at all is a form without fields.
        let is_nothing =
            request.body().is_end_stream() && !request.headers().contains_key(CONTENT_TYPE);
        let mut fields =
            if is_nothing { Fields::default() } else { read_fields(request, accepted).await? };
        let texts = (fields.take(username.0)?, fields.take(password.0)?);
        let given = |text: Option<String>, (name, blank): Blank| {
            text.filter(|text| !text.is_empty()).ok_or_else(|| Fail::field(name, blank))
        };
        Ok(Self { username: given(texts.0, username)?, password: given(texts.1, password)? })
    }
}
