//! `{email, password}`; other members are passed over.

use axum::extract::{FromRequest, Request};
use http::StatusCode;
use serde_json::Value;

use super::answer::Fail;
use crate::http::json::read_object;

/// What a person registers and logs in with.
pub struct Credentials {
    pub(super) email: String,
    pub(super) password: String,
}

impl<S: Send + Sync> FromRequest<S> for Credentials {
    type Rejection = Fail;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fail> {
        let mut body = read_object(request).await?;
        let mut text = |name: &str| match body.remove(name) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(Fail::new(StatusCode::BAD_REQUEST, "Malformed request body.")),
            None => Ok(String::new()),
        };
        let (email, password) = (text("email")?, text("password")?);
        if email.is_empty() || password.is_empty() {
            let message = "Provide an email and a password.";
            return Err(Fail::new(StatusCode::BAD_REQUEST, message));
        }
        Ok(Self { email, password })
    }
}
