//! The dialect's token: `data` names the user and the login.

use countersign::Claims;
use serde::Serialize;

use crate::error::Result;
use crate::http::dialects::Dialect;
use crate::operations::Caller;
use crate::operations::record::Action;
use crate::tables::session::Session;
use crate::tables::user::User;

/// The claim that says whose token it is.
pub(super) const DATA: &str = "data";
/// What a token may lack that does not say whose it is.
pub(super) const TELL_USER: [&str; 3] = [DATA, "login_time", "sub"];

#[derive(Serialize)]
struct AccessClaims<'a> {
    exp: i64,
    iat: i64,
    iss: &'a str,
    data: Login,
    jti: &'a str,
    sid: &'a str,
}

#[derive(Serialize)]
struct Login {
    id: i64,
    login_time: i64,
}

/// The session's one token. It is the same whenever and on whichever node it is asked for, so that
/// a copy that was lost can be written again.
pub fn token_of(dialect: &Dialect, user: &User, session: &Session) -> Result<String> {
    let login_time = session.started_at.seconds();
    let public_url = dialect.app().config.public_url.as_str();
    dialect.sign(&AccessClaims {
        exp: session.expires_at.seconds(),
        iat: login_time,
        iss: dialect.config().issuer.as_deref().unwrap_or(public_url),
        data: Login { id: user.number, login_time },
        jti: &session.id,
        sid: &session.id,
    })
}

/// Whose token it is.
pub(super) fn user_number(claims: &Claims) -> Option<i64> {
    claims.get(DATA)?.get("id")?.as_i64()
}

/// The login that it belongs to.
pub(super) fn login_time(claims: &Claims) -> Option<i64> {
    claims.get(DATA)?.get("login_time")?.as_i64()
}

/// The caller of a request that the platform's log of actions tells of.
pub(super) fn acting(dialect: &Dialect, caller: Caller, event: &'static str) -> Caller {
    let url = format!("{}/passport/{event}", dialect.config().prefix);
    Caller { action: Some(Action { url, method: "post", event }), ..caller }
}
