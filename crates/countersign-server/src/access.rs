//! Whether a token is good now. No database is read: what is needed is in memory.

use std::sync::Arc;

use countersign::{EndReason, Verified, Verifier, VerifyError};
use uuid::Uuid;

use crate::app::App;
use crate::clock::Time;
use crate::error::Refusal;

impl App {
    /// Checks a native access token: signature and claims, then revocation, then that this node
    /// may know.
    pub async fn check_access_token(
        &self,
        token: &str,
        now: Time,
    ) -> Result<Arc<Verified>, Refusal> {
        let verified = self.judge_access_token(token, now).await?;
        self.note_use(&verified, now);
        Ok(verified)
    }

    /// As [`App::check_access_token`], for an operator: it does not count as the client's use of
    /// the token, which the refresh rule looks at.
    pub async fn judge_access_token(
        &self,
        token: &str,
        now: Time,
    ) -> Result<Arc<Verified>, Refusal> {
        let verified = match self.verifier.verify(token, now.seconds()) {
            Err(VerifyError::UnknownKey { kid }) => {
                self.nudge(now).await;
                let again = self.verifier.verify(token, now.seconds());
                again.map_err(|error| self.explain_unknown_key(kid.as_deref(), error))?
            }
            verified => verified?,
        };
        self.check_not_revoked(&verified)?;
        Ok(verified)
    }

    /// The session of a native access token, which may have expired or be over otherwise: for ending
    /// it.
    pub async fn session_of_access_token(&self, token: &str, now: Time) -> Option<String> {
        let verify = || self.verifier.verify_even_if_expired(token, now.seconds());
        let verified = match verify() {
            Err(VerifyError::UnknownKey { .. }) => {
                self.nudge(now).await;
                verify()
            }
            verified => verified,
        };
        Some(verified.ok()?.claims.session_id()?.to_owned())
    }

    /// Checks a token of a dialect, with its verifier.
    pub fn check_token_with(
        &self,
        verifier: &Verifier,
        token: &str,
        now: Time,
    ) -> Result<Arc<Verified>, Refusal> {
        let good = verifier.verify(token, now.seconds())?;
        self.check_not_revoked(&good)?;
        Ok(good)
    }

    /// What a token with a good signature stands for may be over; and a node that has been out of
    /// touch cannot know, so it never says yes.
    fn check_not_revoked(&self, verified: &Verified) -> Result<(), Refusal> {
        let claims = &verified.claims;
        let revoked = self.node.revocations().check(
            claims.session_id(),
            claims.generation(),
            claims.jwt_id(),
        );
        match revoked {
            Some(reason) => Err(Refusal::Ended(reason)),
            None if self.node.is_fresh() => Ok(()),
            None => Err(Refusal::OutOfTouch),
        }
    }

    fn explain_unknown_key(&self, kid: Option<&str>, error: VerifyError) -> Refusal {
        match kid {
            Some(kid) if self.keys.is_withdrawn(kid) => Refusal::Ended(EndReason::KeyRetired),
            _ => Refusal::Invalid(error),
        }
    }

    fn note_use(&self, verified: &Verified, now: Time) {
        let claims = &verified.claims;
        if let Some(session_id) = claims.session_id().and_then(|sid| Uuid::parse_str(sid).ok())
            && let Some(generation) = claims.generation()
        {
            self.uses.note(session_id, generation, now.0);
        }
    }
}
