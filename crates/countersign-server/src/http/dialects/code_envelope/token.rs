//! The dialect's token, as flask-jwt-extended 3.24.1 writes it, and where a request carries one.

use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::answer::denied;
use super::cookies::find_token;
use crate::clock::Time;
use crate::error::Result;
use crate::http::dialects::flask_jwt::{MISSING, MISSING_CSRF, MISSING_EVERYWHERE, V3, Wanted};
use crate::http::dialects::flask_token::{Flask, Sent};
use crate::http::dialects::reply::Fail;
use crate::http::dialects::{Bearer, Dialect};
use crate::http::fields::{Kind, read_fields};
use crate::http::json::BodyError;
use crate::tables::session::Session;

const CSRF_HEADER: &str = "x-csrf-token";
const CSRF_FIELD: &str = "csrf_token";

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

pub(super) fn flask(dialect: &Dialect) -> Flask<'_> {
    Flask { dialect, version: &V3, identity: "identity" }
}

/// Checks the token of a request that changes nothing.
pub(super) async fn check(
    dialect: &Dialect,
    headers: &HeaderMap,
    now: Time,
) -> Result<Bearer, Fail> {
    let (token, _) = find(dialect, headers)?;
    let sent = Sent { token, csrf: None };
    flask(dialect).check(&sent, Wanted::Access, now).await.map_err(denied)
}

/// Checks the token of a request that changes something: where a cookie carries it, the page that
/// sends the request has to prove that it can read the other cookie.
pub(super) async fn check_unsafe(
    dialect: &Dialect,
    request: Request,
    now: Time,
) -> Result<Bearer, Fail> {
    let (token, in_cookie) = find(dialect, request.headers())?;
    let csrf = if in_cookie { Some(find_csrf(dialect, request).await?) } else { None };
    let sent = Sent { token, csrf };
    flask(dialect).check(&sent, Wanted::Access, now).await.map_err(denied)
}

/// The token, and whether a cookie carries it. The header counts first.
fn find(dialect: &Dialect, headers: &HeaderMap) -> Result<(String, bool), Fail> {
    if let Some(token) = V3.token_in(headers)? {
        return Ok((token, false));
    }
    if !dialect.config().cookies {
        return Err(MISSING.into());
    }
    let two = json!({ "msg": "Two cookies of one name" });
    let found = find_token(headers);
    let found = found.map_err(|_| Fail::new(StatusCode::UNPROCESSABLE_ENTITY, two))?;
    found.map(|token| (token, true)).ok_or_else(|| MISSING_EVERYWHERE.into())
}

async fn find_csrf(dialect: &Dialect, request: Request) -> Result<String, Fail> {
    let header = request.headers().get(CSRF_HEADER).filter(|value| !value.is_empty());
    if let Some(value) = header {
        return Ok(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    if !dialect.config().csrf_check_form {
        return Err(MISSING_CSRF.into());
    }
    let field = read_fields(request, &[Kind::UrlEncoded, Kind::Multipart])
        .await
        .and_then(|mut fields| fields.take(CSRF_FIELD));
    match field {
        Ok(Some(value)) if !value.is_empty() => Ok(value),
        // What is no form has no field.
        Ok(_) | Err(BodyError::Malformed(_) | BodyError::UnsupportedMediaType) => {
            Err(MISSING_CSRF.into())
        }
        Err(error) => Err(error.into()),
    }
}
