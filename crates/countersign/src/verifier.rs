//! Verifies tokens: one key one algorithm, one reading of each token, nothing left to the token.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::claims::Claims;
use crate::error::VerifyError;
use crate::key_ring::KeyRing;
use crate::memory::{Memory, Remembered, TokenHash};
use crate::profile::Profile;
use crate::token::Token;

/// A token that passed every check.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Verified {
    /// What it says.
    pub claims: Claims,
    /// The key that it was signed with, by the name the token gave.
    pub key_id: Option<String>,
}

/// Verifies tokens of one profile. Cheap to clone; clones share keys and memory.
///
/// It has no clock: every check is made for the moment it is told.
#[derive(Clone)]
pub struct Verifier {
    profile: Profile,
    keys: KeyRing,
    issuer: Option<Arc<str>>,
    audience: Option<Arc<str>>,
    leeway: i64,
    expiry_leeway: i64,
    memory: Option<Arc<Memory>>,
}

impl Verifier {
    /// A verifier that accepts any issuer and audience, has a leeway of 30 seconds for clocks that
    /// differ and none for expiry, and remembers nothing.
    pub fn new(profile: Profile, keys: KeyRing) -> Self {
        let (issuer, audience, memory) = (None, None, None);
        Self { profile, keys, issuer, audience, leeway: 30, expiry_leeway: 0, memory }
    }

    /// Requires `iss` to be exactly this.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Requires `aud` to be or to contain exactly this.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<Arc<str>>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// How far ahead `iat` and `nbf` may lie, in whole seconds.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = whole_seconds(leeway);
        self
    }

    /// How long after `exp` a token is still good, in whole seconds. For issuers whose clocks
    /// cannot be trusted.
    #[must_use]
    pub fn expiry_leeway(mut self, leeway: Duration) -> Self {
        self.expiry_leeway = whole_seconds(leeway);
        self
    }

    /// Remembers up to this many good tokens, whose signature is then not checked again. Times,
    /// issuer, audience, and whether the key is still known, are. They are remembered
    /// by their SHA-256 and their claims; no token stays in memory. Less than 32 is nothing: the
    /// memory has 16 parts of two halves each.
    ///
    /// All of them together take at most 2 KiB for each that may be remembered. A token of the usual
    /// claims takes about 1.2 KiB; of tokens with many more claims, fewer are remembered.
    #[must_use]
    pub fn remember(mut self, capacity: usize) -> Self {
        self.memory = Some(Arc::new(Memory::new(capacity)));
        self
    }

    /// Whether the token is good at `now`, in Unix seconds.
    pub fn verify(&self, token: &str, now: i64) -> Result<Arc<Verified>, VerifyError> {
        let verified = self.verify_even_if_expired(token, now)?;
        if verified.claims.expires_at().saturating_add(self.expiry_leeway) <= now {
            return Err(VerifyError::Expired);
        }
        Ok(verified)
    }

    /// As [`Verifier::verify`], but `exp` may lie in the past: for ending what a token belongs to.
    pub fn verify_even_if_expired(
        &self,
        token: &str,
        now: i64,
    ) -> Result<Arc<Verified>, VerifyError> {
        let verified = match &self.memory {
            Some(memory) => self.read_or_recall(memory, token)?,
            None => self.read(token)?.verified,
        };
        self.check_origin(&verified.claims)?;
        self.check_times(&verified.claims, now)?;
        Ok(verified)
    }

    #[cfg(feature = "remote")]
    pub(crate) fn keys(&self) -> &KeyRing {
        &self.keys
    }

    fn read_or_recall(&self, memory: &Memory, token: &str) -> Result<Arc<Verified>, VerifyError> {
        // Before the digest, whose cost grows with the token.
        if token.len() > crate::MAX_TOKEN_LENGTH {
            return Err(VerifyError::TooLong);
        }
        let hash = TokenHash::of(token);
        if let Some(Remembered { verified, key }) = memory.find(&hash)
            && let Some(known) = self.keys.find(verified.key_id.as_deref())
            && known.fingerprint() == key
        {
            return Ok(verified);
        }
        let read = self.read(token)?;
        memory.insert(hash, read.clone());
        Ok(read.verified)
    }

    /// Everything about a token that does not change with time.
    fn read(&self, token: &str) -> Result<Remembered, VerifyError> {
        let token = Token::parse(token)?;
        token.check_type(&self.profile)?;
        let key = token.check_signature(&self.keys)?;
        let members = token.claims()?;
        self.profile.check(&members)?;
        let claims = Claims::new(members).ok_or(VerifyError::MissingClaim { name: "exp" })?;
        let verified = Arc::new(Verified { claims, key_id: token.kid });
        Ok(Remembered { verified, key: key.fingerprint() })
    }

    fn check_origin(&self, claims: &Claims) -> Result<(), VerifyError> {
        if let Some(issuer) = self.issuer.as_deref() {
            let own = claims.issuer().ok_or(VerifyError::MissingClaim { name: "iss" })?;
            if own != issuer {
                return Err(VerifyError::Issuer);
            }
        }
        match self.audience.as_deref().map(|audience| claims.names_audience(audience)) {
            Some(None) => Err(VerifyError::MissingClaim { name: "aud" }),
            Some(Some(false)) => Err(VerifyError::Audience),
            Some(Some(true)) | None => Ok(()),
        }
    }

    fn check_times(&self, claims: &Claims, now: i64) -> Result<(), VerifyError> {
        let latest = now.saturating_add(self.leeway);
        if claims.not_before().is_some_and(|not_before| not_before > latest) {
            return Err(VerifyError::NotYetValid);
        }
        if claims.issued_at().is_some_and(|issued_at| issued_at > latest) {
            return Err(VerifyError::IssuedInFuture);
        }
        Ok(())
    }
}

/// Of the keys and of what is remembered, it shows nothing.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("profile", &self.profile)
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("leeway", &self.leeway)
            .field("expiry_leeway", &self.expiry_leeway)
            .field("remembers", &self.memory.is_some())
            .finish_non_exhaustive()
    }
}

fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
