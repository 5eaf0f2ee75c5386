//! `POST /auth/register`

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::answer::{Fail, success, unauthorized};
use super::body::Credentials;
use super::token::mint;
use crate::error::Error;
use crate::http::dialects::Dialect;
use crate::http::dialects::reply::is_storage;
use crate::identifier::{Identifier, Kind};
use crate::operations::Caller;
use crate::operations::register::Registration;
use crate::password::Password;

/// Makes an account and answers a token for it.
pub async fn post(
    State(dialect): State<Dialect>,
    caller: Caller,
    Credentials { email, password }: Credentials,
) -> Result<Response, Fail> {
    let email = Identifier::parse_as(Kind::Email, &email)
        .map_err(|_| Fail::new(StatusCode::BAD_REQUEST, "Provide a valid email."))?;
    let password = Password::parse(password)
        .map_err(|invalid| Fail::from(Error::password("password", invalid)))?;
    let registration = Registration::of(vec![email], password);
    let registered = dialect
        .app()
        .register(&caller, dialect.terms(), dialect.policy(), registration)
        .await
        .and_then(|(user, session)| mint(&dialect, &user, &session, caller.now));
    match registered {
        Ok(token) => Ok(success(StatusCode::CREATED, "Successfully registered.", &token)),
        Err(error) if is_storage(&error) => {
            Err(unauthorized("Some error occurred. Please try again."))
        }
        Err(error) => Err(error.into()),
    }
}
