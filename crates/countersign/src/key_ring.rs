//! The keys that a verifier knows.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::verifying_key::VerifyingKey;

/// The keys that verify now, shared: a clone sees what [`KeyRing::replace`] changes.
#[derive(Clone, Debug, Default)]
pub struct KeyRing(Arc<RwLock<Vec<VerifyingKey>>>);

impl KeyRing {
    /// A ring of these keys. Two with the same `kid` are none: which is meant would be the token's
    /// to choose.
    pub fn new(keys: Vec<VerifyingKey>) -> Self {
        Self(Arc::new(RwLock::new(keys)))
    }

    /// Puts these keys in the place of those that were there, at once.
    pub fn replace(&self, keys: Vec<VerifyingKey>) {
        *self.0.write() = keys;
    }

    /// The keys.
    pub fn keys(&self) -> Vec<VerifyingKey> {
        self.0.read().clone()
    }

    /// The key that goes by `kid`; without one the only key, if it is.
    pub(crate) fn find(&self, kid: Option<&str>) -> Option<VerifyingKey> {
        let keys = self.0.read();
        let mut named = keys.iter().filter(|key| kid.is_none() || key.key_id() == kid);
        let only = named.next()?;
        named.next().is_none().then(|| only.clone())
    }
}
