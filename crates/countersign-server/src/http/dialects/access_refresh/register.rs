//! `POST /registration`

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{fail, pair, storage_failed};
use super::body::Body;
use super::token::mint;
use crate::error::{Error, Result};
use crate::http::dialects::Dialect;
use crate::http::dialects::credentials::Credentials;
use crate::http::dialects::reply::{Fail, is_storage};
use crate::identifier::Identifier;
use crate::operations::Caller;
use crate::operations::register::Registration;
use crate::password::Password;
use crate::tables::identifier;

/// Makes an account and answers tokens for it.
pub async fn post(
    State(dialect): State<Dialect>,
    caller: Caller,
    Body(Credentials { username, password }): Body,
) -> Result<Json<Value>, Fail> {
    let identifier = dialect
        .app()
        .shapes
        .parse(&username)
        .map_err(|_| Fail::field("username", "This username cannot be used"))?;
    let password = Password::parse(password)
        .map_err(|invalid| Fail::field("password", &invalid.to_string()))?;
    match register(&dialect, &caller, identifier.clone(), password).await {
        Ok(answer) => Ok(answer),
        Err(Error::IdentifierTaken(_)) => Ok(taken(&dialect, &identifier).await.map_err(fail)?),
        Err(Error::Invalid { message, .. }) => Err(Fail::field("password", &message)),
        Err(Error::RegistrationClosed | Error::Invitation(_)) => {
            let message = json!({ "message": "Registration is closed" });
            Err(Fail::new(StatusCode::FORBIDDEN, message))
        }
        Err(error) if is_storage(&error) => Err(storage_failed()),
        Err(error) => Err(fail(error)),
    }
}

async fn register(
    dialect: &Dialect,
    caller: &Caller,
    identifier: Identifier,
    password: Password,
) -> Result<Json<Value>> {
    let name = identifier.value.clone();
    let registration = Registration::of(vec![identifier], password);
    let (_, session) =
        dialect.app().register(caller, dialect.terms(), dialect.policy(), registration).await?;
    let tokens = mint(dialect, &name, &session, caller.now)?;
    Ok(pair(&format!("User {name} was created"), tokens))
}

/// Somebody has the identifier, perhaps in another spelling.
async fn taken(dialect: &Dialect, identifier: &Identifier) -> Result<Json<Value>> {
    let stored = identifier::find(&dialect.app().db, &identifier.key).await?;
    let name = stored.map_or_else(|| identifier.value.clone(), |stored| stored.value);
    Ok(Json(json!({ "message": format!("User {name} already exists") })))
}
