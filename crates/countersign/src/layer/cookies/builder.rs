//! Puts [`Cookies`] together.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Cookies, Inner, SameSite};
use crate::csrf_token::CsrfTokens;
use crate::layer::ConfigError;
use crate::layer::location::is_token;
use crate::loopback::is_loopback;

/// Puts [`Cookies`] together; see [`Cookies::builder`]. Whatever is wrong is told by
/// [`CookiesBuilder::build`].
#[must_use]
pub struct CookiesBuilder {
    origins: Vec<String>,
    names: Names,
    same_site: SameSite,
    key: Zeroizing<Vec<u8>>,
    previous_key: Option<Zeroizing<Vec<u8>>>,
}

#[derive(Debug)]
enum Names {
    /// `NAME_access` and so on.
    After(String),
    /// As they are.
    Exactly([String; 3]),
}

impl CookiesBuilder {
    pub(super) fn new(origin: &str, key: &[u8]) -> Self {
        Self {
            origins: vec![origin.to_owned()],
            names: Names::After("countersign".to_owned()),
            same_site: SameSite::default(),
            key: Zeroizing::new(key.to_vec()),
            previous_key: None,
        }
    }

    /// What the cookies are named after: `__Host-NAME_access` and so on. `countersign`, if not said.
    pub fn name(mut self, name: &str) -> Self {
        self.names = Names::After(name.to_owned());
        self
    }

    /// The names of the cookies, without `__Host-`, which is put before them: access, refresh, CSRF.
    pub fn names(mut self, access: &str, refresh: &str, csrf: &str) -> Self {
        self.names = Names::Exactly([access, refresh, csrf].map(str::to_owned));
        self
    }

    /// Pages of these origins may send unsafe requests, too.
    pub fn also_from<'a>(mut self, origins: impl IntoIterator<Item = &'a str>) -> Self {
        self.origins.extend(origins.into_iter().map(str::to_owned));
        self
    }

    /// [`SameSite::Lax`], if not said.
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// CSRF tokens made with this key are still known: the one that was used before.
    pub fn previous_csrf_key(mut self, key: &[u8]) -> Self {
        self.previous_key = Some(Zeroizing::new(key.to_vec()));
        self
    }

    /// The cookies, or what is wrong with them.
    pub fn build(self) -> Result<Cookies, ConfigError> {
        if let Some(bad) = self.origins.iter().find(|origin| !is_origin(origin)) {
            return Err(ConfigError::Origin(bad.clone()));
        }
        let secure = is_secure(&self.origins[0])?;
        let prefix = if secure { "__Host-" } else { "" };
        let names = match self.names {
            Names::After(name) => {
                ["access", "refresh", "csrf"].map(|which| format!("{name}_{which}"))
            }
            Names::Exactly(names) => names,
        };
        let [access, refresh, csrf] = &names;
        let distinct = access != refresh && refresh != csrf && csrf != access;
        if let Some(bad) = names.iter().find(|name| !is_token(name) || !distinct) {
            return Err(ConfigError::CookieName(bad.clone()));
        }
        let previous = self.previous_key.as_ref().map(|key| key.as_slice());
        let csrf_tokens = CsrfTokens::new(&self.key, previous).ok_or(ConfigError::CsrfKey)?;
        Ok(Cookies(Arc::new(Inner {
            names: names.map(|name| Arc::from(format!("{prefix}{name}"))),
            secure,
            same_site: self.same_site,
            origins: self.origins,
            csrf_tokens,
        })))
    }
}

impl fmt::Debug for CookiesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookiesBuilder")
            .field("origins", &self.origins)
            .field("names", &self.names)
            .field("same_site", &self.same_site)
            .finish_non_exhaustive()
    }
}

/// Whether the cookies of a page of this origin can be Secure. They must be, but for this machine.
fn is_secure(origin: &str) -> Result<bool, ConfigError> {
    let Some(host) = origin.strip_prefix("http://") else {
        return if origin.starts_with("https://") {
            Ok(true)
        } else {
            Err(ConfigError::InsecureOrigin(origin.to_owned()))
        };
    };
    let bare = match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    // Browsers ask nobody about names below it either.
    if is_loopback(bare) || bare.ends_with(".localhost") {
        Ok(false)
    } else {
        Err(ConfigError::InsecureOrigin(origin.to_owned()))
    }
}

/// Whether browsers would write this into `Origin`: scheme, host in lower case, a port at most that
/// is not the scheme's own.
fn is_origin(origin: &str) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else { return false };
    let own_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => "/",
    };
    // Of schemes that browsers do not know they leave the host as it is.
    let is_known = own_port != "/";
    let fits = |byte: u8| {
        byte.is_ascii_graphic()
            && !b"/\\?#@".contains(&byte)
            && !(is_known && byte.is_ascii_uppercase())
    };
    let is_scheme = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'.' | b'-');
    !scheme.is_empty()
        && scheme.bytes().all(is_scheme)
        && !host.is_empty()
        && !host.starts_with(':')
        && host.bytes().all(fits)
        && !host.ends_with(own_port)
}
