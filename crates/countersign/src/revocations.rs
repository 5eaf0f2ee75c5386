//! Who is asked whether a token that verifies is still good.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::claims::Claims;
use crate::freshness::Freshness;
use crate::reason::EndReason;
use crate::revocation::RevocationSet;
use crate::verifier::Verified;

/// How a verified token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is good.
    Good,
    /// It, or what it stands for, is over.
    Ended(EndReason),
    /// Nobody can say now. The token is refused for the time being, not for good.
    Unknown,
}

pub(crate) type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Ask = Arc<dyn Fn(&Claims) -> Standing + Send + Sync>;
type AskLater = Arc<dyn Fn(Arc<Verified>) -> Later<Standing> + Send + Sync>;

/// Who is asked, after a token verified, whether it is still good.
///
/// What cannot be known counts as a no: see [`Revocations::even_when_unknown`].
#[derive(Clone)]
pub struct Revocations {
    source: Source,
    unknown_is_good: bool,
    /// What feeds the source, which ends when nobody needs it.
    #[cfg(feature = "remote")]
    feed: Option<Arc<dyn std::any::Any + Send + Sync>>,
}

#[derive(Clone)]
enum Source {
    Nobody,
    Set(Arc<RevocationSet>),
    Fed(Arc<RevocationSet>, Arc<Freshness>),
    Ask(Ask),
    AskLater(AskLater),
}

/// An answer, or the wait for it.
pub(crate) enum Judged {
    Now(Standing),
    Later(Later<Standing>),
}

impl Revocations {
    /// Nobody: a token is good until it expires, and no logout ends it before.
    pub fn none() -> Self {
        Self::new(Source::Nobody)
    }

    /// A set that this process fills by itself, and which is therefore always complete.
    pub fn set(set: Arc<RevocationSet>) -> Self {
        Self::new(Source::Set(set))
    }

    /// A set that is fed from elsewhere. While it is not fresh, nobody can say what is missing in it,
    /// and every token is refused with 503.
    pub fn fed(set: Arc<RevocationSet>, freshness: Arc<Freshness>) -> Self {
        Self::new(Source::Fed(set, freshness))
    }

    /// A function that has the answer at hand.
    ///
    /// ```
    /// use countersign::{EndReason, Revocations, Standing};
    ///
    /// let revocations = Revocations::ask(|claims| match claims.subject() {
    ///     Some("mallory") => Standing::Ended(EndReason::Disabled),
    ///     _ => Standing::Good,
    /// });
    /// ```
    pub fn ask(ask: impl Fn(&Claims) -> Standing + Send + Sync + 'static) -> Self {
        Self::new(Source::Ask(Arc::new(ask)))
    }

    /// A function that must wait for its answer, such as one that asks a database.
    pub fn ask_later<F>(ask: impl Fn(Arc<Verified>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Standing> + Send + 'static,
    {
        Self::new(Source::AskLater(Arc::new(move |verified| Box::pin(ask(verified)))))
    }

    /// Takes tokens even while nobody can say whether they are still good. A token that was revoked
    /// meanwhile is then accepted: for services that must go on when their feed does not.
    #[must_use]
    pub fn even_when_unknown(mut self) -> Self {
        self.unknown_is_good = true;
        self
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            unknown_is_good: false,
            #[cfg(feature = "remote")]
            feed: None,
        }
    }

    /// Keeps what feeds the source.
    #[cfg(feature = "remote")]
    pub(crate) fn keeping(mut self, feed: Arc<dyn std::any::Any + Send + Sync>) -> Self {
        self.feed = Some(feed);
        self
    }

    pub(crate) fn judge(&self, verified: &Arc<Verified>) -> Judged {
        let unknown_is_good = self.unknown_is_good;
        let settle = move |standing| match standing {
            Standing::Unknown if unknown_is_good => Standing::Good,
            standing => standing,
        };
        match &self.source {
            Source::Nobody => Judged::Now(Standing::Good),
            Source::Set(set) => Judged::Now(look_up(set, &verified.claims)),
            Source::Fed(set, freshness) => {
                // The look-up comes first: what it may have missed is what came after the moment
                // that freshness counts from.
                let standing = match look_up(set, &verified.claims) {
                    Standing::Good if !freshness.is_fresh() => Standing::Unknown,
                    standing => standing,
                };
                Judged::Now(settle(standing))
            }
            Source::Ask(ask) => Judged::Now(settle(ask(&verified.claims))),
            Source::AskLater(ask) => {
                let standing = ask(Arc::clone(verified));
                Judged::Later(Box::pin(async move { settle(standing.await) }))
            }
        }
    }
}

fn look_up(set: &RevocationSet, claims: &Claims) -> Standing {
    match set.check(claims.session_id(), claims.generation(), claims.jwt_id()) {
        Some(reason) => Standing::Ended(reason),
        None => Standing::Good,
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::Nobody => "none",
            Source::Set(_) => "set",
            Source::Fed(..) => "fed",
            Source::Ask(_) => "ask",
            Source::AskLater(_) => "ask_later",
        };
        f.debug_struct("Revocations")
            .field("source", &source)
            .field("unknown_is_good", &self.unknown_is_good)
            .finish_non_exhaustive()
    }
}
