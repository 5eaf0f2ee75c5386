//! Cookies that a response sets.

use std::time::Duration;

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

use super::{Cookie, Inner};

/// What browsers keep of one cookie, name and attributes included (RFC 6265bis, section 5.6).
const MAX_LENGTH: usize = 4096;

/// Cookies that a response sets. With the feature `axum` they are a part of a response.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct SetCookies(Vec<HeaderValue>);

/// Why a cookie cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CookieError {
    /// The value has a character that no token has.
    #[error("the value has a character that no token has")]
    Value,
    /// With its attributes the cookie is longer than browsers keep: 4,096 bytes.
    #[error("the cookie is longer than browsers keep")]
    TooLong,
}

impl SetCookies {
    /// Appends the `Set-Cookie` headers; what stands there stays.
    pub fn append_to(self, headers: &mut HeaderMap) {
        for value in self.0 {
            headers.append(SET_COOKIE, value);
        }
    }

    /// These and those.
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    pub(super) fn push(
        &mut self,
        cookies: &Inner,
        cookie: Cookie,
        value: &str,
        ttl: Duration,
    ) -> Result<(), CookieError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~+/=".contains(&byte);
        if value.is_empty() || !value.bytes().all(fits) {
            return Err(CookieError::Value);
        }
        let text = write(cookies, cookie, value, ttl.as_secs());
        if text.len() > MAX_LENGTH {
            return Err(CookieError::TooLong);
        }
        self.0.push(HeaderValue::try_from(text).map_err(|_| CookieError::Value)?);
        Ok(())
    }

    pub(super) fn push_cleared(&mut self, cookies: &Inner, cookie: Cookie) {
        self.0.extend(HeaderValue::try_from(write(cookies, cookie, "", 0)).ok());
    }
}

fn write(cookies: &Inner, cookie: Cookie, value: &str, max_age: u64) -> String {
    let name = &cookies.names[cookie as usize];
    let same_site = cookies.same_site.as_str();
    let secure = if cookies.secure { "; Secure" } else { "" };
    let http_only = if cookie == Cookie::Csrf { "" } else { "; HttpOnly" };
    format!("{name}={value}; Path=/; SameSite={same_site}; Max-Age={max_age}{secure}{http_only}")
}
