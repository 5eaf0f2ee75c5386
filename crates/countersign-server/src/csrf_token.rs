//! What a page sends back in `X-CSRF-Token`: an HMAC over the session's id, so that it proves the
//! session and not only that two values are the same.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::hmac_keys::HmacKeys;

/// The keys that CSRF tokens are made and known by.
pub struct CsrfTokens(HmacKeys);

impl CsrfTokens {
    /// Tokens are made with `key`; those made with the `previous` one are still known.
    pub fn new(key: &[u8], previous: Option<&[u8]>) -> Self {
        Self(HmacKeys::new(key, previous))
    }

    /// The session's token; always the same.
    pub fn write(&self, session_id: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.0.sign(session_id.as_bytes()))
    }

    /// Whether this is the session's token.
    pub fn is_of(&self, token: &[u8], session_id: &str) -> bool {
        let Ok(tag) = URL_SAFE_NO_PAD.decode(token) else { return false };
        self.0.verify(session_id.as_bytes(), &tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_session_alone() {
        let tokens = CsrfTokens::new(&[1; 32], None);
        let token = tokens.write("a");
        assert!(tokens.is_of(token.as_bytes(), "a"));
        assert!(!tokens.is_of(token.as_bytes(), "b"));
        for other in ["", "a", &token[1..], &format!("{token}A")] {
            assert!(!tokens.is_of(other.as_bytes(), "a"), "{other}");
        }
    }

    #[test]
    fn after_the_master_secret_was_changed_the_previous_tokens_are_known() {
        let old = CsrfTokens::new(&[1; 32], None).write("a");
        assert!(CsrfTokens::new(&[2; 32], Some(&[1; 32])).is_of(old.as_bytes(), "a"));
        assert!(!CsrfTokens::new(&[2; 32], None).is_of(old.as_bytes(), "a"));
    }
}
