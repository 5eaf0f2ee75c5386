//! What a client is told when it is not let through.

mod flask_jwt_extended;
mod rfc6750;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;

pub use self::flask_jwt_extended::{FlaskAnswers, FlaskVersion};
use super::{ConfigError, Denial};

/// What a client is told when it is not let through.
///
/// ```
/// use bytes::Bytes;
/// use countersign::layer::{Answers, Denial, FlaskVersion};
/// use http::{Response, StatusCode};
///
/// let standard = Answers::rfc6750();
/// let flask = Answers::flask_jwt_extended(FlaskVersion::V4).message_key("message");
/// let own = Answers::with(|denial: &Denial| {
///     let mut response = Answers::rfc6750().answer(denial);
///     *response.body_mut() = Bytes::from_static(b"computer says no");
///     response
/// });
/// assert_eq!(own.answer(&Denial::OutOfTouch).status(), StatusCode::SERVICE_UNAVAILABLE);
/// ```
#[derive(Clone)]
pub struct Answers(Kind);

#[derive(Clone)]
enum Kind {
    Rfc6750 { realm: Option<Arc<str>> },
    Flask(FlaskAnswers),
    Own(Arc<Write>),
}

type Write = dyn Fn(&Denial) -> Response<Bytes> + Send + Sync;

impl Answers {
    /// Those of RFC 6750 and RFC 9470: a challenge in `WWW-Authenticate`, and its error as a small
    /// JSON object. All tokens that do not verify get one and the same answer; one that does, and
    /// stands for something that is over, gets the reason as well.
    pub fn rfc6750() -> Self {
        Self(Kind::Rfc6750 { realm: None })
    }

    /// As [`Answers::rfc6750`], with a realm in the challenge.
    pub fn rfc6750_with_realm(realm: &str) -> Result<Self, ConfigError> {
        let fits = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        if realm.is_empty() || !realm.bytes().all(fits) {
            return Err(ConfigError::Realm(realm.to_owned()));
        }
        Ok(Self(Kind::Rfc6750 { realm: Some(realm.into()) }))
    }

    /// Those of flask-jwt-extended, for clients that were written for it: statuses and messages of
    /// version 3.24.1 or 4.7, byte for byte.
    pub fn flask_jwt_extended(version: FlaskVersion) -> FlaskAnswers {
        FlaskAnswers::new(version)
    }

    /// Those of a function.
    pub fn with(answer: impl Fn(&Denial) -> Response<Bytes> + Send + Sync + 'static) -> Self {
        Self(Kind::Own(Arc::new(answer)))
    }

    /// The answer. The denial is in its extensions.
    pub fn answer(&self, denial: &Denial) -> Response<Bytes> {
        let mut response = match &self.0 {
            Kind::Rfc6750 { realm } => rfc6750::answer(denial, realm.as_deref()),
            Kind::Flask(answers) => answers.write(denial),
            Kind::Own(answer) => answer(denial),
        };
        response.extensions_mut().insert(denial.clone());
        response
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self::rfc6750()
    }
}

impl From<FlaskAnswers> for Answers {
    fn from(answers: FlaskAnswers) -> Self {
        Self(Kind::Flask(answers))
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Rfc6750 { .. } => "Answers::rfc6750",
            Kind::Flask(_) => "Answers::flask_jwt_extended",
            Kind::Own(_) => "Answers::with",
        })
    }
}
