//! The host names of `http.hosts`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use url::Host;

/// A host name as `Host` fields carry it: in lower case, in ASCII (IDNA), without a port and without
/// a dot at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    /// Reads a name, or says what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.contains('*') {
            return Err(format!("`{text}`: there are no wildcards; list each name"));
        }
        let host = Host::parse(name).map_err(|_| {
            format!("`{text}` is not a host name like auth.example.org, without scheme and port")
        })?;
        Ok(Self(host.to_string()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for HostName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for HostName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
