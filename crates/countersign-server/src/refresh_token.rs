//! Refresh tokens: opaque, stored nowhere, and their own proof.
//!
//! A token is base64url of version (1 byte), session id (16), generation (8, big-endian) and
//! HMAC-SHA256 over these (32). It is derived from the session's row, so the same generation has
//! the same token, however often it is asked for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

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
pub struct RefreshTokens(HmacKeys);

impl RefreshTokens {
    /// Tokens are made with `key`; those made with the `previous` one are still known.
    pub fn new(key: &[u8], previous: Option<&[u8]>) -> Self {
        Self(HmacKeys::new(key, previous))
    }

    /// Writes the token; the same for the same session and generation.
    pub fn write(&self, token: RefreshToken) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(VERSION);
        bytes.extend_from_slice(token.session_id.as_bytes());
        bytes.extend_from_slice(&token.generation.to_be_bytes());
        let tag = self.0.sign(&bytes);
        bytes.extend_from_slice(tag.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token of ours; `None` for anything else.
    pub fn read(&self, text: &str) -> Option<RefreshToken> {
        if text.len() != TEXT_LENGTH {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn token(generation: u64) -> RefreshToken {
        RefreshToken { session_id: Uuid::from_u128(7), generation }
    }

    #[test]
    fn a_token_reads_back_and_is_the_same_each_time() {
        let tokens = RefreshTokens::new(&[1; 32], None);
        let text = tokens.write(token(5));
        assert_eq!(tokens.read(&text), Some(token(5)));
        assert_eq!(tokens.write(token(5)), text);
        assert_ne!(tokens.write(token(6)), text);
        assert_eq!(text.len(), TEXT_LENGTH);
    }

    #[test]
    fn a_token_with_any_character_changed_is_none_of_ours() {
        let tokens = RefreshTokens::new(&[1; 32], None);
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
    fn after_the_master_secret_was_changed_the_previous_tokens_are_known() {
        let old = RefreshTokens::new(&[1; 32], None).write(token(5));
        assert_eq!(RefreshTokens::new(&[2; 32], Some(&[1; 32])).read(&old), Some(token(5)));
        assert_eq!(RefreshTokens::new(&[2; 32], None).read(&old), None);
    }
}
