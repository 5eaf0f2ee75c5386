//! How values are written in the configuration, where serde's own way is not the one wanted.
#![expect(clippy::ref_option, reason = "serde hands fields over by reference")]

use secrecy::SecretString;
use serde::{Deserialize as _, Deserializer, Serializer};

/// Shows that a secret is set, never the secret.
pub(super) fn redacted<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if secret.is_some() { super::signing_secret::REDACTED } else { "" })
}

/// Text, unless it is empty.
fn text_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok((!text.is_empty()).then_some(text))
}

/// Durations as `"15m"` or `"30d"`.
pub(super) mod duration {
    use std::time::Duration;

    use humantime_serde::re::humantime;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// The largest unit that leaves no remainder: `"90d"`, where humantime itself writes
    /// `"2months 29days 3h 2m 24s"`.
    pub(in super::super) fn text(duration: Duration) -> String {
        const UNITS: [(u128, &str); 4] =
            [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
        let millis = duration.as_millis();
        let unit = UNITS.iter().find(|(length, _)| millis > 0 && millis.is_multiple_of(*length));
        unit.map_or_else(
            || format!("{millis}ms"),
            |(length, name)| format!("{}{name}", millis / length),
        )
    }

    pub(in super::super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(*duration))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        humantime::parse_duration(&String::deserialize(deserializer)?).map_err(|_| {
            D::Error::custom("not a duration; write it like \"90s\", \"15m\", \"12h\" or \"30d\"")
        })
    }
}

/// A duration that has no default of its own.
pub(super) mod optional_duration {
    use std::time::Duration;

    use serde::{Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::duration::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        super::duration::deserialize(deserializer).map(Some)
    }
}

/// A duration that may be empty, which means that there is none.
pub(super) mod duration_or_none {
    use std::time::Duration;

    use serde::de::{IntoDeserializer as _, value::StringDeserializer};
    use serde::{Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::duration::serialize(duration, serializer),
            None => serializer.serialize_str(""),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = super::text_if_any(deserializer)?;
        let parse = |text: String| {
            let text: StringDeserializer<D::Error> = text.into_deserializer();
            super::duration::deserialize(text)
        };
        text.map(parse).transpose()
    }
}

/// Text that may be empty, which means that it is not set.
pub(super) mod optional {
    use std::ffi::OsStr;

    use serde::{Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer, T: AsRef<OsStr>>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = value.as_ref().map(|value| value.as_ref().to_string_lossy());
        serializer.serialize_str(text.as_deref().unwrap_or_default())
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>, T: From<String>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        Ok(super::text_if_any(deserializer)?.map(T::from))
    }
}

/// What its own text says, or nothing.
pub(super) mod parsed {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserializer, Serializer, de::Error};

    pub(in super::super) fn serialize<S: Serializer, T: Display>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_str(""),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        let text = super::text_if_any(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

/// Secrets by their names. Shows the names.
pub(super) mod secrets {
    use std::collections::BTreeMap;

    use secrecy::SecretString;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::super::signing_secret::REDACTED;

    pub(in super::super) fn serialize<S: Serializer>(
        secrets: &BTreeMap<String, SecretString>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(secrets.keys().map(|name| (name, REDACTED)))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<String, SecretString>, D::Error> {
        BTreeMap::deserialize(deserializer)
    }
}

/// An address and a port, or nothing.
pub(super) mod address {
    use std::net::SocketAddr;

    use serde::{Deserializer, Serializer, de::Error};

    pub(in super::super) fn serialize<S: Serializer>(
        address: &Option<SocketAddr>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match address {
            Some(address) => serializer.collect_str(address),
            None => serializer.serialize_str(""),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SocketAddr>, D::Error> {
        let parse = |text: String| {
            text.parse().map_err(|_| {
                D::Error::custom("not an address with a port; write it like \"127.0.0.1:9090\"")
            })
        };
        super::text_if_any(deserializer)?.map(parse).transpose()
    }
}

/// Networks as `"10.0.0.0/8"`; an address alone is the network of that address.
pub(super) mod networks {
    use std::net::IpAddr;

    use ipnet::IpNet;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(in super::super) fn serialize<S: Serializer>(
        networks: &[IpNet],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        networks.serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<IpNet>, D::Error> {
        let parse = |text: &String| {
            let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map(|network| network.trunc()).map_err(|_| {
                D::Error::custom(format!("`{text}` is not a network like 10.0.0.0/8 or an address"))
            })
        };
        Vec::<String>::deserialize(deserializer)?.iter().map(parse).collect()
    }
}
