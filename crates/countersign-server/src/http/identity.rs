//! Who the request is from, by its access token. Extracting [`Identity`] is the only way to learn
//! it, and it fails closed.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use countersign::{EndReason, Verified};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, Method};

use super::cookies::{Cookie, ambiguous};
use super::problem::Problem;
use crate::app::App;
use crate::error::{Error, Refusal};

/// The user and the session of a good access token.
#[derive(Clone, Debug)]
pub struct Identity {
    verified: Arc<Verified>,
}

impl Identity {
    /// The user's id.
    pub fn user_id(&self) -> &str {
        self.verified.claims.subject().unwrap_or_default()
    }

    /// The session's id.
    pub fn session_id(&self) -> &str {
        self.verified.claims.session_id().unwrap_or_default()
    }
}

impl FromRequestParts<App> for Identity {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Some(found) = find_access_token(app, &parts.headers)? else {
            return Err(Refusal::Missing.into());
        };
        let verified = app.check_access_token(&found.token, app.clock.now()).await?;
        let identity = Self { verified };
        if found.in_cookie && is_unsafe(&parts.method) {
            app.check_csrf(&parts.headers, identity.session_id())?;
        }
        Ok(identity)
    }
}

/// An access token as the request carries it.
pub struct Found {
    /// The token, unchecked.
    pub token: String,
    /// Whether a cookie carries it: then what it may do needs the CSRF check.
    pub in_cookie: bool,
}

/// The request's one access token: in the header, or in cookie mode in the cookie. Two that differ
/// are refused (RFC 6750, section 2).
pub fn find_access_token(app: &App, headers: &HeaderMap) -> Result<Option<Found>, Problem> {
    let bearer = bearer(headers)?;
    let cookie = Cookie::Access.find(app, headers)?;
    match (bearer, cookie) {
        (Some(token), Some(cookie)) if token != cookie => {
            Err(ambiguous("The request carries two different tokens, in a header and in a cookie."))
        }
        (Some(token), _) => Ok(Some(Found { token, in_cookie: false })),
        (None, Some(token)) => Ok(Some(Found { token, in_cookie: true })),
        (None, None) => Ok(None),
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ambiguous("The request carries two Authorization headers."));
    }
    // What is no text is no token of ours, but it is one: it gets the answer of a bad one.
    let text = String::from_utf8_lossy(value.as_bytes());
    let (scheme, token) = text.split_once(' ').unwrap_or((&text, ""));
    Ok(scheme.eq_ignore_ascii_case("bearer").then(|| token.to_owned()))
}

/// Where an operation on the token's own user finds nobody, the token is no good: its user was
/// deleted.
pub fn or_deleted(error: Error) -> Error {
    match error {
        Error::NotFound("user") => Refusal::Ended(EndReason::Deleted).into(),
        error => error,
    }
}

fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}
