//! The URL by which clients know the server.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use url::Url;

use crate::network;

/// An `https` URL, or an `http` one of this machine, without credentials, query and fragment.
///
/// Tokens and passwords travel to it, so it is encrypted or does not leave the machine. Behind a
/// proxy that ends TLS it is the proxy's `https` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    url: Url,
    /// Without a slash at the end, so that paths can be appended and issuers compared.
    text: String,
}

impl PublicUrl {
    /// Reads a URL, or says what would be right.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url =
            Url::parse(text).map_err(|_| "not a URL; write it like https://auth.example.org")?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("a URL of the scheme https (or http) is wanted");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL without user name and password is wanted");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("a URL without query and fragment is wanted");
        }
        if is_plain_off_loopback(&url) {
            return Err(
                "http is for this machine alone (localhost, 127.0.0.1, [::1]): tokens and \
                        passwords would travel readable; put a proxy that ends TLS in front and \
                        write its https URL",
            );
        }
        let text = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { url, text })
    }

    /// The URL, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path under which the server is reached, without a slash at its end: mostly empty.
    pub fn path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// The host without the port.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Scheme, host and port, as the `Origin` header writes them (RFC 6454, section 6.2).
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether clients speak TLS to it. Where they do not, it is on this machine.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }
}

/// Whether `url` is `http` and of another machine.
pub(super) fn is_plain_off_loopback(url: &Url) -> bool {
    url.scheme() == "http" && !network::is_of_this_machine(url)
}

impl Default for PublicUrl {
    fn default() -> Self {
        Self::parse("http://localhost:8080").expect("the default is a public URL")
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Serialize for PublicUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for PublicUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
