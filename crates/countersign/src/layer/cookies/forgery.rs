//! Whether a request that a cookie authenticates was meant by the page it seems to come from.

use http::header::{ORIGIN, REFERER};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::Cookies;
use crate::layer::CsrfFault;
use crate::layer::find::Asked;
use crate::layer::forgery::{is_handshake, is_safe};

const TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a request stands for that says nothing of where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It is refused: a cookie authenticates it, so a browser sent it.
    IsRefused,
    /// It is fine: a login, which programs send as well.
    IsFine,
}

impl Cookies {
    /// Refuses an unsafe request that a cookie of this session authenticates, unless it comes from a
    /// page of ours and carries the session's token. [`Guard`](crate::layer::Guard) asks by itself.
    pub fn check_csrf(&self, headers: &HeaderMap, session_id: &str) -> Result<(), CsrfFault> {
        self.check_origin(headers, Silence::IsRefused)?;
        let mut sent = headers.get_all(TOKEN).iter();
        let token = sent.next().ok_or(CsrfFault::MissingHeader)?;
        let known = self.0.csrf_tokens.is_of(token.as_bytes(), session_id);
        if known && sent.next().is_none() { Ok(()) } else { Err(CsrfFault::Mismatch) }
    }

    /// Refuses a request that a page of a foreign origin sends. For a login: a foreign page that can
    /// send one logs its visitor in to somebody else's account.
    pub fn check_origin(&self, headers: &HeaderMap, silence: Silence) -> Result<(), CsrfFault> {
        let site = one(headers, &SEC_FETCH_SITE)?;
        if site.is_some_and(|site| site == "cross-site") {
            return Err(CsrfFault::ForeignSite);
        }
        if let Some(origin) = one(headers, &ORIGIN)? {
            let ours = origin.to_str().is_ok_and(|origin| self.is_ours(origin));
            return if ours { Ok(()) } else { Err(CsrfFault::ForeignSite) };
        }
        if let Some(site) = site {
            let ours = site == "same-origin" || site == "none";
            return if ours { Ok(()) } else { Err(CsrfFault::ForeignSite) };
        }
        match (one(headers, &REFERER)?, silence) {
            (Some(referer), _) if self.is_our_page(referer) => Ok(()),
            (Some(_), _) => Err(CsrfFault::ForeignSite),
            (None, Silence::IsFine) => Ok(()),
            (None, Silence::IsRefused) => Err(CsrfFault::NoOrigin),
        }
    }

    /// What a request that a cookie authenticates must show. A token without a session, and without
    /// an id of its own, has nothing that a CSRF token could be bound to.
    pub(crate) fn check_request(
        &self,
        asked: Asked<'_>,
        session: Option<&str>,
    ) -> Result<(), CsrfFault> {
        match *asked.method {
            // Over HTTP/2 a WebSocket's handshake is a CONNECT (RFC 8441). A page cannot give any
            // handshake a header.
            Method::CONNECT => self.check_origin(asked.headers, Silence::IsRefused),
            ref method if is_safe(method) && is_handshake(asked.headers) => {
                self.check_origin(asked.headers, Silence::IsRefused)
            }
            ref method if is_safe(method) => Ok(()),
            _ => self.check_csrf(asked.headers, session.ok_or(CsrfFault::Mismatch)?),
        }
    }

    fn is_ours(&self, origin: &str) -> bool {
        self.0.origins.iter().any(|own| own == origin)
    }

    fn is_our_page(&self, referer: &HeaderValue) -> bool {
        let Ok(referer) = referer.to_str() else { return false };
        self.0.origins.iter().any(|own| {
            referer.strip_prefix(own.as_str()).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('/') || rest.starts_with('?')
            })
        })
    }
}

/// The header's one value; who sends two is no browser.
fn one<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, CsrfFault> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(CsrfFault::ForeignSite) } else { Ok(first) }
}
