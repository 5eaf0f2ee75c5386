//! The dialect `passport`: mobile numbers, `Authorization: JWT …`, one session a user, and an
//! envelope `{code, msg, data}` that says what HTTP's status does not.

pub mod answer;
pub mod body;
pub mod codes;
pub mod identify;
pub mod login;
pub mod logout;
pub mod register;
pub mod token;

use std::time::Duration;

use axum::routing::{get, post};
use countersign::layer::{Answers, Demand, GuardBuilder, Location};
use countersign::{ClaimType, Profile, Subject};
use http::Method;

use self::answer::Fail;
pub use self::token::token_of;
use super::legacy::Rule;
use super::mirror::Mirror;
use super::{Definition, Dialect};
use crate::http::router::Route;
use crate::identifier::Shapes;
use crate::operations::credentials::Presented;
use crate::operations::legacy::Owner;

/// What the dialect is.
pub const DEFINITION: Definition = Definition {
    name: "passport",
    access_ttl: Duration::from_hours(24),
    refresh_ttl: None,
    single: true,
    shapes: Shapes { mobile_cn: true },
    codes: &codes::NAMES,
    profile: Profile {
        typ: "JWT",
        required: &[
            ("iat", ClaimType::Integer),
            ("iss", ClaimType::Text),
            ("jti", ClaimType::Text),
            ("sid", ClaimType::Text),
            (token::DATA, ClaimType::Object),
        ],
        subject: Subject::None,
    },
    legacy: Rule {
        // What does not say whose it is has an answer of its own.
        profile: Profile {
            typ: "JWT",
            required: &[("iat", ClaimType::Integer)],
            subject: Subject::None,
        },
        owner: |claims| token::user_number(claims).map(Owner::Number),
        stamp: Some(token::login_time),
    },
    lasting: None,
    guard,
    presented: Presented::Typed,
    registers: true,
    mirror: Some(Mirror { key: |number| format!("jwt_token:{number}"), value: token_of }),
    routes: || {
        vec![
            Route::new(Method::POST, "/passport/register", post(register::post)).public(),
            Route::new(Method::POST, "/passport/login", post(login::post)).public(),
            Route::new(Method::GET, "/passport/identify", get(identify::get)),
            Route::new(Method::POST, "/passport/logout", post(logout::post)),
        ]
    },
};

fn guard(guard: GuardBuilder, dialect: &Dialect) -> GuardBuilder {
    let dialect = dialect.clone();
    let tells_user = Demand::new().claims(|claims| {
        token::user_number(claims).map(drop).ok_or_else(|| "`data.id` is missing".to_owned())
    });
    guard
        .locations([Location::header("authorization").scheme("JWT").exact_scheme()])
        .demand(tells_user)
        .answers(Answers::with(move |denial| Fail::from(denial.clone()).into_http(&dialect)))
}
