//! The dialect `x-access-token`: forms in, text out, a token in a header of its own.

pub mod answer;
pub mod body;
pub mod login;
pub mod signup;
pub mod token;
pub mod user;

use std::time::Duration;

use axum::routing::{get, post};
use countersign::layer::{Answers, Location};
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
    name: "x-access-token",
    access_ttl: Duration::from_mins(30),
    refresh_ttl: None,
    single: false,
    shapes: Shapes { mobile_cn: false },
    codes: &[],
    profile: Profile {
        typ: "JWT",
        required: &[
            ("public_id", ClaimType::Text),
            ("jti", ClaimType::Text),
            ("sid", ClaimType::Text),
        ],
        subject: Subject::None,
    },
    legacy: Rule {
        profile: Profile {
            typ: "JWT",
            required: &[("public_id", ClaimType::Text)],
            subject: Subject::None,
        },
        owner: |claims| token::public_id(claims).map(|id| Owner::Id(id.to_owned())),
        stamp: None,
    },
    lasting: None,
    guard: |guard, _| {
        guard
            .locations([Location::header("x-access-token")])
            .answers(Answers::with(|denial| Fail::from(denial.clone()).into_http()))
    },
    presented: Presented::Typed,
    registers: true,
    mirror: None,
    routes: || {
        vec![
            Route::new(Method::POST, "/signup", post(signup::post)).public(),
            Route::new(Method::POST, "/login", post(login::post)).public(),
            Route::new(Method::GET, "/user", get(user::get)),
        ]
    },
};
