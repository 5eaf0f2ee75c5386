//! `mobile` and `password`, as JSON or as a form; other fields are passed over.

use axum::extract::Request;

use super::answer::Fail;
use super::codes::Code;
use crate::http::fields::{Kind, read_fields};

/// What a person registers and logs in with.
pub struct Credentials {
    pub(super) mobile: String,
    pub(super) password: String,
}

impl Credentials {
    pub(super) async fn read(request: Request) -> Result<Self, Fail> {
        let accepted = [Kind::Json, Kind::UrlEncoded, Kind::Multipart];
        let mut fields = read_fields(request, &accepted).await?;
        let (mobile, password) = (fields.take("mobile")?, fields.take("password")?);
        match (mobile.unwrap_or_default(), password.unwrap_or_default()) {
            (mobile, password) if !mobile.is_empty() && !password.is_empty() => {
                Ok(Self { mobile, password })
            }
            _ => Err(Fail::new(Code::ParmasError, "参数不完整")),
        }
    }
}
