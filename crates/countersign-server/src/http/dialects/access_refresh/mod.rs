//! The dialect `access-refresh`: `/registration`, `/login`, `/token/refresh`; an access token and a
//! refresh token, both JWTs, the refresh token not exchanged.

pub mod answer;
pub mod body;
pub mod hello;
pub mod login;
pub mod logout;
pub mod refresh;
pub mod register;
pub mod secret;
pub mod token;
pub mod users;

use std::time::Duration;

use axum::routing::{delete, get, post};
use countersign::layer::{FlaskVersion, GuardBuilder, Location, TokenType};
use countersign::{ClaimType, Profile, Subject};
use http::Method;

use super::Definition;
use super::legacy::Rule;
use crate::http::router::Route;
use crate::identifier::Shapes;
use crate::operations::credentials::Presented;
use crate::operations::legacy::Owner;

/// What the dialect is.
pub const DEFINITION: Definition = Definition {
    name: "access-refresh",
    access_ttl: Duration::from_mins(15),
    refresh_ttl: Some(Duration::from_hours(24 * 30)),
    single: false,
    shapes: Shapes { mobile_cn: false },
    codes: &[],
    profile: Profile {
        typ: "JWT",
        required: &[
            ("iat", ClaimType::Integer),
            ("nbf", ClaimType::Integer),
            ("jti", ClaimType::Text),
            ("sid", ClaimType::Text),
            ("type", ClaimType::Text),
            ("fresh", ClaimType::Boolean),
        ],
        subject: Subject::Text,
    },
    legacy: Rule {
        profile: Profile { typ: "JWT", required: &[], subject: Subject::Text },
        owner: |claims| claims.subject().map(|name| Owner::Identifier(name.to_owned())),
        stamp: None,
    },
    lasting: Some(token::as_refresh_token),
    guard: |guard, _| {
        guard
            .locations([Location::bearer().as_flask_jwt_extended(FlaskVersion::V4)])
            .token_type(TokenType::Access)
            .answers(answer::answers())
    },
    presented: Presented::Typed,
    registers: true,
    mirror: None,
    routes: || {
        vec![
            Route::new(Method::GET, "/", get(hello::get)).public(),
            Route::new(Method::POST, "/registration", post(register::post)).public(),
            Route::new(Method::POST, "/login", post(login::post)).public(),
            Route::new(Method::POST, "/token/refresh", post(refresh::post)).guarded(for_refresh),
            Route::new(Method::POST, "/logout/access", post(logout::access)),
            Route::new(Method::POST, "/logout/refresh", post(logout::refresh)).guarded(for_refresh),
            Route::new(Method::GET, "/users", get(users::get)),
            Route::new(Method::DELETE, "/users", delete(users::delete)),
            Route::new(Method::GET, "/secret", get(secret::get)),
        ]
    },
};

fn for_refresh(guard: GuardBuilder) -> GuardBuilder {
    guard.token_type(TokenType::Refresh)
}
