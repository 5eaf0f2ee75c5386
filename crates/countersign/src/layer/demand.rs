//! What a route demands of a token beyond being good.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{ConfigError, Denial};
use crate::claims::Claims;

/// What a route demands of a token beyond being good.
///
/// ```
/// use std::time::Duration;
/// use countersign::layer::Demand;
///
/// let demand = Demand::new()
///     .scope("orders:write")
///     .any_role(["admin", "clerk"])
///     .fresh_within(Duration::from_secs(300));
/// ```
#[derive(Clone, Default)]
pub struct Demand {
    scopes: Vec<String>,
    roles: Vec<Vec<String>>,
    fresh_within: Option<Duration>,
    claims: Option<Accept>,
}

type Accept = Arc<dyn Fn(&Claims) -> Result<(), String> + Send + Sync>;

impl Demand {
    /// Nothing, yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The token's `scope` names this one. Said twice, both are demanded.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        self.scopes.push(scope.to_owned());
        self
    }

    /// The token's `roles` name this one. Said twice, both are demanded.
    #[must_use]
    pub fn role(self, role: &str) -> Self {
        self.any_role([role])
    }

    /// The token's `roles` name one of these.
    #[must_use]
    pub fn any_role<'a>(mut self, roles: impl IntoIterator<Item = &'a str>) -> Self {
        self.roles.push(roles.into_iter().map(str::to_owned).collect());
        self
    }

    /// The user proved who they are at most so long ago (`auth_time`). If not, the client is asked to
    /// have them do so again (RFC 9470).
    #[must_use]
    pub fn fresh_within(mut self, max_age: Duration) -> Self {
        self.fresh_within = Some(max_age);
        self
    }

    /// The claims are what the function accepts; its error is for the log.
    #[must_use]
    pub fn claims(
        mut self,
        accept: impl Fn(&Claims) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.claims = Some(Arc::new(accept));
        self
    }

    /// Whether these claims, of a token that is good, meet the demand at `now`, in Unix seconds.
    pub fn check(&self, claims: &Claims, now: i64) -> Result<(), Denial> {
        if let Some(max_age) = self.fresh_within {
            check_fresh(claims, max_age, now)?;
        }
        if !self.scopes.is_empty() {
            let granted = claims.scopes();
            if !self.scopes.iter().all(|scope| granted.contains(&scope.as_str())) {
                return Err(Denial::Scope { required: self.scopes.join(" ").into() });
            }
        }
        if !self.roles.is_empty() {
            let granted = claims.roles();
            let has = |role: &String| granted.contains(&role.as_str());
            if !self.roles.iter().all(|one_of| one_of.iter().any(has)) {
                return Err(Denial::Role);
            }
        }
        match &self.claims {
            Some(accept) => accept(claims).map_err(|reason| Denial::Claims(reason.into())),
            None => Ok(()),
        }
    }

    pub(super) fn validated(self) -> Result<Self, ConfigError> {
        let (scopes, roles) = (self.scopes.iter(), self.roles.iter().flatten());
        if let Some(bad) = scopes.chain(roles).find(|name| !is_scope_token(name)) {
            return Err(ConfigError::Scope(bad.clone()));
        }
        if self.roles.iter().any(Vec::is_empty) {
            return Err(ConfigError::Scope(String::new()));
        }
        if self.fresh_within.is_some_and(|max_age| max_age < Duration::from_secs(1)) {
            return Err(ConfigError::MaxAge);
        }
        Ok(self)
    }
}

/// Clocks differ: an `auth_time` may lie this far ahead, in seconds.
const LEEWAY: i64 = 30;

/// Whether the user proved who they are at most `max_age` before `now`. A token that does not say
/// when they did, or says that they will, is not fresh.
pub(crate) fn check_fresh(claims: &Claims, max_age: Duration, now: i64) -> Result<(), Denial> {
    let limit = i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX);
    let is_fresh = claims.auth_time().is_some_and(|auth_time| {
        auth_time.saturating_sub(now) <= LEEWAY && now.saturating_sub(auth_time) <= limit
    });
    if is_fresh { Ok(()) } else { Err(Denial::NotFresh { max_age }) }
}

/// A scope token (RFC 6749, section 3.3), which roles have the form of as well.
fn is_scope_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.bytes().all(fits)
}

impl fmt::Debug for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demand")
            .field("scopes", &self.scopes)
            .field("roles", &self.roles)
            .field("fresh_within", &self.fresh_within)
            .field("claims", &self.claims.is_some())
            .finish()
    }
}
