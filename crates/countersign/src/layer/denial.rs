//! Why a request is not let through.

use std::sync::Arc;
use std::time::Duration;

use crate::error::VerifyError;
use crate::reason::EndReason;

/// Why a request is not let through. It stands in the extensions of the response, for logs and
/// counters; what a client is told of it is for [`Answers`](super::Answers) to say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// No token is where one may be; for each place, what was found wanting there.
    #[error("the request carries no token")]
    Missing(Vec<Absence>),
    /// There is something in the header, and it has not the form of a token.
    #[error("the header {name} carries no well-formed token")]
    Malformed {
        /// Which header.
        name: Arc<str>,
        /// The scheme that stands before the token there, if any.
        scheme: Option<Arc<str>>,
        /// Whether nothing at all, or another space, follows the scheme and its space.
        empty: bool,
        /// Whether the scheme ends with something else than a space, such as a tab or a colon.
        no_space: bool,
    },
    /// It cannot be said which token counts (RFC 6750, section 2).
    #[error(transparent)]
    Ambiguous(#[from] Ambiguity),
    /// The token does not verify.
    #[error(transparent)]
    Invalid(#[from] VerifyError),
    /// The token verifies, and its claim `type` says that it is for something else.
    #[error("the token is not of the type wanted here")]
    WrongType {
        /// What is wanted.
        wanted: TokenType,
    },
    /// The token, or the session it belongs to, is over.
    #[error("the token is over: {0}")]
    Ended(EndReason),
    /// The token verifies, and the user whom it names does not exist.
    #[error("the token's user is not there")]
    NoUser {
        /// Whom the token names.
        subject: String,
    },
    /// Whether the token is still good cannot be known now.
    #[error("whether the token is still good cannot be known now")]
    OutOfTouch,
    /// A cookie carries the token, and it is not certain that the page meant it.
    #[error(transparent)]
    Csrf(#[from] CsrfFault),
    /// The user proved who they are too long ago (RFC 9470).
    #[error("the last authentication is too old")]
    NotFresh {
        /// How long ago it may be.
        max_age: Duration,
    },
    /// The token lacks a scope (RFC 6750, section 3.1).
    #[error("the scope `{required}` is required")]
    Scope {
        /// All that are required, with spaces between.
        required: Arc<str>,
    },
    /// The token lacks a role.
    #[error("a role is missing")]
    Role,
    /// The claims are not what the application takes.
    #[error("the claims are not accepted: {0}")]
    Claims(Arc<str>),
    /// The body, in which a token was to be looked for, cannot be read.
    #[error(transparent)]
    Body(#[from] BodyFault),
    /// No guard stands before this route. A fault of the application, not of the request.
    #[error("no guard stands before this route")]
    Unprotected,
}

impl Denial {
    /// A word for counters, which stays: one of a closed set, and nothing of the request is in it.
    ///
    /// ```
    /// use countersign::layer::{CsrfFault, Denial};
    /// use countersign::{EndReason, VerifyError};
    ///
    /// assert_eq!(Denial::Invalid(VerifyError::Expired).code(), "expired");
    /// assert_eq!(Denial::Ended(EndReason::Logout).code(), "logout");
    /// assert_eq!(Denial::Csrf(CsrfFault::Mismatch).code(), "csrf_mismatch");
    /// ```
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Malformed { .. } => "malformed",
            Self::Ambiguous(_) => "ambiguous",
            Self::Invalid(error) => match error {
                VerifyError::Expired => "expired",
                VerifyError::UnknownKey { .. } => "unknown_key",
                VerifyError::NotYetValid | VerifyError::IssuedInFuture => "not_yet_valid",
                VerifyError::Issuer => "issuer",
                VerifyError::Audience => "audience",
                _ => "invalid",
            },
            Self::WrongType { .. } => "wrong_type",
            Self::Ended(reason) => reason.as_str(),
            Self::NoUser { .. } => "no_user",
            Self::OutOfTouch => "out_of_touch",
            Self::Csrf(fault) => fault.code(),
            Self::NotFresh { .. } => "not_fresh",
            Self::Scope { .. } => "scope",
            Self::Role => "role",
            Self::Claims(_) => "claims",
            Self::Body(_) => "body",
            Self::Unprotected => "unprotected",
        }
    }
}

/// Why there is no token in a place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Absence {
    /// There is no such header.
    #[error("no header {name}")]
    Header {
        /// Its name.
        name: Arc<str>,
    },
    /// The header is there, with another scheme.
    #[error("the header {name} is not of the scheme {scheme}")]
    Scheme {
        /// The header's name.
        name: Arc<str>,
        /// The scheme that was looked for.
        scheme: Arc<str>,
    },
    /// There is no such cookie.
    #[error("no cookie {name}")]
    Cookie {
        /// Its name.
        name: Arc<str>,
    },
    /// The query string has no such parameter.
    #[error("no query parameter {name}")]
    Query {
        /// Its name.
        name: Arc<str>,
    },
    /// The body's object has no such member that is a text.
    #[error("no JSON member {name}")]
    JsonMember {
        /// Its name.
        name: Arc<str>,
    },
    /// The body is not JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// No subprotocol that is offered carries one.
    #[error("no subprotocol carries one")]
    Subprotocol,
}

/// Why it cannot be said which token counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ambiguity {
    /// Two places carry different tokens.
    #[error("the request carries two different tokens")]
    TwoTokens,
    /// The header is there twice.
    #[error("the request carries the header of the token twice")]
    TwoHeaders,
    /// Two cookies have the name; one of them was put there by somebody else.
    #[error("the request carries two cookies of one name")]
    TwoCookies,
    /// The query string has the parameter twice.
    #[error("the request carries the query parameter of the token twice")]
    TwoParameters,
    /// Two subprotocols that are offered carry a token.
    #[error("the request offers two tokens as subprotocols")]
    TwoSubprotocols,
}

/// Why it is not certain that the page meant a request that a cookie authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CsrfFault {
    /// The header with the CSRF token is not there.
    #[error("the header X-CSRF-Token is missing")]
    MissingHeader,
    /// The header carries another token than the session's.
    #[error("X-CSRF-Token is not this session's")]
    Mismatch,
    /// Another site's page sent the request.
    #[error("the request comes from another site's page")]
    ForeignSite,
    /// No header says which page sent it.
    #[error("none of Sec-Fetch-Site, Origin and Referer says where the request comes from")]
    NoOrigin,
}

impl CsrfFault {
    /// A word for programs, which stays: `csrf_missing`, `csrf_mismatch` or `csrf_origin`.
    pub fn code(self) -> &'static str {
        match self {
            Self::MissingHeader => "csrf_missing",
            Self::Mismatch => "csrf_mismatch",
            Self::ForeignSite | Self::NoOrigin => "csrf_origin",
        }
    }
}

/// Why a body in which a token was to be looked for cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyFault {
    /// It is larger than 64 KiB.
    #[error("the body is too large to look for a token in it")]
    TooLarge,
    /// It ended before its end.
    #[error("the body cannot be read")]
    Broken,
}

/// What a token is for, by its claim `type`, as flask-jwt-extended and its relatives write it.
/// Tokens without that claim are told apart by their `typ` and count as [`TokenType::Access`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenType {
    /// `type` is `access`, or not there.
    #[default]
    Access,
    /// `type` is `refresh`.
    Refresh,
    /// Not looked at: for issuers that use the claim for something else.
    Any,
}
