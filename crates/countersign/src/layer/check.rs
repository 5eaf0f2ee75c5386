//! How a token that was found is judged.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::Denial;
use crate::error::VerifyError;
#[cfg(feature = "remote")]
use crate::remote::{Unverified, verify_after_look};
use crate::revocations::{Judged, Revocations, Standing};
use crate::verifier::{Verified, Verifier};

/// Judges tokens. [`Guard::builder`](super::Guard::builder) makes one of a [`Verifier`] and
/// [`Revocations`]; an application that must look elsewhere, say into the tables of a system before
/// it, brings its own.
pub trait Check: Send + Sync + 'static {
    /// Judges the token for the moment `now`, in Unix seconds.
    fn check(&self, token: &str, now: i64) -> Checking;
}

/// A judgement, or the wait for one.
pub enum Checking {
    /// What needed nobody else is judged at once.
    Done(Result<Checked, Denial>),
    /// Somebody else must be asked.
    Pending(Pin<Box<dyn Future<Output = Result<Checked, Denial>> + Send>>),
}

/// A token that was found good, and what else the check found out.
#[derive(Clone)]
pub struct Checked {
    pub(super) verified: Arc<Verified>,
    pub(super) attachment: Option<Arc<dyn Any + Send + Sync>>,
}

impl Checked {
    /// A good token.
    pub fn new(verified: Arc<Verified>) -> Self {
        Self { verified, attachment: None }
    }

    /// Gives something along, such as the user's row, which the handler reads with
    /// [`Access::attachment`](super::Access::attachment).
    #[must_use]
    pub fn attach<T: Send + Sync + 'static>(mut self, attachment: T) -> Self {
        self.attachment = Some(Arc::new(attachment));
        self
    }
}

impl fmt::Debug for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked")
            .field("verified", &self.verified)
            .field("attachment", &self.attachment.is_some())
            .finish()
    }
}

/// Verifies, then asks about revocation. A key that is not known is looked for once, where the keys
/// come from elsewhere.
pub(super) struct VerifyAndAsk {
    pub(super) verifier: Verifier,
    pub(super) revocations: Revocations,
}

impl Check for VerifyAndAsk {
    fn check(&self, token: &str, now: i64) -> Checking {
        match self.verifier.verify(token, now) {
            Ok(verified) => ask(&self.revocations, verified),
            Err(error) => self.look_for_key((token, now), error),
        }
    }
}

impl VerifyAndAsk {
    #[cfg(feature = "remote")]
    fn look_for_key(&self, (token, now): (&str, i64), error: VerifyError) -> Checking {
        let Some(again) = verify_after_look(&self.verifier, (token, now), &error) else {
            return Checking::Done(Err(error.into()));
        };
        let revocations = self.revocations.clone();
        Checking::Pending(Box::pin(async move {
            match again.await {
                Ok(verified) => match ask(&revocations, verified) {
                    Checking::Done(checked) => checked,
                    Checking::Pending(checked) => checked.await,
                },
                Err(Unverified::Refused(error)) => Err(error.into()),
                Err(Unverified::OutOfTouch) => Err(Denial::OutOfTouch),
            }
        }))
    }

    #[cfg(not(feature = "remote"))]
    #[expect(clippy::unused_self, reason = "the keys come from nowhere else")]
    fn look_for_key(&self, _: (&str, i64), error: VerifyError) -> Checking {
        Checking::Done(Err(error.into()))
    }
}

fn ask(revocations: &Revocations, verified: Arc<Verified>) -> Checking {
    match revocations.judge(&verified) {
        Judged::Now(standing) => Checking::Done(settle(verified, standing)),
        Judged::Later(standing) => {
            Checking::Pending(Box::pin(async move { settle(verified, standing.await) }))
        }
    }
}

fn settle(verified: Arc<Verified>, standing: Standing) -> Result<Checked, Denial> {
    match standing {
        Standing::Good => Ok(Checked::new(verified)),
        Standing::Ended(reason) => Err(Denial::Ended(reason)),
        Standing::Unknown => Err(Denial::OutOfTouch),
    }
}
