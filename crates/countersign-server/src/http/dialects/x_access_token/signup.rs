//! `POST /signup`

use axum::extract::State;
use axum::response::Html;
use http::StatusCode;

use super::answer::Fail;
use super::body::{Credentials, Signup};
use crate::error::Error;
use crate::http::dialects::Dialect;
use crate::identifier::{DisplayName, Identifier, Kind};
use crate::operations::Caller;
use crate::operations::register::Registration;
use crate::password::Password;

/// Makes an account. No session begins: the client logs in next.
pub async fn post(
    State(dialect): State<Dialect>,
    caller: Caller,
    Signup { name, credentials: Credentials { email, password } }: Signup,
) -> Result<(StatusCode, Html<&'static str>), Fail> {
    let email = Identifier::parse_as(Kind::Email, &email)
        .map_err(|_| Fail::text(StatusCode::BAD_REQUEST, "Provide a valid email."))?;
    let name = DisplayName::parse(&name).map_err(|invalid| Error::name("name", invalid))?;
    let password =
        Password::parse(password).map_err(|invalid| Error::password("password", invalid))?;
    let registration =
        Registration { name: Some(name.into()), ..Registration::of(vec![email], password) };
    dialect.app().sign_up(&caller, dialect.policy(), registration).await?;
    Ok((StatusCode::CREATED, Html("Successfully registered.")))
}
