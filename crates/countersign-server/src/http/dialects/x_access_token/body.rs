//! What comes in forms; other fields are passed over.

use axum::extract::{FromRequest, Request};
use http::StatusCode;

use super::answer::Fail;
use crate::http::fields::{Fields, Kind, read_fields};
use crate::http::json::BodyError;

/// What a person logs in with.
pub struct Credentials {
    pub(super) email: String,
    pub(super) password: String,
}

/// What a person signs up with.
pub struct Signup {
    pub(super) name: String,
    pub(super) credentials: Credentials,
}

impl Credentials {
    fn take(fields: &mut Fields) -> Result<Option<Self>, BodyError> {
        let (email, password) = (text(fields, "email")?, text(fields, "password")?);
        Ok(email.zip(password).map(|(email, password)| Self { email, password }))
    }
}

impl<S: Send + Sync> FromRequest<S> for Credentials {
    type Rejection = Fail;

    /// A login that cannot be read is one without credentials, as it has always been.
    async fn from_request(request: Request, _: &S) -> Result<Self, Fail> {
        let read = read(request).await.and_then(|mut fields| Self::take(&mut fields));
        match read {
            Ok(Some(credentials)) => Ok(credentials),
            Ok(None) | Err(BodyError::UnsupportedMediaType | BodyError::Malformed(_)) => {
                Err(Fail::login_required())
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Signup {
    type Rejection = Fail;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fail> {
        let mut fields = read(request).await?;
        let (name, credentials) = (text(&mut fields, "name")?, Credentials::take(&mut fields)?);
        let read = name.zip(credentials).map(|(name, credentials)| Self { name, credentials });
        read.ok_or_else(|| Fail::text(StatusCode::BAD_REQUEST, "Missing name, email or password."))
    }
}

async fn read(request: Request) -> Result<Fields, BodyError> {
    read_fields(request, &[Kind::Multipart, Kind::UrlEncoded]).await
}

/// The text of a field; an empty one is none.
fn text(fields: &mut Fields, name: &str) -> Result<Option<String>, BodyError> {
    Ok(fields.take(name)?.filter(|text| !text.is_empty()))
}
