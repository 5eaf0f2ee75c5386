//! The pair of tokens that a client holds.

use std::fmt;
use std::time::Duration;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{Session, SessionStore, Sessions};
use crate::error::SignError;
use crate::issuer::TokenBuilder;
use crate::refresh_token::RefreshToken;

/// What a client holds: a short access token and a long refresh token. Its `Debug` shows neither.
///
/// It is serialised as RFC 6749, section 5.1, says: `access_token`, `token_type`, `expires_in`,
/// `refresh_token`, and `refresh_expires_in`.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenPair {
    /// A JWT (RFC 9068).
    pub access_token: String,
    /// How long it lives.
    pub access_expires_in: Duration,
    /// Opaque; the same for the same session and generation.
    pub refresh_token: String,
    /// How long it lives unless it is used.
    pub refresh_expires_in: Duration,
}

impl fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPair")
            .field("access_expires_in", &self.access_expires_in)
            .field("refresh_expires_in", &self.refresh_expires_in)
            .finish_non_exhaustive()
    }
}

impl Serialize for TokenPair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pair = serializer.serialize_struct("TokenPair", 5)?;
        pair.serialize_field("access_token", &self.access_token)?;
        pair.serialize_field("token_type", "Bearer")?;
        pair.serialize_field("expires_in", &self.access_expires_in.as_secs())?;
        pair.serialize_field("refresh_token", &self.refresh_token)?;
        pair.serialize_field("refresh_expires_in", &self.refresh_expires_in.as_secs())?;
        pair.end()
    }
}

impl<S: SessionStore> Sessions<S> {
    /// The pair of the session's current generation. An access token never outlives its session.
    pub fn pair(&self, session: &Session) -> Result<TokenPair, SignError> {
        self.pair_with(session, |token| token)
    }

    /// As [`Sessions::pair`], with more in the access token, such as the roles that the user has now.
    /// Whose it is, which session it belongs to, and how long it may live at most, is not for
    /// `with` to change.
    pub fn pair_with(
        &self,
        session: &Session,
        with: impl for<'a> FnOnce(TokenBuilder<'a>) -> TokenBuilder<'a>,
    ) -> Result<TokenPair, SignError> {
        let now = self.0.clock.unix_millis();
        let (now_seconds, over_at) = (now.div_euclid(1000), session.over_at());
        let (session_id, generation) = (session.id, session.rotation.current);
        let lifetime = self.0.longest_lifetime.as_secs();
        let latest = i64::try_from(lifetime).unwrap_or(i64::MAX).saturating_add(now_seconds);
        let (access_token, claims) = with(self.0.issuer.access(&session.user_id))
            .subject(&session.user_id)
            .session(&session_id.to_string(), generation)
            .auth_time(session.started_at.div_euclid(1000))
            .amr(&session.amr)
            .no_later_than(latest)
            .no_later_than(over_at.div_euclid(1000).max(now_seconds + 1))
            .sign_with_claims(now_seconds)?;
        Ok(TokenPair {
            access_token,
            access_expires_in: positive(Duration::from_secs, claims.expires_at() - now_seconds),
            refresh_token: self.0.refresh_tokens.write(RefreshToken { session_id, generation }),
            refresh_expires_in: positive(Duration::from_millis, over_at.saturating_sub(now)),
        })
    }
}

fn positive(unit: fn(u64) -> Duration, count: i64) -> Duration {
    unit(u64::try_from(count).unwrap_or(0))
}
