//! Tokens in cookies: which cookies, with which attributes (RFC 6265bis), and what protects them
//! against requests that a page did not mean.

mod builder;
mod forgery;
mod set;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

pub use self::builder::CookiesBuilder;
pub use self::forgery::Silence;
pub use self::set::{CookieError, SetCookies};
use super::Denial;
use super::find::cookie;
use super::location::Source;
use crate::csrf_token::CsrfTokens;

/// One of the three cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// The access token.
    Access,
    /// The refresh token.
    Refresh,
    /// The CSRF token, which the page reads and sends back in `X-CSRF-Token`.
    Csrf,
}

impl Cookie {
    const ALL: [Self; 3] = [Self::Access, Self::Refresh, Self::Csrf];
}

/// Which pages of other sites a browser sends cookies for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SameSite {
    /// For links that are followed to us, and for nothing else of theirs.
    #[default]
    Lax,
    /// For nothing of theirs: who follows a link to us is not logged in on the first page.
    Strict,
}

impl SameSite {
    fn as_str(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::Strict => "Strict",
        }
    }
}

/// Three cookies, and the protection of what they authenticate. Cheap to clone.
///
/// The cookies are named `__Host-NAME_access`, `_refresh` and `_csrf`, and have Path=/, Secure,
/// `SameSite=Lax`, a Max-Age of the token's life, and, but for the CSRF token, `HttpOnly`. On plain HTTP, which is
/// accepted for this machine alone, they have neither the prefix nor Secure.
///
/// An unsafe request that a cookie authenticates must come from an origin of ours (`Sec-Fetch-Site`,
/// `Origin` or `Referer` says so) **and** carry the session's CSRF token in `X-CSRF-Token`: that of
/// the token's `sid`, or of its `jti` where it has none. A WebSocket handshake must come from an
/// origin of ours. A token in a header needs none of that: no
/// foreign page can send it.
///
/// ```
/// use std::time::Duration;
/// use countersign::layer::{Cookie, Cookies};
///
/// let key = [7; 32]; // 32 random bytes that all processes share
/// let cookies = Cookies::builder("https://app.example.org", &key).build()?;
///
/// let mut headers = http::HeaderMap::new();
/// let ttl = Duration::from_secs(900);
/// cookies.set(Cookie::Access, "a.b.c", ttl)?.append_to(&mut headers);
/// assert_eq!(
///     headers["set-cookie"],
///     "__Host-countersign_access=a.b.c; Path=/; SameSite=Lax; Max-Age=900; Secure; HttpOnly"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Cookies(Arc<Inner>);

struct Inner {
    names: [Arc<str>; 3],
    secure: bool,
    same_site: SameSite,
    /// The first is the application's own.
    origins: Vec<String>,
    csrf_tokens: CsrfTokens,
}

impl Cookies {
    /// Cookies of the application at `origin`, as browsers write it (`https://app.example.org`), with
    /// CSRF tokens made by `csrf_key`: 32 random bytes or more, which all processes share and which
    /// outlive a restart.
    pub fn builder(origin: &str, csrf_key: &[u8]) -> CookiesBuilder {
        CookiesBuilder::new(origin, csrf_key)
    }

    /// The cookie's name.
    pub fn name(&self, cookie: Cookie) -> &str {
        &self.0.names[cookie as usize]
    }

    /// The cookie's value in a request. Two of one name are refused: one of them was put there by
    /// somebody else.
    pub fn find<'a>(
        &self,
        which: Cookie,
        headers: &'a HeaderMap,
    ) -> Result<Option<&'a str>, Denial> {
        cookie(headers, self.name(which))
    }

    /// The session's CSRF token, which [`Cookie::Csrf`] carries.
    pub fn csrf_token(&self, session_id: &str) -> String {
        self.0.csrf_tokens.write(session_id)
    }

    /// Sets one cookie for as long as what it holds lives.
    pub fn set(
        &self,
        cookie: Cookie,
        value: &str,
        ttl: Duration,
    ) -> Result<SetCookies, CookieError> {
        let mut cookies = SetCookies::default();
        cookies.push(&self.0, cookie, value, ttl)?;
        Ok(cookies)
    }

    /// Sets all three for a session that begins or was refreshed; the CSRF token lives as long as the
    /// refresh token.
    pub fn set_session(
        &self,
        session_id: &str,
        (access_token, access_ttl): (&str, Duration),
        (refresh_token, refresh_ttl): (&str, Duration),
    ) -> Result<SetCookies, CookieError> {
        let mut cookies = SetCookies::default();
        cookies.push(&self.0, Cookie::Access, access_token, access_ttl)?;
        cookies.push(&self.0, Cookie::Refresh, refresh_token, refresh_ttl)?;
        cookies.push(&self.0, Cookie::Csrf, &self.csrf_token(session_id), refresh_ttl)?;
        Ok(cookies)
    }

    /// Takes the three cookies back. Their attributes are those they were set with, or browsers would
    /// keep them.
    pub fn clear(&self) -> SetCookies {
        let mut cookies = SetCookies::default();
        for cookie in Cookie::ALL {
            cookies.push_cleared(&self.0, cookie);
        }
        cookies
    }

    pub(super) fn source(&self) -> Source {
        Source::Cookie { name: Arc::clone(&self.0.names[Cookie::Access as usize]) }
    }
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookies")
            .field("names", &self.0.names)
            .field("origins", &self.0.origins)
            .finish_non_exhaustive()
    }
}
