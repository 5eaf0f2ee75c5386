//! The double submit of flask-jwt-extended: where a cookie carries the token, the page that sends a
//! request which changes something has to prove that it can read the other cookie, whose value is a
//! claim of the token.

use axum::extract::Request;
use countersign::layer::{CsrfFault, Denial, Guard};
use countersign::{Claims, VerifyError};
use http::{Extensions, HeaderMap};
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use super::answer::refused;
use crate::http::dialects::Dialect;
use crate::http::dialects::check::Bearer;
use crate::http::dialects::reply::Fail;
use crate::http::fields::{Kind, read_fields};
use crate::http::json::BodyError;

const HEADER: &str = "x-csrf-token";
const FIELD: &str = "csrf_token";

/// What the page sent, in a header or in a form.
#[derive(Clone)]
struct Sent(String);

/// What the guard asks about a request that changes something, whose token is in a cookie.
pub(super) fn protect(
    _: &HeaderMap,
    extensions: &Extensions,
    claims: &Claims,
) -> Result<(), Denial> {
    let Sent(sent) = extensions.get().ok_or(CsrfFault::MissingHeader)?;
    let own = claims.get("csrf").and_then(Value::as_str);
    let own = own.ok_or(VerifyError::MissingClaim { name: "csrf" })?;
    if bool::from(own.as_bytes().ct_eq(sent.as_bytes())) {
        Ok(())
    } else {
        Err(CsrfFault::Mismatch.into())
    }
}

/// Checks the token of a request that changes something. The form has to be read before the guard
/// can decide, so the guard is asked here and not before.
pub(super) async fn check(dialect: &Dialect, request: Request) -> Result<Bearer, Fail> {
    let (mut parts, body) = request.into_parts();
    let guard = Guard::of(&parts.extensions).map_err(|denial| refused(&denial))?.clone();
    let told = |denial: Denial| Fail::Guarded(Box::new(guard.answer(&denial)));
    if guard.find(&parts).map_err(told)?.is_in_cookie() {
        let sent = find(dialect, Request::from_parts(parts.clone(), body)).await?;
        parts.extensions.insert(sent.ok_or_else(|| told(CsrfFault::MissingHeader.into()))?);
    }
    let access = guard.check(&parts).await.map_err(told)?;
    Ok(dialect.bearer(access.verified(), access.attachment()))
}

async fn find(dialect: &Dialect, request: Request) -> Result<Option<Sent>, Fail> {
    let header = request.headers().get(HEADER).filter(|value| !value.is_empty());
    if let Some(value) = header {
        return Ok(Some(Sent(String::from_utf8_lossy(value.as_bytes()).into_owned())));
    }
    if !dialect.config().csrf_check_form {
        return Ok(None);
    }
    let field = read_fields(request, &[Kind::UrlEncoded, Kind::Multipart])
        .await
        .and_then(|mut fields| fields.take(FIELD));
    match field {
        Ok(Some(value)) if !value.is_empty() => Ok(Some(Sent(value))),
        // What is no form has no field.
        Ok(_) | Err(BodyError::Malformed(_) | BodyError::UnsupportedMediaType) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
