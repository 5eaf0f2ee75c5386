//! Public keys as JSON (RFC 7517; RFC 7518, section 6; RFC 8037).

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::error::KeyError;

/// A public key as JSON. It cannot hold a private or a symmetric key: reading one fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    pub(crate) kid: Option<String>,
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) public: Public,
}

/// Public keys, as a JWK set (RFC 7517, section 5).
///
/// Reading one skips keys of kinds that are not supported, as the RFC asks, and refuses a set with
/// a private or a symmetric key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JwkSet {
    /// The keys.
    pub keys: Vec<Jwk>,
}

/// The numbers of a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Public {
    P256 { x: Vec<u8>, y: Vec<u8> },
    P384 { x: Vec<u8>, y: Vec<u8> },
    Ed25519 { x: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl Jwk {
    /// The key's identifier.
    pub fn key_id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm that the key is for: what it says, or what its type leaves.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm.or(match self.public {
            Public::P256 { .. } => Some(Algorithm::Es256),
            Public::P384 { .. } => Some(Algorithm::Es384),
            Public::Ed25519 { .. } => Some(Algorithm::EdDsa),
            Public::Rsa { .. } => None,
        })
    }

    /// The same key for this algorithm, where an issuer publishes RSA keys without `alg`. Fails if
    /// the key says another or is not of its type.
    pub fn for_algorithm(mut self, algorithm: Algorithm) -> Result<Self, KeyError> {
        if self.algorithm.is_some_and(|own| own != algorithm) || !self.public.serves(algorithm) {
            return Err(KeyError::WrongKind { algorithm });
        }
        self.algorithm = Some(algorithm);
        Ok(self)
    }
}

impl Public {
    fn serves(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::P256 { .. } => algorithm == Algorithm::Es256,
            Self::P384 { .. } => algorithm == Algorithm::Es384,
            Self::Ed25519 { .. } => algorithm == Algorithm::EdDsa,
            Self::Rsa { .. } => matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256),
        }
    }

    /// From an uncompressed point (SEC 1, section 2.3.3), which must be one.
    pub(crate) fn from_point(algorithm: Algorithm, point: &[u8]) -> Self {
        let coordinates = point.get(1..).unwrap_or_default();
        let (x, y) = coordinates.split_at(coordinates.len() / 2);
        let (x, y) = (x.to_vec(), y.to_vec());
        if algorithm == Algorithm::Es384 { Self::P384 { x, y } } else { Self::P256 { x, y } }
    }
}

/// A JWK's members as they are written. Members that are not named here are ignored.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Members<'a> {
    kty: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    usage: Option<Cow<'a, str>>,
    #[serde(skip_serializing)]
    key_ops: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<Cow<'a, str>>,
}

impl<'a> From<&'a Jwk> for Members<'a> {
    fn from(jwk: &'a Jwk) -> Self {
        let (kty, crv) = match jwk.public {
            Public::P256 { .. } => ("EC", Some("P-256")),
            Public::P384 { .. } => ("EC", Some("P-384")),
            Public::Ed25519 { .. } => ("OKP", Some("Ed25519")),
            Public::Rsa { .. } => ("RSA", None),
        };
        let mut members = Self {
            kty: kty.into(),
            crv: crv.map(Cow::from),
            usage: Some("sig".into()),
            alg: jwk.algorithm().map(|algorithm| algorithm.as_str().into()),
            kid: jwk.kid.as_deref().map(Cow::from),
            ..Self::default()
        };
        match &jwk.public {
            Public::P256 { x, y } | Public::P384 { x, y } => {
                (members.x, members.y) = (Some(base64url::encode(x)), Some(base64url::encode(y)));
            }
            Public::Ed25519 { x } => members.x = Some(base64url::encode(x)),
            Public::Rsa { n, e } => {
                (members.n, members.e) = (Some(base64url::encode(n)), Some(base64url::encode(e)));
            }
        }
        members
    }
}

impl TryFrom<Members<'_>> for Jwk {
    type Error = KeyError;

    fn try_from(members: Members<'_>) -> Result<Self, KeyError> {
        let other_use = members.usage.is_some_and(|usage| usage != "sig")
            || members.key_ops.is_some_and(|ops| !ops.iter().any(|op| op == "verify"));
        if other_use {
            return Err(KeyError::Unsupported);
        }
        let public = match (&*members.kty, members.crv.as_deref()) {
            ("EC", Some("P-256")) => Public::P256 {
                x: coordinate("x", members.x.as_deref(), 32)?,
                y: coordinate("y", members.y.as_deref(), 32)?,
            },
            ("EC", Some("P-384")) => Public::P384 {
                x: coordinate("x", members.x.as_deref(), 48)?,
                y: coordinate("y", members.y.as_deref(), 48)?,
            },
            ("OKP", Some("Ed25519")) => {
                Public::Ed25519 { x: coordinate("x", members.x.as_deref(), 32)? }
            }
            ("RSA", _) => Public::Rsa {
                n: number("n", members.n.as_deref())?,
                e: number("e", members.e.as_deref())?,
            },
            _ => return Err(KeyError::Unsupported),
        };
        let named = members.alg.map(|name| name.parse::<Algorithm>());
        let algorithm = named.transpose().map_err(|_| KeyError::Unsupported)?;
        if algorithm.is_some_and(|algorithm| !public.serves(algorithm)) {
            return Err(KeyError::Unsupported);
        }
        Ok(Self { kid: members.kid.map(Cow::into_owned), algorithm, public })
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Members::from(self).serialize(serializer)
    }
}

impl TryFrom<Value> for Jwk {
    type Error = KeyError;

    fn try_from(value: Value) -> Result<Self, KeyError> {
        let members = value.as_object().ok_or(KeyError::Unsupported)?;
        // RFC 7518, sections 6.2.2, 6.3.2 and 6.4; RFC 8037, section 2.
        let secret = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
        if secret.into_iter().any(|name| members.contains_key(name)) {
            return Err(KeyError::Private);
        }
        let members: Members<'_> =
            serde_json::from_value(value).map_err(|_| KeyError::Unsupported)?;
        members.try_into()
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for JwkSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let mut keys = Vec::new();
        for value in Set::deserialize(deserializer)?.keys {
            match Jwk::try_from(value) {
                Ok(jwk) => keys.push(jwk),
                Err(KeyError::Private) => return Err(D::Error::custom(KeyError::Private)),
                Err(_) => {}
            }
        }
        Ok(Self { keys })
    }
}

fn coordinate(
    member: &'static str,
    text: Option<&str>,
    length: usize,
) -> Result<Vec<u8>, KeyError> {
    let bytes = text.and_then(base64url::decode).filter(|bytes| bytes.len() == length);
    bytes.ok_or(KeyError::Member { member })
}

fn number(member: &'static str, text: Option<&str>) -> Result<Vec<u8>, KeyError> {
    let bytes = text.and_then(base64url::decode).filter(|bytes| bytes.first() > Some(&0));
    bytes.ok_or(KeyError::Member { member })
}
