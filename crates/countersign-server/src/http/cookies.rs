//! Tokens in cookies: which cookies, with which attributes (RFC 6265bis).

use axum::response::{IntoResponseParts, ResponseParts};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::problem::Problem;
use crate::app::App;
use crate::operations::tokens::TokenPair;

/// One of the three cookies of cookie mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// The access token.
    Access,
    /// The refresh token.
    Refresh,
    /// The value that a page sends back in `X-CSRF-Token`.
    Csrf,
}

impl Cookie {
    const ALL: [Self; 3] = [Self::Access, Self::Refresh, Self::Csrf];

    /// The cookie's name. `__Host-` needs `Secure`, which plain HTTP on loopback cannot give.
    fn name(self, secure: bool) -> &'static str {
        match (self, secure) {
            (Self::Access, true) => "__Host-countersign_access",
            (Self::Refresh, true) => "__Host-countersign_refresh",
            (Self::Csrf, true) => "__Host-countersign_csrf",
            (Self::Access, false) => "countersign_access",
            (Self::Refresh, false) => "countersign_refresh",
            (Self::Csrf, false) => "countersign_csrf",
        }
    }

    /// The value that the request carries, if cookie mode is on. Two cookies of one name are
    /// refused: one of them was put there by somebody else.
    pub fn find(self, app: &App, headers: &HeaderMap) -> Result<Option<String>, Problem> {
        if !app.config.cookies.enabled {
            return Ok(None);
        }
        find_cookie(headers, self.name(app.config.public_url.is_https()))
            .map_err(|TwoCookies| ambiguous("The request carries two cookies of one name."))
    }

    /// The session whose refresh token the request's cookie carries, if it is one of ours: a login
    /// in that browser takes its place.
    pub fn session_to_replace(app: &App, headers: &HeaderMap) -> Result<Option<String>, Problem> {
        let token = Self::Refresh.find(app, headers)?;
        let token = token.and_then(|token| app.refresh_tokens.read(&token));
        Ok(token.map(|token| token.session_id.to_string()))
    }

    fn set(self, secure: bool, value: &str, max_age: u64) -> String {
        let name = self.name(secure);
        let http_only = if self == Self::Csrf { "" } else { "; HttpOnly" };
        let secure = if secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; SameSite=Lax; Max-Age={max_age}{secure}{http_only}")
    }
}

/// Two cookies of one name: one of them was put there by somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwoCookies;

/// The value of the request's one cookie of this name.
pub fn find_cookie(headers: &HeaderMap, name: &str) -> Result<Option<String>, TwoCookies> {
    let mut found = headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=')?;
            let (own, value) = (trim(&pair[..at]), trim(&pair[at + 1..]));
            (own == name.as_bytes()).then_some(value)
        });
    let first = found.next();
    if found.next().is_some() {
        return Err(TwoCookies);
    }
    Ok(first.map(|value| String::from_utf8_lossy(value).into_owned()))
}

/// A request in which it cannot be said which token counts (RFC 6750, section 2).
pub fn ambiguous(detail: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
        .challenge(Some("invalid_request"))
}

fn trim(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

/// The cookies that a response sets.
#[derive(Default)]
pub struct SetCookies(Vec<String>);

impl SetCookies {
    /// The three cookies of a pair of tokens, each with the life of what it holds.
    pub fn of(app: &App, session_id: &str, pair: &TokenPair) -> Self {
        let secure = app.config.public_url.is_https();
        let (access, refresh) = (pair.access_ttl.as_secs(), pair.refresh_ttl.as_secs());
        Self(vec![
            Cookie::Access.set(secure, &pair.access_token, access),
            Cookie::Refresh.set(secure, &pair.refresh_token, refresh),
            Cookie::Csrf.set(secure, &app.csrf_tokens.write(session_id), refresh),
        ])
    }

    /// Takes the three cookies back, if cookie mode is on.
    pub fn clear(app: &App) -> Self {
        if !app.config.cookies.enabled {
            return Self::default();
        }
        let secure = app.config.public_url.is_https();
        Self(Cookie::ALL.iter().map(|cookie| cookie.set(secure, "", 0)).collect())
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
