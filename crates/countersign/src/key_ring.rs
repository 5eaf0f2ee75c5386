//! The keys that a verifier knows.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::algorithm::Algorithm;
use crate::error::JwkSetError;
use crate::jwk_set;
#[cfg(feature = "remote")]
use crate::remote::KeySource;
use crate::verifying_key::VerifyingKey;

/// The keys that verify now, shared: a clone sees what [`KeyRing::replace`] changes.
#[derive(Clone, Default)]
pub struct KeyRing {
    keys: Arc<RwLock<Vec<VerifyingKey>>>,
    #[cfg(feature = "remote")]
    source: Option<Arc<dyn KeySource>>,
}

impl KeyRing {
    /// A ring of these keys. Two with the same `kid` are none: which is meant would be the token's
    /// to choose.
    pub fn new(keys: Vec<VerifyingKey>) -> Self {
        let ring = Self::default();
        ring.replace(keys);
        ring
    }

    /// The keys of a JWK set (RFC 7517, section 5), such as a file holds.
    ///
    /// Keys of other types, curves, uses and algorithms than are known here are passed over, as the
    /// RFC asks. Every other must be a key that verifies, or the set is refused and the error says
    /// which key is wrong: a malformed or weak one, an RSA key that does not say which algorithm it
    /// is for, a `kid` that comes twice, none where there are several keys. A set with a private or
    /// a symmetric key is refused, and so is one of which nothing is left.
    ///
    /// ```
    /// use countersign::{JwkSetError, KeyError, KeyRing};
    ///
    /// let keys = KeyRing::from_jwk_set(r#"{"keys": [
    ///     {"kty": "OKP", "crv": "Ed25519", "kid": "k1",
    ///      "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    ///     {"kty": "EC", "crv": "secp256k1", "kid": "k2", "x": "…", "y": "…"}
    /// ]}"#)?;
    /// assert_eq!(keys.keys().len(), 1);
    ///
    /// let wrong = KeyRing::from_jwk_set(r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1"}]}"#);
    /// assert_eq!(
    ///     wrong.unwrap_err().to_string(),
    ///     "key 0 of the JWK set (kid k1): the JWK's `x` is missing or malformed"
    /// );
    /// # Ok::<(), JwkSetError>(())
    /// ```
    pub fn from_jwk_set(text: &str) -> Result<Self, JwkSetError> {
        jwk_set::read_strictly(text.as_bytes(), None).map(Self::new)
    }

    /// As [`KeyRing::from_jwk_set`], where RSA keys that do not say which algorithm they are for are
    /// for this one: some issuers leave `alg` out.
    pub fn from_jwk_set_with_rsa_for(
        algorithm: Algorithm,
        text: &str,
    ) -> Result<Self, JwkSetError> {
        jwk_set::read_strictly(text.as_bytes(), Some(algorithm)).map(Self::new)
    }

    /// Puts these keys in the place of those that were there, at once.
    pub fn replace(&self, keys: Vec<VerifyingKey>) {
        *self.keys.write() = keys;
    }

    /// The keys.
    pub fn keys(&self) -> Vec<VerifyingKey> {
        self.keys.read().clone()
    }

    /// The key that goes by `kid`; without one the only key, if it is.
    pub(crate) fn find(&self, kid: Option<&str>) -> Option<VerifyingKey> {
        let keys = self.keys.read();
        let mut named = keys.iter().filter(|key| kid.is_none() || key.key_id() == kid);
        let only = named.next()?;
        named.next().is_none().then(|| only.clone())
    }
}

#[cfg(feature = "remote")]
impl KeyRing {
    /// The same keys, and whom to ask for those that are missing.
    pub(crate) fn with_source(&self, source: Arc<dyn KeySource>) -> Self {
        Self { keys: Arc::clone(&self.keys), source: Some(source) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.read().is_empty()
    }

    pub(crate) fn source(&self) -> Option<Arc<dyn KeySource>> {
        self.source.clone()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRing").field(&self.keys.read()).finish()
    }
}
