//! The guard: one configured decision, shared by the layer, the extractors and the demands.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, Response};

use super::access::{Access, Guarded};
use super::check::{Check, Checked, Checking};
use super::find::{Asked, Found, find};
use super::forgery::Protection;
use super::location::Source;
use super::public_paths::PublicPaths;
use super::{
    Answers, ConfigError, Cookies, Demand, Denial, GuardBuilder, GuardLayer, RequireLayer,
    TokenType,
};
use crate::clock::Clock;
use crate::revocations::Later;
use crate::verifier::Verifier;

/// Decides who is let through. Cheap to clone; see the [module](super) for the order of its decisions.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

pub(super) struct Inner {
    pub(super) check: Arc<dyn Check>,
    pub(super) sources: Vec<Source>,
    pub(super) cookies: Option<Cookies>,
    pub(super) protection: Protection,
    pub(super) public: PublicPaths,
    pub(super) token_type: TokenType,
    pub(super) demand: Option<Demand>,
    pub(super) answers: Answers,
    pub(super) clock: Clock,
}

/// A decision, or the wait for one.
pub(super) enum Decision {
    Made(Result<Access, Denial>),
    Pending { checked: Later<Result<Checked, Denial>>, in_cookie: bool },
}

impl Guard {
    /// A guard that takes the tokens which `verifier` accepts.
    pub fn builder(verifier: Verifier) -> GuardBuilder {
        GuardBuilder::verifying(verifier)
    }

    /// A guard that judges tokens another way.
    pub fn with_check(check: impl Check) -> GuardBuilder {
        GuardBuilder::checking(Arc::new(check))
    }

    /// The layer that lets only good tokens through, but for the public paths.
    pub fn layer(&self) -> GuardLayer {
        GuardLayer::new(self.clone(), false)
    }

    /// The layer for routes that are all public: it lets everybody through, and the extractors
    /// behind it look at tokens only where a handler asks.
    pub fn public_layer(&self) -> GuardLayer {
        GuardLayer::new(self.clone(), true)
    }

    /// A layer for routes that demand more than a good token. It stands behind the guard's own.
    pub fn require(&self, demand: Demand) -> Result<RequireLayer, ConfigError> {
        Ok(RequireLayer::new(self.clone(), demand.validated()?))
    }

    /// Decides about a request, public or not: for places where no layer can stand.
    pub async fn check(&self, parts: &Parts) -> Result<Access, Denial> {
        match self.decide(parts.into()) {
            Decision::Made(decision) => decision,
            Decision::Pending { checked, in_cookie } => {
                let checked = checked.await?;
                self.settle(parts.into(), checked, in_cookie)
            }
        }
    }

    /// Decides again about a request that the guard's layer let through, and replaces the [`Access`]
    /// that it granted. The demands of [`Guard::require`] are checked again too.
    ///
    /// The layer decides when the head of a request has arrived. The body may arrive much later, when
    /// the token has expired or its session has ended. Call this after reading a body and before
    /// acting on it. With the feature `axum`, the extractor `Whole` does.
    ///
    /// On a public route it does nothing: there the extractors decide when they run.
    pub async fn check_again(parts: &mut Parts) -> Result<(), Denial> {
        let Guarded { guard, access, demands } =
            parts.extensions.get().cloned().ok_or(Denial::Unprotected)?;
        if access.is_none() {
            return Ok(());
        }
        let access = guard.check(parts).await?;
        for demand in &demands {
            demand.check(access.claims(), guard.now())?;
        }
        parts.extensions.insert(Guarded { guard, access: Some(access), demands });
        Ok(())
    }

    /// The request's one token, not checked: for routes that take tokens which are no longer good, such
    /// as a logout.
    pub fn find<'a>(&self, parts: &'a Parts) -> Result<Found<'a>, Denial> {
        find(&self.0.sources, parts.into())
    }

    /// The guard that let the request with these extensions through: on a public route, with
    /// [`Guard::check`], the way to look at its token all the same.
    pub fn of(extensions: &Extensions) -> Result<&Self, Denial> {
        let Guarded { guard, .. } = extensions.get().ok_or(Denial::Unprotected)?;
        Ok(guard)
    }

    /// What a client is told of a denial.
    pub fn answer(&self, denial: &Denial) -> Response<Bytes> {
        self.0.answers.answer(denial)
    }

    /// The cookies, if the guard has some.
    pub fn cookies(&self) -> Option<&Cookies> {
        self.0.cookies.as_ref()
    }

    pub(super) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    pub(super) fn is_public(&self, asked: Asked<'_>) -> bool {
        self.0.public.contain(asked.method, asked.uri.path())
    }

    pub(crate) fn now(&self) -> i64 {
        self.0.clock.unix_seconds()
    }

    pub(super) fn decide(&self, asked: Asked<'_>) -> Decision {
        let Found { token, in_cookie } = match find(&self.0.sources, asked) {
            Ok(found) => found,
            Err(denial) => return Decision::Made(Err(denial)),
        };
        match self.0.check.check(token, self.now()) {
            Checking::Done(checked) => {
                let decision = checked.and_then(|checked| self.settle(asked, checked, in_cookie));
                Decision::Made(decision)
            }
            Checking::Pending(checked) => Decision::Pending { checked, in_cookie },
        }
    }

    /// What is left to decide once the token is known to be good.
    pub(super) fn settle(
        &self,
        asked: Asked<'_>,
        checked: Checked,
        in_cookie: bool,
    ) -> Result<Access, Denial> {
        let claims = &checked.verified().claims;
        if in_cookie {
            self.0.protection.check(asked, claims)?;
        }
        check_type(self.0.token_type, claims.get("type"))?;
        if let Some(denial) = checked.refusal() {
            return Err(denial.clone());
        }
        if let Some(demand) = &self.0.demand {
            demand.check(claims, self.now())?;
        }
        Ok(Access::new(checked, in_cookie))
    }
}

fn check_type(wanted: TokenType, own: Option<&serde_json::Value>) -> Result<(), Denial> {
    let fits = match (wanted, own) {
        (TokenType::Any, _) | (TokenType::Access, None) => true,
        (TokenType::Access, Some(own)) => own == "access",
        (TokenType::Refresh, own) => own.is_some_and(|own| own == "refresh"),
    };
    if fits { Ok(()) } else { Err(Denial::WrongType { wanted }) }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("sources", &self.0.sources)
            .field("cookies", &self.0.cookies)
            .field("public", &self.0.public)
            .field("demand", &self.0.demand)
            .field("answers", &self.0.answers)
            .finish_non_exhaustive()
    }
}
