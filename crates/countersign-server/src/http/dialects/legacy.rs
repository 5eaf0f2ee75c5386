//! Tokens that the older system minted which a dialect takes the place of.

use std::sync::Arc;

use countersign::layer::Denial;
use countersign::{
    Algorithm, Claims, KeyError, KeyRing, Profile, SigningKey, Verified, Verifier, VerifyError,
};

use crate::app::App;
use crate::clock::Time;
use crate::config::DialectConfig;
use crate::error::Refusal;
use crate::operations::legacy::{LegacyToken, Owner, token_id};
use crate::tables::user::User;

/// How a dialect reads its older system's tokens.
pub struct Rule {
    /// What they carry.
    pub profile: Profile,
    /// Whose a token is; `None` where it does not say.
    pub owner: fn(&Claims) -> Option<Owner>,
    /// The login that a token belongs to, in the dialect whose older system took only the tokens
    /// of a user's last one.
    pub stamp: Option<fn(&Claims) -> Option<i64>>,
}

/// An older system's token that was accepted.
#[derive(Clone, Debug)]
pub struct Legacy {
    /// Whose it is.
    pub user: User,
    /// What it is remembered by.
    pub token_id: String,
    /// When it is over.
    pub expires_at: Time,
}

/// What verifies the older system's tokens, while that is configured.
pub(super) struct LegacyTokens {
    source: &'static str,
    rule: &'static Rule,
    verifier: Verifier,
    until: Time,
}

impl LegacyTokens {
    /// What the configuration says; `None` where it says nothing.
    pub(super) fn new(
        source: &'static str,
        rule: &'static Rule,
        config: &DialectConfig,
    ) -> Result<Option<Self>, KeyError> {
        let (Some(secret), Some(until)) = (&config.legacy_secret, config.legacy_tokens_end())
        else {
            return Ok(None);
        };
        let key = SigningKey::from_weak_secret(Algorithm::Hs256, None, secret.expose())?;
        let verifier = Verifier::new(rule.profile, KeyRing::new(vec![key.verifying_key()]));
        let verifier = match &config.legacy_issuer {
            Some(issuer) => verifier.issuer(issuer.as_str()),
            None => verifier,
        };
        Ok(Some(Self { source, rule, verifier, until }))
    }

    /// Verifies a token that is not one of ours. `None` where it is not the older system's either, or
    /// no longer taken.
    pub(super) fn verify(&self, token: &str, now: i64) -> Option<Result<Arc<Verified>, Denial>> {
        if Time::from_seconds(now) >= self.until {
            return None;
        }
        match self.verifier.verify(token, now) {
            // Ours carry it: one that is refused as ours is not good by another way.
            Ok(verified) => verified.claims.session_id().is_none().then_some(Ok(verified)),
            Err(VerifyError::Expired) => Some(Err(VerifyError::Expired.into())),
            Err(_) => None,
        }
    }

    /// What is known of a token that verifies, if its user may still use it.
    pub(super) async fn admit(
        &self,
        app: &App,
        token: &str,
        verified: &Verified,
    ) -> Result<Legacy, Refusal> {
        let claims = &verified.claims;
        let missing = |name| VerifyError::MissingClaim { name };
        let stamp = match self.rule.stamp {
            Some(stamp) => Some(stamp(claims).ok_or_else(|| missing("login_time"))?),
            None => None,
        };
        let id = token_id(claims.jwt_id(), token);
        let owner = (self.rule.owner)(claims).ok_or_else(|| missing("sub"))?;
        let presented = LegacyToken { source: self.source, owner, stamp, id: id.clone() };
        let user = app.admit_legacy(&presented).await?;
        let expires_at = Time::from_seconds(claims.expires_at());
        Ok(Legacy { user, token_id: id, expires_at })
    }
}
