//! Where traces are sent, if anywhere.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::form;
use super::public_url::is_plain_off_loopback;
use crate::traces::TracesError;

/// Where a collector takes traces, below its URL (OTLP 1.0, "OTLP/HTTP Request").
const PATH: &str = "/v1/traces";

/// `[traces]`: which requests a collector is told of.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracesConfig {
    /// The collector; `None` sends none.
    #[serde(with = "form::parsed")]
    pub otlp: Option<CollectorUrl>,
    /// What it is sent in headers, by their names; may hold secrets. See [`TracesConfig::header_map`].
    #[serde(with = "form::secrets")]
    pub headers: BTreeMap<String, SecretString>,
    /// How many of the requests are traced: from none, 0, to all, 1.
    pub sample_ratio: f64,
}

impl TracesConfig {
    /// The headers that the collector is sent.
    ///
    /// # Errors
    /// Names the first that is none, and does not show its value.
    pub fn header_map(&self) -> Result<HeaderMap, TracesError> {
        let header = |(name, value): (&String, &SecretString)| {
            let wrong = |problem| TracesError::Header { name: name.clone(), problem };
            let header = HeaderName::from_str(name).map_err(|_| wrong("no name of a header"))?;
            let mut value = HeaderValue::from_str(value.expose_secret())
                .map_err(|_| wrong("a line of plain text is wanted"))?;
            value.set_sensitive(true);
            Ok((header, value))
        };
        self.headers.iter().map(header).collect()
    }

    /// Whether the headers travel where others may read them.
    pub(super) fn shows_headers(&self) -> bool {
        !self.headers.is_empty()
            && self.otlp.as_ref().is_some_and(|CollectorUrl(url)| is_plain_off_loopback(url))
    }
}

/// The `http` or `https` URL of a collector that speaks OTLP over HTTP, without anything secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorUrl(Url);

impl CollectorUrl {
    /// Where it takes traces.
    pub fn endpoint(&self) -> String {
        let base = self.0.as_str().trim_end_matches('/');
        format!("{}{PATH}", base.strip_suffix(PATH).unwrap_or(base))
    }

    /// Whether what is sent is encrypted.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl FromStr for CollectorUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text)
            .map_err(|_| "not a URL; write it like http://127.0.0.1:4318 (OTLP over HTTP)")?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("a URL of the scheme http or https is wanted (OTLP over HTTP)");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL without user name and password is wanted; a collector that asks \
                        for them gets them by traces.headers");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("a URL without query and fragment is wanted");
        }
        Ok(Self(url))
    }
}

impl fmt::Display for CollectorUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_go_below_the_url_of_the_collector() {
        for (url, endpoint) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
            ("https://otlp.example.org/base/", "https://otlp.example.org/base/v1/traces"),
            ("https://otlp.example.org/v1/traces", "https://otlp.example.org/v1/traces"),
        ] {
            assert_eq!(url.parse::<CollectorUrl>().expect(url).endpoint(), endpoint);
        }
    }
}
