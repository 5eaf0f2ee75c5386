//! The token in a cookie, and beside it, in one that a page can read, the value that the page has to
//! send back. Attributes as flask-jwt-extended sets them, and `SameSite`.

use axum::response::{IntoResponseParts, ResponseParts};
use http::HeaderValue;
use http::header::SET_COOKIE;

use crate::http::dialects::Dialect;
use crate::http::problem::Problem;

pub(super) const TOKEN: &str = "access_token_cookie";
const CSRF: &str = "csrf_access_token";

/// The cookies that a response sets; none where the dialect is configured without.
#[derive(Default)]
pub struct SetCookies(Vec<String>);

impl SetCookies {
    /// Those of a token. They last as long as the browser is open.
    pub(super) fn of(dialect: &Dialect, token: &str, csrf: &str) -> Self {
        let attributes = attributes(dialect);
        Self(vec![
            format!("{TOKEN}={token}{attributes}; HttpOnly"),
            format!("{CSRF}={csrf}{attributes}"),
        ])
    }

    /// Takes them back.
    pub(super) fn clear(dialect: &Dialect) -> Self {
        if !dialect.config().cookies {
            return Self::default();
        }
        let over = "Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        let attributes = attributes(dialect);
        Self(vec![
            format!("{TOKEN}=; {over}{attributes}; HttpOnly"),
            format!("{CSRF}=; {over}{attributes}"),
        ])
    }
}

fn attributes(dialect: &Dialect) -> &'static str {
    if dialect.app().config.public_url.is_https() {
        "; Secure; Path=/; SameSite=Lax"
    } else {
        "; Path=/; SameSite=Lax"
    }
}

impl IntoResponseParts for SetCookies {
    type Error = Problem;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Problem> {
        for cookie in self.0 {
            let value = HeaderValue::try_from(cookie).map_err(|_| Problem::internal())?;
            parts.headers_mut().append(SET_COOKIE, value);
        }
        Ok(parts)
    }
}
