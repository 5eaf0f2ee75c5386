//! The dialect's token: `public_id` is the user's id.

use countersign::Claims;
use http::HeaderMap;
use serde::Serialize;

use super::answer::Fail;
use crate::clock::Time;
use crate::error::Result;
use crate::http::dialects::{Bearer, Dialect};
use crate::tables::session::Session;
use crate::tables::user::User;

#[derive(Serialize)]
struct AccessClaims<'a> {
    public_id: &'a str,
    exp: i64,
    jti: String,
    sid: &'a str,
}

/// A token for the session that just began.
pub(super) fn mint(dialect: &Dialect, user: &User, session: &Session, now: Time) -> Result<String> {
    dialect.sign(&AccessClaims {
        public_id: &user.id,
        exp: dialect.expires_at(now).seconds(),
        jti: dialect.app().entropy.uuid(now).to_string(),
        sid: &session.id,
    })
}

/// Whose token it is.
pub(super) fn public_id(claims: &Claims) -> Option<&str> {
    claims.get("public_id")?.as_str()
}

/// Checks the token in the header `x-access-token`.
pub(super) async fn check(
    dialect: &Dialect,
    headers: &HeaderMap,
    now: Time,
) -> Result<Bearer, Fail> {
    let mut values = headers.get_all("x-access-token").iter();
    let token = match (values.next(), values.next()) {
        (None, _) => return Err(Fail::missing_token()),
        (Some(token), None) => token.to_str().map_err(|_| Fail::invalid_token())?,
        (Some(_), Some(_)) => return Err(Fail::invalid_token()),
    };
    if token.is_empty() {
        return Err(Fail::missing_token());
    }
    Ok(dialect.check(token, now).await?)
}
