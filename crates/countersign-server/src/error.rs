//! What an operation may answer other than success, in the domain's words. `http::error` turns it
//! into a response, each dialect in its own.

use std::borrow::Cow;
use std::time::Duration;

use countersign::{EndReason, VerifyError};

use crate::db::{AsDbError, DbError};
use crate::identifier::{InvalidIdentifier, InvalidName};
use crate::password::{InvalidPassword, Overloaded};
use crate::tables::user::User;

/// The result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Unknown user, wrong password, disabled user or user without password. The native API tells
    /// nobody which; the clients of some dialects have always been told.
    #[error("the identifier or the password is wrong")]
    InvalidCredentials(Half),
    /// A token that does not verify, is over, or cannot be judged now.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many failures in a row, or too much from one address.
    #[error("too many attempts")]
    TooManyAttempts {
        /// When the next one will be looked at.
        retry_after: Duration,
    },
    /// More requests of one kind than a network may send.
    #[error("too many requests")]
    TooManyRequests {
        /// When the next one is allowed.
        retry_after: Duration,
    },
    /// Somebody has this identifier.
    #[error("the {0} is taken")]
    IdentifierTaken(&'static str),
    /// A value that cannot be accepted, and what would be right.
    #[error("{field}: {message}")]
    Invalid {
        /// The member it came in.
        field: &'static str,
        /// Why, for programs.
        reason: &'static str,
        /// Why, for people.
        message: Cow<'static, str>,
    },
    /// Nobody may register here.
    #[error("registration is closed")]
    RegistrationClosed,
    /// Whoever registers here needs an invitation that is good.
    #[error("no invitation that is good: {}", .0.as_str())]
    Invitation(#[from] Uninvited),
    /// The password is right, and must be changed before anybody logs in with it.
    #[error("the password must be changed first")]
    PasswordChangeRequired,
    /// The actor does not have the role `admin`.
    #[error("the actor is not an admin")]
    NotAdmin,
    /// The actor's API key was revoked or has expired.
    #[error("the API key was revoked or has expired")]
    ApiKeyRevoked,
    /// Nobody would be left who may administer.
    #[error("nobody else may administer")]
    LastAdmin,
    /// There is no such thing, or it is not yours.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The account changed while the operation was under way.
    #[error("the account changed meanwhile; try again")]
    Conflict,
    /// More work is waiting than can be done soon.
    #[error("overloaded")]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
    /// The database failed.
    #[error("the database: {0}")]
    Db(#[source] DbError),
    /// A token could not be signed.
    #[error("signing: {0}")]
    Signing(#[from] countersign::SignError),
    /// This node's clock is behind: the time of no signing key has come.
    #[error("this node's clock is behind: every signing key was made in its future")]
    WrongClock,
    /// Something that start-up made sure of is no longer so.
    #[error("{0}")]
    Internal(&'static str),
}

/// The half of the credentials that was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Nobody who may log in has the identifier.
    Identifier,
    /// Somebody has it, with another password or with none.
    Password,
}

/// Why somebody cannot register with an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.as_str())]
pub enum Uninvited {
    /// There is none.
    Missing,
    /// It is none of ours, or long over.
    Unknown,
    /// Somebody registered with it.
    Used,
    /// It was withdrawn.
    Revoked,
    /// It came too late.
    Expired,
    /// It is for another identifier.
    Identifier,
}

impl Uninvited {
    /// The word that stands for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unknown => "unknown",
            Self::Used => "used",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Identifier => "identifier",
        }
    }
}

/// Why a token is not good.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// It does not verify.
    #[error("the token does not verify: {0}")]
    Invalid(#[from] VerifyError),
    /// It is no refresh token of ours.
    #[error("no refresh token of ours")]
    NotARefreshToken,
    /// Its signature is good, and what it stands for is over.
    #[error("the token's session is over: {}", .0.as_str())]
    Ended(EndReason),
    /// This node has been out of touch for too long to know.
    #[error("out of touch with the database")]
    OutOfTouch,
}

impl AsDbError for Error {
    fn as_db_error(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            _ => None,
        }
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Busy(why) => {
                tracing::warn!(why, "the database has too much to do");
                Self::Overloaded { retry_after: Duration::from_secs(1) }
            }
            error => Self::Db(error),
        }
    }
}

impl From<Overloaded> for Error {
    fn from(overloaded: Overloaded) -> Self {
        Self::Overloaded { retry_after: overloaded.retry_after }
    }
}

impl Error {
    /// An identifier that came in the member `field` and cannot be accepted.
    pub fn identifier(field: &'static str, invalid: InvalidIdentifier) -> Self {
        Self::Invalid { field, reason: invalid.reason(), message: invalid.to_string().into() }
    }

    /// A name that came in the member `field` and cannot be accepted.
    pub fn name(field: &'static str, invalid: InvalidName) -> Self {
        Self::Invalid { field, reason: invalid.reason(), message: invalid.to_string().into() }
    }

    /// A proof that failed; a disabled user is as one who does not exist.
    pub fn invalid_credentials(user: Option<&User>) -> Self {
        Self::InvalidCredentials(match user {
            Some(user) if user.is_active() => Half::Password,
            _ => Half::Identifier,
        })
    }

    /// A password that came in the member `field` and cannot be accepted.
    pub fn password(field: &'static str, invalid: InvalidPassword) -> Self {
        Self::Invalid { field, reason: invalid.reason(), message: invalid.to_string().into() }
    }
}
