//! The dialect's token, as flask-jwt-extended 3.24.1 writes it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::clock::Time;
use crate::error::Result;
use crate::http::dialects::Dialect;
use crate::tables::session::Session;

#[derive(Serialize)]
struct Claims<'a> {
    iat: i64,
    nbf: i64,
    jti: String,
    exp: i64,
    fresh: bool,
    r#type: &'static str,
    identity: &'a str,
    sub: &'a str,
    sid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf: Option<&'a str>,
}

/// A token for the session that just began, of the user called `name`; and its CSRF value, where
/// tokens travel in cookies.
pub(super) fn mint(
    dialect: &Dialect,
    name: &str,
    session: &Session,
    now: Time,
) -> Result<(String, Option<String>)> {
    let entropy = &dialect.app().entropy;
    let csrf = dialect.config().cookies.then(|| URL_SAFE_NO_PAD.encode(entropy.bytes::<16>()));
    let token = dialect.sign(&Claims {
        iat: now.seconds(),
        nbf: now.seconds(),
        jti: entropy.uuid(now).to_string(),
        exp: dialect.expires_at(now).seconds(),
        fresh: false,
        r#type: "access",
        identity: name,
        sub: name,
        sid: &session.id,
        csrf: csrf.as_deref(),
    })?;
    Ok((token, csrf))
}
