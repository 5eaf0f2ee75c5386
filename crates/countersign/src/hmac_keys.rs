//! A key that signs, and the one before it, which is still known while the secret is being changed.

use aws_lc_rs::hmac;

/// The shortest key that is taken, in bytes.
const MIN_KEY: usize = 32;

/// The keys of one purpose (HMAC-SHA256).
pub(crate) struct HmacKeys {
    key: hmac::Key,
    previous: Option<hmac::Key>,
}

impl HmacKeys {
    /// Signs with `key`, knows what either signed. `None` for a key that is too short.
    pub(crate) fn new(key: &[u8], previous: Option<&[u8]>) -> Option<Self> {
        let long_enough = |key: &[u8]| key.len() >= MIN_KEY;
        let hmac_key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let usable = long_enough(key) && previous.is_none_or(long_enough);
        usable.then(|| Self { key: hmac_key(key), previous: previous.map(hmac_key) })
    }

    /// The tag of `message`.
    pub(crate) fn sign(&self, message: &[u8]) -> hmac::Tag {
        hmac::sign(&self.key, message)
    }

    /// Whether `tag` is the tag of `message`, by either key; takes the same time for each wrong one.
    pub(crate) fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        let keys = [Some(&self.key), self.previous.as_ref()];
        keys.into_iter().flatten().any(|key| hmac::verify(key, message, tag).is_ok())
    }
}
