//! The dialect's token: `public_id` is the user's id.

use countersign::Claims;
use serde::Serialize;

use crate::clock::Time;
use crate::error::Result;
use crate::http::dialects::Dialect;
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
