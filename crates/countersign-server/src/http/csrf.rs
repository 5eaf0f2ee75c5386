//! Whether a request that a cookie authenticates was meant by the page it seems to come from.

use http::header::{ORIGIN, REFERER};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::problem::Problem;
use crate::app::App;
use crate::config::Origins;

const TOKEN: &str = "x-csrf-token";
const SEC_FETCH_SITE: &str = "sec-fetch-site";

impl App {
    /// Refuses an unsafe request that a cookie of this session authenticates, unless it comes from
    /// a page of ours and carries the session's token.
    pub fn check_csrf(&self, headers: &HeaderMap, session_id: &str) -> Result<(), Problem> {
        self.check_origin(headers)?;
        let Some(sent) = headers.get(TOKEN) else {
            return Err(refused("csrf_missing", "The header X-CSRF-Token is missing."));
        };
        if self.csrf_tokens.is_of(sent.as_bytes(), session_id) {
            Ok(())
        } else {
            Err(refused("csrf_mismatch", "X-CSRF-Token is not this session's."))
        }
    }

    /// Refuses, in cookie mode, a login that a foreign page sends: it would log its victim in to
    /// somebody else's account. Programs that send no such headers are no browsers.
    pub fn check_login_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if self.config.cookies.enabled { self.check_page(headers, true) } else { Ok(()) }
    }

    /// Refuses a request that a cookie authenticates, unless it comes from a page of ours.
    pub fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        self.check_page(headers, false)
    }

    fn check_page(&self, headers: &HeaderMap, silent_is_fine: bool) -> Result<(), Problem> {
        let foreign = || refused("csrf_origin", "The request comes from another site's page.");
        let site = one(headers, SEC_FETCH_SITE).map_err(|()| foreign())?;
        if site.is_some_and(|site| site == "cross-site") {
            return Err(foreign());
        }
        if let Some(origin) = one(headers, ORIGIN.as_str()).map_err(|()| foreign())? {
            let ours = origin.to_str().is_ok_and(|origin| self.is_ours(origin));
            return if ours { Ok(()) } else { Err(foreign()) };
        }
        if let Some(site) = site {
            let ours = site == "same-origin" || site == "none";
            return if ours { Ok(()) } else { Err(foreign()) };
        }
        match one(headers, REFERER.as_str()).map_err(|()| foreign())? {
            Some(referer) if self.is_our_page(referer) => Ok(()),
            Some(_) => Err(foreign()),
            None if silent_is_fine => Ok(()),
            None => Err(refused(
                "csrf_origin",
                "None of Sec-Fetch-Site, Origin and Referer says where the request comes from.",
            )),
        }
    }

    fn is_ours(&self, origin: &str) -> bool {
        origin == self.config.public_url.origin()
            || match &self.config.cors.origins {
                Origins::Any => false,
                listed @ Origins::Listed(_) => listed.allow(origin),
            }
    }

    fn is_our_page(&self, referer: &HeaderValue) -> bool {
        let url = referer.to_str().ok().and_then(|referer| url::Url::parse(referer).ok());
        url.is_some_and(|url| self.is_ours(&url.origin().ascii_serialization()))
    }
}

/// The header's one value; an error where it has two.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a HeaderValue>, ()> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(()) } else { Ok(first) }
}

fn refused(code: &'static str, detail: &'static str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, code, detail)
}
