//! Puts a guard together.

use std::fmt;
use std::sync::Arc;

use http::{Extensions, HeaderMap, Method};

use super::check::{Check, VerifyAndAsk};
use super::forgery::Protection;
use super::guard::Inner;
use super::location::Source;
use super::public_paths::PublicPaths;
use super::{Answers, ConfigError, Cookies, Demand, Denial, Guard, Location, TokenType};
use crate::claims::Claims;
use crate::clock::Clock;
use crate::revocations::Revocations;
use crate::verifier::Verifier;

/// Puts a [`Guard`] together. Whatever is wrong is told by [`GuardBuilder::build`]; a guard that was
/// built needs no more configuration to be right.
#[must_use]
pub struct GuardBuilder {
    judge: Judge,
    revocations: Option<Revocations>,
    locations: Option<Vec<Location>>,
    cookies: Option<Cookies>,
    protection: Option<Protection>,
    public: Vec<(Option<Method>, String)>,
    token_type: TokenType,
    demand: Option<Demand>,
    answers: Answers,
    clock: Clock,
}

enum Judge {
    Verify(Verifier),
    Own(Arc<dyn Check>),
}

impl GuardBuilder {
    pub(super) fn verifying(verifier: Verifier) -> Self {
        Self::new(Judge::Verify(verifier))
    }

    pub(super) fn checking(check: Arc<dyn Check>) -> Self {
        Self::new(Judge::Own(check))
    }

    fn new(judge: Judge) -> Self {
        Self {
            judge,
            revocations: None,
            locations: None,
            cookies: None,
            protection: None,
            public: Vec::new(),
            token_type: TokenType::default(),
            demand: None,
            answers: Answers::default(),
            clock: Clock::default(),
        }
    }

    /// Who is asked whether a token that verifies is still good; nobody, if not said. A check of the
    /// application's own asks for itself, and with one this is [`ConfigError::UnaskedRevocations`].
    pub fn revocations(mut self, revocations: Revocations) -> Self {
        self.revocations = Some(revocations);
        self
    }

    /// Where a token may be, in this order: of two equal ones the first counts. [`Location::bearer`]
    /// alone, if not said.
    pub fn locations(mut self, locations: impl IntoIterator<Item = Location>) -> Self {
        self.locations = Some(locations.into_iter().collect());
        self
    }

    /// Looks for the token in the access cookie as well, after the other places, and protects against
    /// forged requests.
    pub fn cookies(mut self, cookies: Cookies) -> Self {
        self.cookies = Some(cookies);
        self
    }

    /// Reads [`Location::cookie`] without any protection against forged requests: every page on the
    /// web can then act as its visitor. For services in front of which something else protects.
    pub fn without_csrf_protection(mut self) -> Self {
        self.protection = Some(Protection::None);
        self
    }

    /// Protects against forged requests another way than [`Cookies`] do: `protect` is asked about
    /// every request that only a cookie authenticates, once its token verifies; safe methods
    /// are excepted, unless they begin a WebSocket, to which a page can give no header but its own
    /// `Origin` and cookies. It sees the request's headers and extensions, and the token's claims.
    ///
    /// ```
    /// use countersign::layer::{CsrfFault, Denial, Guard, Location};
    /// # use countersign::{KeyRing, Profile, Verifier};
    /// # let verifier = Verifier::new(Profile::ACCESS, KeyRing::new(Vec::new()));
    ///
    /// let guard = Guard::builder(verifier)
    ///     .locations([Location::cookie("session")])
    ///     .csrf_protection(|headers, _extensions, _claims| {
    ///         let own = headers.get("x-requested-by").is_some_and(|value| value == "our-page");
    ///         if own { Ok(()) } else { Err(CsrfFault::MissingHeader.into()) }
    ///     })
    ///     .build()?;
    /// # Ok::<(), countersign::layer::ConfigError>(())
    /// ```
    pub fn csrf_protection(
        mut self,
        protect: impl Fn(&HeaderMap, &Extensions, &Claims) -> Result<(), Denial> + Send + Sync + 'static,
    ) -> Self {
        self.protection = Some(Protection::Own(Arc::new(protect)));
        self
    }

    /// Lets every request for this path through, with a token or without. `/docs/*` is everything
    /// below `/docs/`. Paths are compared as they come, not decoded: what is written otherwise is not
    /// public.
    pub fn public(mut self, path: &str) -> Self {
        self.public.push((None, path.to_owned()));
        self
    }

    /// As [`GuardBuilder::public`], for one method.
    pub fn public_for(mut self, method: Method, path: &str) -> Self {
        self.public.push((Some(method), path.to_owned()));
        self
    }

    /// What the claim `type` must say; access tokens, if not said.
    pub fn token_type(mut self, token_type: TokenType) -> Self {
        self.token_type = token_type;
        self
    }

    /// What every token must meet.
    pub fn demand(mut self, demand: Demand) -> Self {
        self.demand = Some(demand);
        self
    }

    /// What clients are told that are not let through; [`Answers::rfc6750`], if not said.
    pub fn answers(mut self, answers: impl Into<Answers>) -> Self {
        self.answers = answers.into();
        self
    }

    /// Where the time comes from; the machine, if not said.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The guard, or what is wrong with it.
    pub fn build(self) -> Result<Guard, ConfigError> {
        let sources = self.sources()?;
        let mut public = PublicPaths::default();
        for (method, pattern) in self.public {
            public.add(method, &pattern)?;
        }
        let check: Arc<dyn Check> = match (self.judge, self.revocations) {
            (Judge::Verify(verifier), revocations) => {
                let revocations = revocations.unwrap_or_else(Revocations::none);
                Arc::new(VerifyAndAsk::new(verifier, revocations))
            }
            (Judge::Own(check), None) => check,
            (Judge::Own(_), Some(_)) => return Err(ConfigError::UnaskedRevocations),
        };
        Ok(Guard::new(Inner {
            check,
            sources,
            protection: Protection::or_that_of(self.protection, self.cookies.as_ref()),
            cookies: self.cookies,
            public,
            token_type: self.token_type,
            demand: self.demand.map(Demand::validated).transpose()?,
            answers: self.answers,
            clock: self.clock,
        }))
    }

    fn sources(&self) -> Result<Vec<Source>, ConfigError> {
        let locations = self.locations.clone().unwrap_or_else(|| vec![Location::bearer()]);
        let sources: Result<Vec<_>, _> = locations.into_iter().map(Location::into_source).collect();
        let mut sources = sources?;
        let own = self.cookies.as_ref().map(Cookies::source);
        sources.extend(own.filter(|own| !sources.contains(own)));
        if sources.is_empty() {
            return Err(ConfigError::NoLocation);
        }
        for (at, source) in sources.iter().enumerate() {
            if sources[..at].contains(source) {
                return Err(ConfigError::LocationTwice(source.describe()));
            }
            if let Source::Cookie { name } = source
                && self.cookies.is_none()
                && self.protection.is_none()
            {
                return Err(ConfigError::UnprotectedCookie(name.to_string()));
            }
        }
        Ok(sources)
    }
}

impl fmt::Debug for GuardBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardBuilder")
            .field("revocations", &self.revocations)
            .field("locations", &self.locations)
            .field("cookies", &self.cookies)
            .field("public", &self.public)
            .field("token_type", &self.token_type)
            .field("demand", &self.demand)
            .field("answers", &self.answers)
            .finish_non_exhaustive()
    }
}
