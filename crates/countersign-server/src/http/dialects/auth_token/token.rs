//! The dialect's token: `sub` is the user's number.

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::answer::{Fail, unauthorized};
use crate::clock::Time;
use crate::error::Result;
use crate::http::dialects::{Bearer, Dialect};
use crate::tables::session::Session;
use crate::tables::user::User;

#[derive(Serialize)]
struct Claims<'a> {
    exp: i64,
    iat: i64,
    sub: i64,
    jti: String,
    sid: &'a str,
}

/// A token for the session that just began.
pub(super) fn mint(dialect: &Dialect, user: &User, session: &Session, now: Time) -> Result<String> {
    dialect.sign(&Claims {
        exp: dialect.expires_at(now).seconds(),
        iat: now.seconds(),
        sub: user.number,
        jti: dialect.app().entropy.uuid(now).to_string(),
        sid: &session.id,
    })
}

/// The second word of the `Authorization` header, empty where there is none. The space after a
/// scheme that nothing follows is not part of a header's value (RFC 9110, section 5.5), so `Bearer`
/// alone is an empty token.
fn present(headers: &HeaderMap) -> Result<&str, Fail> {
    let malformed = || unauthorized("Bearer token malformed.");
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let header = match (values.next(), values.next()) {
        (None, _) => return Ok(""),
        (Some(header), None) => header.to_str().map_err(|_| malformed())?,
        (Some(_), Some(_)) => return Err(malformed()),
    };
    if header.is_empty() {
        return Ok("");
    }
    let mut words = header.split(' ');
    match words.next() {
        Some(scheme) if scheme.eq_ignore_ascii_case("bearer") => Ok(words.next().unwrap_or("")),
        _ => Err(malformed()),
    }
}

/// Checks the token that the request carries; `missing` is the status of a request without one.
pub(super) async fn check(
    dialect: &Dialect,
    headers: &HeaderMap,
    now: Time,
    missing: StatusCode,
) -> Result<Bearer, Fail> {
    let token = present(headers)?;
    if token.is_empty() {
        return Err(Fail::new(missing, "Provide a valid auth token."));
    }
    Ok(dialect.check(token, now).await?)
}
