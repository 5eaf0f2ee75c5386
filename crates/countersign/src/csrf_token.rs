//! What a page sends back in `X-CSRF-Token`: an HMAC over the session's id, so that it proves the
//! session and not only that two values are the same.

use std::fmt;

use crate::base64url;
use crate::hmac_keys::HmacKeys;

/// The keys that CSRF tokens are made and known by.
///
/// A token is derived from the session's id, so nothing is stored, and it is the same for as long as
/// the session lives.
///
/// ```
/// use countersign::CsrfTokens;
///
/// let tokens = CsrfTokens::new(&[7; 32], None).expect("32 bytes are enough");
/// let token = tokens.write("session-1");
/// assert!(tokens.is_of(token.as_bytes(), "session-1"));
/// assert!(!tokens.is_of(token.as_bytes(), "session-2"));
/// assert!(CsrfTokens::new(b"short", None).is_none());
/// ```
pub struct CsrfTokens(HmacKeys);

impl CsrfTokens {
    /// Tokens are made with `key`; those made with the `previous` one are still known. `None` for a
    /// key of less than 32 bytes.
    pub fn new(key: &[u8], previous: Option<&[u8]>) -> Option<Self> {
        HmacKeys::new(key, previous).map(Self)
    }

    /// The session's token; always the same.
    pub fn write(&self, session_id: &str) -> String {
        base64url::encode(self.0.sign(session_id.as_bytes()).as_ref())
    }

    /// Whether this is the session's token. Takes the same time for each wrong one; any bytes may
    /// come.
    pub fn is_of(&self, token: &[u8], session_id: &str) -> bool {
        let tag = std::str::from_utf8(token).ok().and_then(base64url::decode);
        tag.is_some_and(|tag| self.0.verify(session_id.as_bytes(), &tag))
    }
}

impl fmt::Debug for CsrfTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsrfTokens").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(key: u8, previous: Option<u8>) -> CsrfTokens {
        let previous = previous.map(|byte| [byte; 32]);
        CsrfTokens::new(&[key; 32], previous.as_ref().map(<[u8; 32]>::as_slice)).expect("long")
    }

    #[test]
    fn a_token_is_good_for_its_session_alone() {
        let tokens = tokens(1, None);
        let token = tokens.write("a");
        assert!(tokens.is_of(token.as_bytes(), "a"));
        assert!(!tokens.is_of(token.as_bytes(), "b"));
        for other in ["", "a", &token[1..], &format!("{token}A"), "é"] {
            assert!(!tokens.is_of(other.as_bytes(), "a"), "{other}");
        }
        assert!(!tokens.is_of(&[0xff, 0xfe], "a"));
    }

    #[test]
    fn after_the_key_was_changed_the_previous_tokens_are_known() {
        let old = tokens(1, None).write("a");
        assert!(tokens(2, Some(1)).is_of(old.as_bytes(), "a"));
        assert!(!tokens(2, None).is_of(old.as_bytes(), "a"));
    }
}
