//! The guard before the native API.

use countersign::layer::{Answers, Guard, GuardBuilder, TokenType};

use super::problem::Problem;
use crate::app::App;

/// A guard that takes native access tokens, from the header or, in cookie mode, from the cookie, and
/// says no with a problem.
pub fn native(app: &App) -> GuardBuilder {
    let guard = Guard::with_check(app.clone())
        // `typ` tells native tokens apart.
        .token_type(TokenType::Any)
        .answers(Answers::with(|denial| Problem::from(denial.clone()).into_http()))
        .clock(app.clock.source());
    match &app.cookies {
        Some(cookies) => guard.cookies(cookies.clone()),
        None => guard,
    }
}
