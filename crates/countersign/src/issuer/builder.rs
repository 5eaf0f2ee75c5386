//! Puts an issuer together.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::additions::members;
use super::{Callback, Issuer, Terms};
use crate::claims::Claims;
use crate::error::SignError;
use crate::signing_key::SigningKey;

/// Puts an [`Issuer`] together. What is wrong with it is told by [`IssuerBuilder::build`], and what is
/// wrong with what a function returns, by [`TokenBuilder::sign`](super::TokenBuilder::sign).
///
/// Where several add the same claim, what is said of the one token counts, then what the function
/// returns, then what is said here. Claims that have methods of their own (`iss`, `sub`, `aud`, `exp`,
/// `nbf`, `iat`, `jti`, `sid`, `gen`, `auth_time`, `amr`, `roles`, `scope`, `type`) cannot be added, nor
/// can `alg`, `typ`, `kid` and the members of the header that no verifier here accepts.
///
/// ```
/// use countersign::{Algorithm, Issuer, SignError, SigningKey};
///
/// let key = SigningKey::generate(Algorithm::Es256, Some("k1"))?;
/// let refused = Issuer::builder(key).claim("sub", "root").build();
/// assert_eq!(refused.err(), Some(SignError::ReservedClaim { name: "sub".into() }));
/// # Ok::<(), countersign::KeyError>(())
/// ```
#[must_use]
pub struct IssuerBuilder {
    key: SigningKey,
    terms: Terms,
}

impl IssuerBuilder {
    pub(super) fn new(key: SigningKey) -> Self {
        Self { key, terms: Terms::default() }
    }

    /// `iss`: who issues the tokens, a URL as a rule.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.terms.issuer = Some(issuer.into());
        self
    }

    /// `aud`: whom the tokens are for. One is written as text, several as a list.
    pub fn audience(mut self, audience: impl IntoIterator<Item: Into<String>>) -> Self {
        self.terms.audience = audience.into_iter().map(Into::into).collect();
        self
    }

    /// How long a token lives, in whole seconds; 15 minutes, if not said. Not zero: no token lives
    /// for ever.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.terms.lifetime = lifetime;
        self
    }

    /// Writes `nbf`: tokens are good from `leeway` before they are minted. For verifiers that want
    /// one; the leeway is for their clocks.
    pub fn not_before(mut self, leeway: Duration) -> Self {
        self.terms.not_before = Some(leeway);
        self
    }

    /// A claim that every token carries.
    pub fn claim(mut self, name: &str, value: impl Serialize) -> Self {
        self.terms.additions.claim(name, value);
        self
    }

    /// A member that every token's header carries.
    pub fn header(mut self, name: &str, value: impl Serialize) -> Self {
        self.terms.additions.header(name, value);
        self
    }

    /// A function that is asked at each token for further claims: an object. It is shown those that
    /// the token will carry otherwise.
    pub fn claims_for<C: Serialize>(
        mut self,
        claims: impl Fn(&Claims) -> C + Send + Sync + 'static,
    ) -> Self {
        self.terms.claims_for = Some(callback(claims, SignError::Claims));
        self
    }

    /// A function that is asked at each token for further members of its header: an object. It is
    /// shown the token's claims.
    pub fn header_for<H: Serialize>(
        mut self,
        header: impl Fn(&Claims) -> H + Send + Sync + 'static,
    ) -> Self {
        self.terms.header_for = Some(callback(header, SignError::Header));
        self
    }

    /// The issuer, or what is wrong with it.
    pub fn build(self) -> Result<Issuer, SignError> {
        self.terms.additions.check()?;
        if self.terms.lifetime.as_secs() == 0 {
            return Err(SignError::Lifetime);
        }
        if self.terms.issuer.as_ref().is_some_and(String::is_empty) {
            return Err(SignError::ClaimType { name: "iss" });
        }
        if self.terms.audience.iter().any(String::is_empty) {
            return Err(SignError::ClaimType { name: "aud" });
        }
        Ok(Issuer { key: self.key, terms: Arc::new(self.terms) })
    }
}

impl fmt::Debug for IssuerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerBuilder")
            .field("key", &self.key)
            .field("issuer", &self.terms.issuer)
            .field("audience", &self.terms.audience)
            .field("lifetime", &self.terms.lifetime)
            .finish_non_exhaustive()
    }
}

fn callback<T: Serialize>(
    ask: impl Fn(&Claims) -> T + Send + Sync + 'static,
    otherwise: SignError,
) -> Callback {
    Arc::new(move |claims| members(ask(claims)).ok_or_else(|| otherwise.clone()))
}
