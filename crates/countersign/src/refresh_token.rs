//! Refresh tokens: opaque, stored nowhere, and their own proof.
//!
//! A token is base64url of version (1 byte), session id (16), generation (8, big-endian) and
//! HMAC-SHA256 over these (32). It is derived from the session's row, so the same generation has
//! the same token, however often it is asked for.

use std::fmt;

use uuid::Uuid;

use crate::base64url;
use crate::hmac_keys::HmacKeys;

const VERSION: u8 = 1;
const SIGNED: usize = 1 + 16 + 8;
const LENGTH: usize = SIGNED + 32;
const TEXT_LENGTH: usize = LENGTH * 4 / 3;

/// A refresh token whose HMAC is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session it refreshes.
    pub session_id: Uuid,
    /// The generation it was answered with.
    pub generation: u64,
}

/// The keys that refresh tokens are made and known by.
///
/// ```
/// use countersign::{RefreshToken, RefreshTokens};
/// use uuid::Uuid;
///
/// let tokens = RefreshTokens::new(&[7; 32], None).expect("32 bytes are enough");
/// let token = RefreshToken { session_id: Uuid::from_u128(1), generation: 5 };
/// assert_eq!(tokens.read(&tokens.write(token)), Some(token));
/// assert_eq!(tokens.read("anything else"), None);
/// ```
pub struct RefreshTokens(HmacKeys);

impl RefreshTokens {
    /// Tokens are made with `key`; those made with the `previous` one are still known. `None` for a
    /// key of less than 32 bytes.
    pub fn new(key: &[u8], previous: Option<&[u8]>) -> Option<Self> {
        HmacKeys::new(key, previous).map(Self)
    }

    /// Writes the token; the same for the same session and generation.
    pub fn write(&self, token: RefreshToken) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(VERSION);
        bytes.extend_from_slice(token.session_id.as_bytes());
        bytes.extend_from_slice(&token.generation.to_be_bytes());
        let tag = self.0.sign(&bytes);
        bytes.extend_from_slice(tag.as_ref());
        base64url::encode(&bytes)
    }

    /// Reads a token of ours; `None` for anything else.
    pub fn read(&self, text: &str) -> Option<RefreshToken> {
        if text.len() != TEXT_LENGTH {
            return None;
        }
        let bytes = base64url::decode(text)?;
        let (signed, tag) = bytes.split_at_checked(SIGNED)?;
        if !self.0.verify(signed, tag) {
            return None;
        }
        let (version, rest) = signed.split_first()?;
        let (session_id, generation) = rest.split_at_checked(16)?;
        (*version == VERSION).then_some(RefreshToken {
            session_id: Uuid::from_slice(session_id).ok()?,
            generation: u64::from_be_bytes(generation.try_into().ok()?),
        })
    }
}

impl fmt::Debug for RefreshTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshTokens").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(key: u8, previous: Option<u8>) -> RefreshTokens {
        let previous = previous.map(|byte| [byte; 32]);
        RefreshTokens::new(&[key; 32], previous.as_ref().map(<[u8; 32]>::as_slice)).expect("long")
    }

    fn token(generation: u64) -> RefreshToken {
        RefreshToken { session_id: Uuid::from_u128(7), generation }
    }

    #[test]
    fn a_token_reads_back_and_is_the_same_each_time() {
        let tokens = tokens(1, None);
        let text = tokens.write(token(5));
        assert_eq!(tokens.read(&text), Some(token(5)));
        assert_eq!(tokens.write(token(5)), text);
        assert_ne!(tokens.write(token(6)), text);
        assert_eq!(text.len(), TEXT_LENGTH);
    }

    #[test]
    fn a_token_with_any_character_changed_is_none_of_ours() {
        let tokens = tokens(1, None);
        let text = tokens.write(token(5));
        for at in 0..text.len() {
            for other in ["A", "B", "-", "=", "é"] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, other);
                assert!(changed == text || tokens.read(&changed).is_none(), "{changed}");
            }
        }
        assert_eq!(tokens.read(""), None);
        assert_eq!(tokens.read(&text[1..]), None);
    }

    #[test]
    fn after_the_key_was_changed_the_previous_tokens_are_known() {
        let old = tokens(1, None).write(token(5));
        assert_eq!(tokens(2, Some(1)).read(&old), Some(token(5)));
        assert_eq!(tokens(2, None).read(&old), None);
    }
}
