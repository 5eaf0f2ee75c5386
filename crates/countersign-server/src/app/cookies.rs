//! The cookies of cookie mode.

use countersign::layer::{ConfigError, Cookies};

use crate::config::{Config, Origins};

/// The cookies, if cookie mode is on, with CSRF tokens made by `key`; those of the `previous` one
/// are still known.
pub(super) fn cookies(
    config: &Config,
    (key, previous): (&[u8], Option<&[u8]>),
) -> Result<Option<Cookies>, ConfigError> {
    if !config.cookies.enabled {
        return Ok(None);
    }
    let mut cookies = Cookies::builder(&config.public_url.origin(), key);
    if let Some(previous) = previous {
        cookies = cookies.previous_csrf_key(previous);
    }
    if let Origins::Listed(origins) = &config.cors.origins {
        cookies = cookies.also_from(origins.iter().map(String::as_str));
    }
    cookies.build().map(Some)
}
