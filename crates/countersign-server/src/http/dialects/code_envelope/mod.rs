//! The dialect `code-envelope`: `{code, message, …}` with HTTP 200; one token a login, which may
//! travel in a cookie. Its clients send the SHA-256 of a password.

pub mod answer;
pub mod body;
pub mod cookies;
pub mod csrf;
pub mod login;
pub mod logout;
pub mod token;
pub mod users;

use std::time::Duration;

use axum::routing::{get, post};
use countersign::layer::{FlaskVersion, GuardBuilder, Location, TokenType};
use countersign::{ClaimType, Claims, Profile, Subject};
use http::Method;
use serde_json::Value;

use super::legacy::Rule;
use super::{Definition, Dialect};
use crate::http::router::Route;
use crate::identifier::Shapes;
use crate::operations::credentials::Presented;
use crate::operations::legacy::Owner;

/// What the dialect is.
pub const DEFINITION: Definition = Definition {
    name: "code-envelope",
    access_ttl: Duration::from_hours(1),
    refresh_ttl: None,
    single: false,
    profile: Profile {
        typ: "JWT",
        required: &[
            ("iat", ClaimType::Integer),
            ("nbf", ClaimType::Integer),
            ("jti", ClaimType::Text),
            ("sid", ClaimType::Text),
            ("fresh", ClaimType::Boolean),
            ("type", ClaimType::Text),
            ("identity", ClaimType::Text),
        ],
        subject: Subject::Text,
    },
    legacy: Rule {
        profile: Profile { typ: "JWT", required: &[], subject: Subject::None },
        owner,
        stamp: None,
    },
    lasting: None,
    guard,
    presented: Presented::ClientSha256,
    registers: false,
    mirror: None,
    shapes: Shapes { mobile_cn: false },
    codes: &[],
    routes: || {
        vec![
            Route::new(Method::POST, "/login", post(login::post)).public(),
            Route::new(Method::GET, "/users", get(users::get)),
            // It asks the guard itself, once it has read what proves who sent the request.
            Route::new(Method::POST, "/logout", post(logout::post)).public(),
        ]
    },
};

/// The claim's name is a setting of the library that minted the token.
fn owner(claims: &Claims) -> Option<Owner> {
    let name = claims.get("identity").and_then(Value::as_str).or(claims.subject())?;
    Some(Owner::Identifier(name.to_owned()))
}

fn guard(guard: GuardBuilder, dialect: &Dialect) -> GuardBuilder {
    let header = Location::bearer().as_flask_jwt_extended(FlaskVersion::V3);
    let guard = guard.token_type(TokenType::Access).answers(answer::answers());
    if dialect.config().cookies {
        let cookie = Location::cookie(cookies::TOKEN);
        guard.locations([header, cookie]).csrf_protection(csrf::protect)
    } else {
        guard.locations([header])
    }
}
