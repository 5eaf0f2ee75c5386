//! The dialect's two tokens, as flask-jwt-extended 4 writes them; `sub` is what the user is called.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Value;

use crate::clock::Time;
use crate::error::Result;
use crate::http::dialects::Dialect;
use crate::http::dialects::check::Bearer;
use crate::operations::lasting::{Lasting, access_jti};
use crate::tables::session::Session;

#[derive(Serialize)]
struct Claims<'a> {
    fresh: bool,
    iat: i64,
    jti: String,
    r#type: &'static str,
    sub: &'a str,
    nbf: i64,
    csrf: String,
    exp: i64,
    sid: &'a str,
}

/// What a login answers.
pub struct Pair {
    pub(super) access_token: String,
    pub(super) refresh_token: String,
}

/// Both tokens of the session that just began, for the user called `name`.
pub(super) fn mint(dialect: &Dialect, name: &str, session: &Session, now: Time) -> Result<Pair> {
    let jti = dialect.app().entropy.uuid(now).to_string();
    let refresh = Claims {
        r#type: "refresh",
        exp: session.expires_at.seconds(),
        ..claims(dialect, (name, jti), session, now)
    };
    Ok(Pair {
        access_token: mint_access(dialect, name, session, now)?,
        refresh_token: dialect.sign(&refresh)?,
    })
}

/// The next access token of a session, which it does not outlive.
pub(super) fn mint_access(
    dialect: &Dialect,
    name: &str,
    session: &Session,
    now: Time,
) -> Result<String> {
    dialect.sign(&claims(dialect, (name, access_jti(session)), session, now))
}

fn claims<'a>(
    dialect: &Dialect,
    (name, jti): (&'a str, String),
    session: &'a Session,
    now: Time,
) -> Claims<'a> {
    Claims {
        fresh: false,
        iat: now.seconds(),
        jti,
        r#type: "access",
        sub: name,
        nbf: now.seconds(),
        csrf: URL_SAFE_NO_PAD.encode(dialect.app().entropy.bytes::<16>()),
        exp: dialect.expires_at(now).min(session.expires_at).seconds().max(now.seconds() + 1),
        sid: &session.id,
    }
}

/// A good token as the operations know it, if it is a refresh token.
pub(super) fn as_refresh_token(bearer: &Bearer) -> Option<Lasting> {
    let kind = bearer.claims().get("type").and_then(Value::as_str);
    (kind == Some("refresh")).then(|| lasting(bearer))
}

/// A good refresh token as the operations know it.
pub(super) fn lasting(bearer: &Bearer) -> Lasting {
    match bearer.legacy() {
        Some(legacy) => Lasting::Legacy {
            user_id: legacy.user.id.clone(),
            token_id: legacy.token_id.clone(),
            expires_at: legacy.expires_at,
        },
        None => Lasting::Session(bearer.session_id().unwrap_or_default().to_owned()),
    }
}
