//! Cookie mode: when the three cookies are set, and what comes back in them. How they are written
//! and protected is the library's.

use axum::response::IntoResponseParts;
use countersign::layer::{Cookie, Denial, SetCookies, Silence};
use http::{HeaderMap, HeaderName};

use super::problem::Problem;
use crate::app::App;
use crate::error::{Error, Result};
use crate::operations::tokens::TokenPair;

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

impl App {
    /// The refresh token that the request's cookie carries, if cookie mode is on. What is no text is
    /// no token of ours, but it is one: it comes as an empty one.
    pub fn refresh_cookie<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a str>, Problem> {
        let Some(cookies) = &self.cookies else { return Ok(None) };
        match cookies.find(Cookie::Refresh, headers) {
            Err(Denial::Malformed { .. }) => Ok(Some("")),
            found => Ok(found?),
        }
    }

    /// The session whose refresh token the request's cookie carries, if it is one of ours: a login
    /// in that browser takes its place.
    pub fn session_to_replace(&self, headers: &HeaderMap) -> Result<Option<String>, Problem> {
        let token = self.refresh_cookie(headers)?;
        let token = token.and_then(|token| self.refresh_tokens.read(token));
        Ok(token.map(|token| token.session_id.to_string()))
    }

    /// Refuses an unsafe request that a cookie of this session authenticates, unless it comes from
    /// a page of ours and carries the session's token.
    pub fn check_csrf(&self, headers: &HeaderMap, session_id: &str) -> Result<(), Problem> {
        let cookies = self.cookies.as_ref().ok_or(Denial::Unprotected)?;
        Ok(cookies.check_csrf(headers, session_id).map_err(Denial::from)?)
    }

    /// Refuses, in cookie mode, a login that a foreign page sends: it would log its victim in to
    /// somebody else's account. Programs that send no such headers are no browsers.
    pub fn check_login_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(cookies) = &self.cookies else { return Ok(()) };
        Ok(cookies.check_origin(headers, Silence::IsFine).map_err(Denial::from)?)
    }

    /// The three cookies of a session's pair of tokens; none unless cookie mode is on.
    pub fn session_cookies(&self, session_id: &str, pair: &TokenPair) -> Result<SetCookies> {
        let Some(cookies) = &self.cookies else { return Ok(SetCookies::default()) };
        let access = (pair.access_token.as_str(), pair.access_expires_in);
        let refresh = (pair.refresh_token.as_str(), pair.refresh_expires_in);
        let set = cookies.set_session(session_id, access, refresh);
        set.map_err(|_| Error::Internal("a token does not fit into a cookie"))
    }

    /// Takes the three cookies back from a browser whose session has ended, with what the pages of
    /// this origin have stored there (ASVS 5.0, 14.3.1). Nothing unless cookie mode is on: other
    /// clients' storage belongs to the application that holds the tokens.
    pub fn clear_browser(&self) -> impl IntoResponseParts + use<> {
        self.cookies.as_ref().map(|cookies| {
            // `"cookies"` would delete those of every application of the site.
            (cookies.clear(), [(CLEAR_SITE_DATA, "\"storage\"")])
        })
    }
}
