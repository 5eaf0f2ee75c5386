//! The origins of `cors.origins`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use url::{Origin, Url};

/// Which origins' pages may call the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Every page, but without cookies.
    Any,
    /// Those, as browsers write them in `Origin`.
    Listed(Vec<String>),
}

impl Origins {
    /// Whether a page of `origin`, as its browser wrote it, may call the API.
    pub fn allow(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(origins) => origins.iter().any(|listed| listed == origin),
        }
    }

    fn parse(texts: Vec<String>) -> Result<Self, String> {
        if texts.iter().any(|text| text == "*") {
            return if texts.len() == 1 {
                Ok(Self::Any)
            } else {
                Err("\"*\" already allows all; it stands alone".into())
            };
        }
        texts.iter().try_for_each(|text| check(text))?;
        Ok(Self::Listed(texts))
    }
}

/// An origin is compared byte by byte with what browsers send, so it must be written as they do.
fn check(text: &str) -> Result<(), String> {
    let written = Url::parse(text).ok().and_then(|url| written_by_browsers(&url));
    match written {
        Some(written) if written == text => Ok(()),
        Some(written) => Err(format!("`{text}` is not an origin; browsers write `{written}`")),
        None => Err(format!("`{text}` is not an origin like https://app.example.org")),
    }
}

fn written_by_browsers(url: &Url) -> Option<String> {
    if let origin @ Origin::Tuple(..) = url.origin() {
        return Some(origin.ascii_serialization());
    }
    // Schemes of apps (`capacitor://localhost`) have origins in their own web views.
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{host}{port}", url.scheme()))
}

impl Default for Origins {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl Serialize for Origins {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Any => ["*"].serialize(serializer),
            Self::Listed(origins) => origins.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Origins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(Vec::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
