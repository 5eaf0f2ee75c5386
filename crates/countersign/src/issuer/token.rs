//! One token, claim by claim.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::Issuer;
use super::additions::{Additions, Members, check_claim, check_header};
use crate::claims::Claims;
use crate::error::{SignError, VerifyError};
use crate::json;
use crate::profile::{Profile, Subject};
use crate::random;

/// One token, claim by claim; see [`Issuer::access`].
///
/// It carries `iat`, `exp` and a `jti` in any case. What is wrong is told by [`TokenBuilder::sign`].
#[must_use]
pub struct TokenBuilder<'a> {
    issuer: &'a Issuer,
    typ: &'a str,
    /// Those that have a meaning here.
    registered: Members,
    additions: Additions,
    end: End,
    latest: Option<i64>,
}

#[derive(Clone, Copy)]
enum End {
    After(Duration),
    At(i64),
}

impl<'a> TokenBuilder<'a> {
    pub(super) fn new(issuer: &'a Issuer, typ: &'a str) -> Self {
        let (registered, additions) = (Members::new(), Additions::default());
        let (end, latest) = (End::After(issuer.terms.lifetime), None);
        let token = Self { issuer, typ, registered, additions, end, latest };
        let token = match &issuer.terms.issuer {
            Some(name) => token.issuer(name),
            None => token,
        };
        token.audience(&issuer.terms.audience)
    }

    /// `iss`, in the place of the issuer's own.
    pub fn issuer(self, issuer: &str) -> Self {
        self.set("iss", issuer)
    }

    /// `sub`: whom it is about.
    pub fn subject(self, subject: &str) -> Self {
        self.set("sub", subject)
    }

    /// `aud`: whom it is for, in the place of the issuer's own. One is written as text, several as a
    /// list.
    pub fn audience(mut self, audience: impl IntoIterator<Item: Into<String>>) -> Self {
        let mut audience: Vec<String> = audience.into_iter().map(Into::into).collect();
        match audience.len() {
            0 => {
                self.registered.remove("aud");
                self
            }
            1 => self.set("aud", audience.remove(0)),
            _ => self.set("aud", audience),
        }
    }

    /// `sid` and `gen`: the session that it belongs to, and how often that was refreshed.
    pub fn session(self, session_id: &str, generation: u64) -> Self {
        self.set("sid", session_id).set("gen", generation)
    }

    /// `auth_time`, in Unix seconds: when the user proved who they are.
    pub fn auth_time(self, at: i64) -> Self {
        self.set("auth_time", at)
    }

    /// `amr` (RFC 8176): how they did. No method is no claim.
    pub fn amr(self, amr: impl IntoIterator<Item: Into<String>>) -> Self {
        let amr: Vec<String> = amr.into_iter().map(Into::into).collect();
        if amr.is_empty() { self.without("amr") } else { self.set("amr", amr) }
    }

    /// `roles` (RFC 9068, section 2.2.3.1).
    pub fn roles(self, roles: impl IntoIterator<Item: Into<String>>) -> Self {
        let roles: Vec<String> = roles.into_iter().map(Into::into).collect();
        self.set("roles", roles)
    }

    /// `scope` (RFC 8693, section 4.2): each is one scope (RFC 6749, section 3.3). None is no claim.
    pub fn scopes<'s>(mut self, scopes: impl IntoIterator<Item = &'s str>) -> Self {
        let scopes: Vec<&str> = scopes.into_iter().collect();
        if !scopes.iter().all(|scope| is_scope(scope)) {
            self.additions.note(SignError::ClaimType { name: "scope" });
        }
        if scopes.is_empty() {
            return self.without("scope");
        }
        self.set("scope", scopes.join(" "))
    }

    /// `type`: what the token is for where one profile has several kinds, as in the tokens of
    /// flask-jwt-extended. A guard takes tokens without one and `access`, or `refresh` alone.
    pub fn token_type(self, token_type: &str) -> Self {
        self.set("type", token_type)
    }

    /// `jti`: the token's own identifier; a random UUID, if not said.
    pub fn jwt_id(self, jwt_id: &str) -> Self {
        self.set("jti", jwt_id)
    }

    /// `nbf`, in Unix seconds: before then it is not good yet.
    pub fn not_before(self, at: i64) -> Self {
        self.set("nbf", at)
    }

    /// How long it lives, in whole seconds, in the place of the issuer's own. Not zero.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.end = End::After(lifetime);
        self
    }

    /// `exp`, in Unix seconds, in the place of a lifetime.
    pub fn expires_at(mut self, at: i64) -> Self {
        self.end = End::At(at);
        self
    }

    /// It is over at this moment, in Unix seconds, however long it would live otherwise.
    pub fn no_later_than(mut self, at: i64) -> Self {
        self.latest = Some(self.latest.map_or(at, |latest| latest.min(at)));
        self
    }

    /// An additional claim. Those with methods of their own cannot be set by it.
    pub fn claim(mut self, name: &str, value: impl Serialize) -> Self {
        self.additions.claim(name, value);
        self
    }

    /// Additional claims: the members of an object.
    pub fn claims(mut self, claims: impl Serialize) -> Self {
        self.additions.claims(claims);
        self
    }

    /// An additional member of the header. Those that follow from the key and the type cannot be set
    /// by it, nor can those that no verifier here accepts.
    pub fn header(mut self, name: &str, value: impl Serialize) -> Self {
        self.additions.header(name, value);
        self
    }

    /// The token, minted at `now`, in Unix seconds. A [`Verifier`](crate::Verifier) with the profile of
    /// its type can read it: nothing is signed that none would.
    pub fn sign(self, now: i64) -> Result<String, SignError> {
        self.sign_with_claims(now).map(|(token, _)| token)
    }

    pub(crate) fn sign_with_claims(mut self, now: i64) -> Result<(String, Claims), SignError> {
        self.additions.check()?;
        self.set_times(now)?;
        if !self.registered.contains_key("jti") {
            let jwt_id = random::uuid().map_err(|_| SignError::Failed)?;
            self.registered.insert("jti".to_owned(), jwt_id.to_string().into());
        }
        let claims = self.all_claims()?;
        let header = self.whole_header(&claims)?;
        let payload = claims.to_json().map_err(|_| SignError::Claims)?;
        self.check(&header, &payload)?;
        Ok((self.issuer.sign_bytes((self.typ, &header), &payload)?, claims))
    }

    fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.registered.insert(name.to_owned(), value.into());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.registered.remove(name);
        self
    }

    fn set_times(&mut self, now: i64) -> Result<(), SignError> {
        let end = match self.end {
            End::At(at) => Some(at),
            End::After(lifetime) => {
                i64::try_from(lifetime.as_secs()).ok().and_then(|life| now.checked_add(life))
            }
        };
        let end = end.ok_or(SignError::Lifetime)?;
        let end = self.latest.map_or(end, |latest| latest.min(end));
        if let Some(leeway) = self.issuer.terms.not_before
            && !self.registered.contains_key("nbf")
        {
            let leeway = i64::try_from(leeway.as_secs()).unwrap_or(i64::MAX);
            self.registered.insert("nbf".to_owned(), now.saturating_sub(leeway).max(0).into());
        }
        let begin = self.registered.get("nbf").and_then(Value::as_i64).unwrap_or(now);
        if end <= begin.max(now) {
            return Err(SignError::Lifetime);
        }
        self.registered.insert("iat".to_owned(), now.into());
        self.registered.insert("exp".to_owned(), end.into());
        Ok(())
    }

    fn all_claims(&self) -> Result<Claims, SignError> {
        let mut members = self.issuer.terms.additions.claims.clone();
        members.extend(self.additions.claims.clone());
        members.extend(self.registered.clone());
        let claims = Claims::new(members.clone()).ok_or(SignError::Lifetime)?;
        let Some(ask) = &self.issuer.terms.claims_for else { return Ok(claims) };
        for (name, value) in ask(&claims)? {
            check_claim(&name)?;
            if !self.additions.claims.contains_key(&name) {
                members.insert(name, value);
            }
        }
        Claims::new(members).ok_or(SignError::Lifetime)
    }

    /// All members of the header but those that follow from the key and the type.
    fn whole_header(&self, claims: &Claims) -> Result<Members, SignError> {
        let mut members = self.issuer.terms.additions.header.clone();
        if let Some(ask) = &self.issuer.terms.header_for {
            for (name, value) in ask(claims)? {
                check_header(&name)?;
                members.insert(name, value);
            }
        }
        members.extend(self.additions.header.clone());
        Ok(members)
    }

    /// Whether a verifier could read it.
    fn check(&self, header: &Members, payload: &[u8]) -> Result<(), SignError> {
        let subject =
            if self.registered.contains_key("sub") { Subject::Text } else { Subject::None };
        let profile = Profile { typ: "", required: &[], subject };
        let claims = json::read_object(payload).map_err(SignError::Unreadable)?;
        profile.check(&claims).map_err(|error| match error {
            VerifyError::WrongClaimType { name } => SignError::ClaimType { name },
            _ => SignError::Claims,
        })?;
        let header = serde_json::to_vec(header).map_err(|_| SignError::Header)?;
        json::read_object(&header).map_err(SignError::Unreadable).map(drop)
    }
}

/// Of the claims, it shows the names only.
impl fmt::Debug for TokenBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBuilder")
            .field("typ", &self.typ)
            .field("registered", &self.registered.keys().collect::<Vec<_>>())
            .field("claims", &self.additions.claims.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Whether this is a scope-token (RFC 6749, appendix A.4): a space would make two of it.
fn is_scope(scope: &str) -> bool {
    let fits = |byte| matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b'\\');
    !scope.is_empty() && scope.bytes().all(fits)
}
