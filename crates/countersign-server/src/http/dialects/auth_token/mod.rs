//! The dialect `auth-token`: `/auth/*`, JSON `{status, message, auth_token}`, one token a login.

pub mod answer;
pub mod body;
pub mod login;
pub mod logout;
pub mod register;
pub mod status;
pub mod token;

use std::time::Duration;

use axum::routing::{get, post};
use countersign::layer::Answers;
use countersign::{ClaimType, Profile, Subject};
use http::Method;

use self::answer::Fail;
use super::Definition;
use super::legacy::Rule;
use crate::http::router::Route;
use crate::identifier::Shapes;
use crate::operations::credentials::Presented;
use crate::operations::legacy::Owner;

/// What the dialect is.
pub const DEFINITION: Definition = Definition {
    name: "auth-token",
    access_ttl: Duration::from_hours(24),
    refresh_ttl: None,
    single: false,
    shapes: Shapes { mobile_cn: false },
    codes: &[],
    profile: Profile {
        typ: "JWT",
        required: &[
            ("iat", ClaimType::Integer),
            ("jti", ClaimType::Text),
            ("sid", ClaimType::Text),
        ],
        subject: Subject::Integer,
    },
    legacy: Rule {
        profile: Profile {
            typ: "JWT",
            required: &[("iat", ClaimType::Integer)],
            subject: Subject::Integer,
        },
        owner: |claims| claims.subject_number().map(Owner::Number),
        stamp: None,
    },
    lasting: None,
    guard: |guard, _| guard.answers(Answers::with(|denial| Fail::from(denial.clone()).into_http())),
    presented: Presented::Typed,
    registers: true,
    mirror: None,
    routes: || {
        vec![
            Route::new(Method::POST, "/auth/register", post(register::post)).public(),
            Route::new(Method::POST, "/auth/login", post(login::post)).public(),
            Route::new(Method::GET, "/auth/status", get(status::get)),
            Route::new(Method::POST, "/auth/logout", post(logout::post))
                .guarded(|guard| guard.answers(logout::answers())),
        ]
    },
};
