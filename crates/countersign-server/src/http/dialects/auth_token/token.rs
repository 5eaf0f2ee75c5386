//! The dialect's token: `sub` is the user's number.

use serde::Serialize;

use crate::clock::Time;
use crate::error::Result;
use crate::http::dialects::Dialect;
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
