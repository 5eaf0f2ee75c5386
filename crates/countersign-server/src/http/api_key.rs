//! Which program asks, by its API key. A handler that extracts an [`ApiKey`] names the right that it
//! needs in its signature; there is no other way to learn who asks, and it fails closed.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::layer::{Ambiguity, Denial};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::code::{self, Code};
use super::openapi::{Callers, Input, Operation};
use super::problem::Problem;
use super::server::BodyLimit;
use crate::app::App;
use crate::error::{Error, Refusal};
use crate::operations::Caller;
use crate::operations::actor::Actor;
use crate::operations::api_keys::KeyRefusal;
use crate::tables::api_key::{ApiKeyRow, Right};

/// A right as a type.
pub trait Grant {
    /// The right.
    const RIGHT: Right;
}

macro_rules! grants {
    ($($name:ident),+) => {$(
        #[doc = concat!("[`Right::", stringify!($name), "`], for [`ApiKey`].")]
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl Grant for $name {
            const RIGHT: Right = Right::$name;
        }
    )+};
}

grants! { Introspect, Revoke, Revocations, Metrics }

/// The good key of a program that has the right `R`.
///
/// It comes as `Authorization: Bearer KEY`, or, from clients of OAuth's, as the password of HTTP
/// Basic, whose user name says nothing. Without a key that is good the answer is 401, without the
/// right 403.
#[derive(Clone, Debug)]
pub struct ApiKey<R> {
    key: Arc<ApiKeyRow>,
    scheme: Scheme,
    right: PhantomData<R>,
}

impl<R> ApiKey<R> {
    /// The caller, with the holder of the key as the one who acts.
    pub fn acting(&self, caller: Caller) -> Caller {
        Caller { actor: Some(Actor::ApiKey(self.key.id.clone())), ..caller }
    }

    /// The answer to an operation that failed. If the key was revoked meanwhile, the challenge names the
    /// scheme in which it was sent.
    pub fn refused(&self, error: Error) -> Problem {
        match error {
            Error::ApiKeyRevoked => self.scheme.refused(KeyRefusal::Unknown),
            error => error.into(),
        }
    }
}

impl<R: Grant, S: Send + Sync> FromRequestParts<S> for ApiKey<R>
where
    App: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let app = App::from_ref(state);
        let Some(Presented { scheme, key }) = Presented::of(&parts.headers)? else {
            let detail = "Send an API key: Authorization: Bearer …";
            return Err(Scheme::Bearer.unauthorized((code::API_KEY_MISSING, detail), None));
        };
        match app.check_api_key(&key, R::RIGHT, app.clock.now()).await {
            Ok(key) => {
                BodyLimit::raise(&parts.extensions);
                Ok(Self { key, scheme, right: PhantomData })
            }
            Err(refusal) => Err(scheme.refused(refusal)),
        }
    }
}

impl<R: Grant> Input for ApiKey<R> {
    fn describe(operation: Operation) -> Operation {
        operation.for_callers(Callers::ApiKey(R::RIGHT.as_str())).refuses([
            code::INVALID_REQUEST,
            code::API_KEY_MISSING,
            code::INVALID_API_KEY,
            code::RIGHT_MISSING,
        ])
    }

    async fn admit(parts: &mut Parts, app: &App) -> Result<(), Problem> {
        Self::from_request_parts(parts, app).await.map(drop)
    }
}

/// The answer to a key that was sent as `Authorization: Bearer KEY`.
impl From<KeyRefusal> for Problem {
    fn from(refusal: KeyRefusal) -> Self {
        Scheme::Bearer.refused(refusal)
    }
}

#[derive(Clone, Copy, Debug)]
enum Scheme {
    Bearer,
    Basic,
}

struct Presented {
    scheme: Scheme,
    key: String,
}

impl Presented {
    /// What the request's one `Authorization` header carries, in a scheme that is taken.
    fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            let problem = Problem::from(Denial::from(Ambiguity::TwoHeaders));
            return Err(problem.of_no_access_token());
        }
        let text = String::from_utf8_lossy(value.as_bytes());
        let (scheme, credentials) = text.split_once(' ').unwrap_or((&text, ""));
        let presented = |scheme, key| Ok(Some(Self { scheme, key }));
        if scheme.eq_ignore_ascii_case("bearer") {
            presented(Scheme::Bearer, credentials.to_owned())
        } else if scheme.eq_ignore_ascii_case("basic") {
            presented(Scheme::Basic, password(credentials).unwrap_or_default())
        } else {
            Ok(None)
        }
    }
}

/// The password of HTTP Basic (RFC 7617). A key has no character that OAuth's clients would encode
/// (RFC 6749, section 2.3.1).
fn password(credentials: &str) -> Option<String> {
    let pair = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

impl Scheme {
    fn refused(self, refusal: KeyRefusal) -> Problem {
        match refusal {
            KeyRefusal::Unknown => {
                let told = (code::INVALID_API_KEY, "The API key is not good.");
                self.unauthorized(told, Some("invalid_token"))
            }
            KeyRefusal::Lacks(right) => {
                let detail = format!("The API key does not have the right {right}.");
                let problem = Problem::new(code::RIGHT_MISSING, detail);
                problem.challenge(Some("insufficient_scope"))
            }
            KeyRefusal::OutOfTouch => Refusal::OutOfTouch.into(),
        }
    }

    /// The challenge is of the scheme that the client tried (RFC 6749, section 5.2).
    fn unauthorized(
        self,
        (code, detail): (Code, &'static str),
        error: Option<&'static str>,
    ) -> Problem {
        let problem = Problem::new(code, detail);
        match self {
            Self::Bearer => problem.challenge(error),
            Self::Basic => problem.challenge_basic(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_http_basic_is_all_that_follows_the_first_colon() {
        for (pair, key) in
            [("any:csk_x", Some("csk_x")), (":csk_x", Some("csk_x")), ("a:b:c", Some("b:c"))]
        {
            assert_eq!(password(&STANDARD.encode(pair)).as_deref(), key, "{pair}");
        }
        assert_eq!(password(&STANDARD.encode("csk_x")), None);
        assert_eq!(password("%"), None);
        assert_eq!(password(&STANDARD.encode([0xff, b':'])), None);
    }
}
