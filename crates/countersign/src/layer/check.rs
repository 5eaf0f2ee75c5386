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
#[must_use = "a check says nothing before its end"]
pub enum Checking {
    /// What needed nobody else is judged at once.
    Done(Result<Checked, Denial>),
    /// Somebody else must be asked.
    Pending(Pin<Box<dyn Future<Output = Result<Checked, Denial>> + Send>>),
}

impl Checking {
    /// The judgement, once it is there.
    pub async fn end(self) -> Result<Checked, Denial> {
        match self {
            Self::Done(checked) => checked,
            Self::Pending(checked) => checked.await,
        }
    }
}

impl fmt::Debug for Checking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(checked) => f.debug_tuple("Done").field(checked).finish(),
            Self::Pending(_) => f.debug_tuple("Pending").finish_non_exhaustive(),
        }
    }
}

/// A token that verifies, whether it may be used, and what else the check found out.
#[derive(Clone)]
pub struct Checked {
    verified: Arc<Verified>,
    refusal: Option<Denial>,
    attachment: Option<Arc<dyn Any + Send + Sync>>,
}

impl Checked {
    /// A good token.
    pub fn new(verified: Arc<Verified>) -> Self {
        Self { verified, refusal: None, attachment: None }
    }

    /// A token that verifies and may not be used all the same, such as one that was revoked. The
    /// guard says so after what is wrong with the page that sent it, and with its type.
    pub fn refused(verified: Arc<Verified>, why: Denial) -> Self {
        Self { refusal: Some(why), ..Self::new(verified) }
    }

    /// The token, if it may be used.
    pub fn granted(self) -> Result<Self, Denial> {
        match self.refusal {
            Some(denial) => Err(denial),
            None => Ok(self),
        }
    }

    /// The token.
    pub fn verified(&self) -> &Arc<Verified> {
        &self.verified
    }

    /// Why it may not be used, if it may not.
    pub fn refusal(&self) -> Option<&Denial> {
        self.refusal.as_ref()
    }

    /// What the check gave along.
    pub fn attachment<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.attachment.as_deref()?.downcast_ref()
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
            .field("refusal", &self.refusal)
            .field("attachment", &self.attachment.is_some())
            .finish()
    }
}

/// The check of [`Guard::builder`](super::Guard::builder): verifies, then asks about revocation. A key
/// that is not known is looked for once, where the keys come from elsewhere. An application's own
/// check can begin or end with it.
///
/// ```
/// use countersign::layer::{Check, Checking, VerifyAndAsk};
///
/// /// Counts the good tokens.
/// struct Counting(VerifyAndAsk, std::sync::atomic::AtomicU64);
///
/// impl Check for Counting {
///     fn check(&self, token: &str, now: i64) -> Checking {
///         let checking = self.0.check(token, now);
///         if matches!(&checking, Checking::Done(Ok(checked)) if checked.refusal().is_none()) {
///             self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
///         }
///         checking
///     }
/// }
/// ```
#[derive(Clone)]
pub struct VerifyAndAsk {
    verifier: Verifier,
    revocations: Revocations,
}

impl VerifyAndAsk {
    /// Takes what `verifier` accepts, unless `revocations` know better.
    pub fn new(verifier: Verifier, revocations: Revocations) -> Self {
        Self { verifier, revocations }
    }
}

impl fmt::Debug for VerifyAndAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyAndAsk")
            .field("revocations", &self.revocations)
            .finish_non_exhaustive()
    }
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
                Ok(verified) => ask(&revocations, verified).end().await,
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
        Judged::Now(standing) => Checking::Done(Ok(settle(verified, standing))),
        Judged::Later(standing) => {
            Checking::Pending(Box::pin(async move { Ok(settle(verified, standing.await)) }))
        }
    }
}

fn settle(verified: Arc<Verified>, standing: Standing) -> Checked {
    match standing {
        Standing::Good => Checked::new(verified),
        Standing::Ended(reason) => Checked::refused(verified, Denial::Ended(reason)),
        Standing::Unknown => Checked::refused(verified, Denial::OutOfTouch),
    }
}
