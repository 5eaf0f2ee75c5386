//! Whether a native access token is good now. No database is read: what is needed is in memory.

use std::sync::Arc;

use countersign::layer::{Check, Checked, Checking, Denial};
use countersign::{EndReason, Verified, VerifyError};
use uuid::Uuid;

use crate::app::App;
use crate::clock::Time;
use crate::error::Refusal;

/// The check of the guard before the native API: signature and claims, then revocation, then that
/// this node may know. A good token is noted as used.
impl Check for App {
    fn check(&self, token: &str, now: i64) -> Checking {
        match self.judge(token, now) {
            Checking::Done(checked) => {
                Checking::Done(checked.inspect(|checked| self.note_use(checked, now)))
            }
            Checking::Pending(checked) => {
                let app = self.clone();
                Checking::Pending(Box::pin(async move {
                    checked.await.inspect(|checked| app.note_use(checked, now))
                }))
            }
        }
    }
}

impl App {
    /// Checks a native access token as the guard does, for who holds one without a request.
    pub async fn check_access_token(
        &self,
        token: &str,
        now: Time,
    ) -> Result<Arc<Verified>, Refusal> {
        granted(self.check(token, now.seconds())).await
    }

    /// As [`App::check_access_token`], for an operator: it does not count as the client's use of
    /// the token, which the refresh rule looks at.
    pub async fn judge_access_token(
        &self,
        token: &str,
        now: Time,
    ) -> Result<Arc<Verified>, Refusal> {
        granted(self.judge(token, now.seconds())).await
    }

    fn judge(&self, token: &str, now: i64) -> Checking {
        match self.access_tokens.check(token, now) {
            Checking::Done(Err(Denial::Invalid(VerifyError::UnknownKey { kid }))) => {
                let (app, token) = (self.clone(), token.to_owned());
                Checking::Pending(Box::pin(async move { app.look_for_key(&token, kid, now).await }))
            }
            checking => checking,
        }
    }

    /// The session of a native access token, which may have expired or be over otherwise: for ending
    /// it.
    pub async fn session_of_access_token(
        &self,
        token: &str,
        now: Time,
    ) -> Result<String, VerifyError> {
        let verify = || self.verifier.verify_even_if_expired(token, now.seconds());
        let verified = match verify() {
            Err(VerifyError::UnknownKey { .. }) => {
                self.nudge(now).await;
                verify()?
            }
            verified => verified?,
        };
        Ok(verified.claims.session_id().unwrap_or_default().to_owned())
    }

    /// Another node may have made the key, or withdrawn it.
    async fn look_for_key(
        &self,
        token: &str,
        kid: Option<String>,
        now: i64,
    ) -> Result<Checked, Denial> {
        self.nudge(Time::from_seconds(now)).await;
        let checked = self.access_tokens.check(token, now).end().await;
        checked.map_err(|denial| match kid {
            Some(kid) if self.keys.is_withdrawn(&kid) => Denial::Ended(EndReason::KeyRetired),
            _ => denial,
        })
    }

    fn note_use(&self, checked: &Checked, now: i64) {
        let claims = &checked.verified().claims;
        if checked.refusal().is_none()
            && let Some(session_id) = claims.session_id().and_then(|sid| Uuid::parse_str(sid).ok())
            && let Some(generation) = claims.generation()
        {
            self.uses.note(session_id, generation, Time::from_seconds(now).0);
        }
    }
}

async fn granted(checking: Checking) -> Result<Arc<Verified>, Refusal> {
    let checked = checking.end().await.and_then(Checked::granted);
    checked.map(|checked| Arc::clone(checked.verified())).map_err(|denial| match denial {
        Denial::Invalid(error) => Refusal::Invalid(error),
        Denial::Ended(reason) => Refusal::Ended(reason),
        // A check says nothing else; if it did, nobody could know.
        _ => Refusal::OutOfTouch,
    })
}
