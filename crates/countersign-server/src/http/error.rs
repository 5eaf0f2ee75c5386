//! The one bridge from the domain's errors to the native API's responses.

use countersign::layer::{Ambiguity, CsrfFault, Denial, TokenType};

use super::code::{self, Code};
use super::problem::Problem;
use crate::error::{Error, Refusal, Uninvited};
use crate::operations::api_keys::KeyRefusal;

/// What every token that does not verify is answered, whatever is wrong with it.
const INVALID_TOKEN: &str = "The token is not valid.";

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => Self::from(refusal),
            Error::InvalidCredentials(_) => {
                Self::new(code::INVALID_CREDENTIALS, "The identifier or the password is wrong.")
            }
            Error::TooManyAttempts { retry_after } => Self::new(
                code::TOO_MANY_ATTEMPTS,
                "Too many attempts failed. Wait as long as Retry-After says.",
            )
            .retry_after(retry_after),
            Error::TooManyRequests { retry_after } => Self::new(
                code::TOO_MANY_REQUESTS,
                "Too many of these requests came from your network. Wait as long as Retry-After says.",
            )
            .retry_after(retry_after),
            Error::IdentifierTaken(field) => {
                Self::new(code::IDENTIFIER_TAKEN, "Somebody is registered with this already.")
                    .field(field)
            }
            Error::Invalid { field, reason, message } => {
                Self::new(code::INVALID_FIELD, sentence(&message)).field(field).reason(reason)
            }
            Error::RegistrationClosed => {
                Self::new(code::REGISTRATION_CLOSED, "Nobody can register here.")
            }
            Error::Invitation(uninvited) => Self::from(uninvited),
            Error::PasswordChangeRequired => Self::new(
                code::PASSWORD_CHANGE_REQUIRED,
                "The password must be changed first: POST /v1/password.",
            ),
            Error::NotAdmin => {
                Self::new(code::ROLE_MISSING, "This is for users with the role `admin`.")
            }
            Error::ApiKeyRevoked => Self::from(KeyRefusal::Unknown),
            Error::LastAdmin => {
                Self::new(code::LAST_ADMIN, "Nobody else may administer. Make another admin first.")
            }
            Error::NotFound(what) => {
                Self::new(code::NOT_FOUND, format!("There is no such {what}."))
            }
            Error::Conflict => Self::new(
                code::CONFLICT,
                "The account changed while this was under way. Log in again.",
            ),
            Error::Overloaded { retry_after } => {
                let detail = "Too much is waiting to be done. Try again.";
                Self::new(code::OVERLOADED, detail).retry_after(retry_after)
            }
            Error::Db(error) if error.is_unavailable() => {
                tracing::warn!(%error, "the database is unavailable");
                unavailable()
            }
            Error::WrongClock => wrong_clock(),
            Error::Db(_) | Error::Signing(_) | Error::Internal(_) => {
                tracing::error!(%error, "a request failed");
                Self::internal()
            }
        }
    }
}

impl From<Uninvited> for Problem {
    fn from(uninvited: Uninvited) -> Self {
        match uninvited {
            Uninvited::Missing => {
                Self::new(code::INVITATION_REQUIRED, "Whoever registers here needs an invitation.")
            }
            uninvited => {
                Self::new(code::INVITATION_INVALID, "Nobody can register with this invitation.")
                    .reason(uninvited.as_str())
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotARefreshToken => {
                Self::new(code::INVALID_GRANT, "The refresh token is not valid.")
            }
            refusal => Self::from(Denial::from(refusal)).of_no_access_token(),
        }
    }
}

/// What a guard refused, in the words of a guard.
impl From<Refusal> for Denial {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(error) => Self::Invalid(error),
            Refusal::NotARefreshToken => Self::WrongType { wanted: TokenType::Refresh },
            Refusal::Ended(reason) => Self::Ended(reason),
            Refusal::OutOfTouch => Self::OutOfTouch,
        }
    }
}

impl From<Denial> for Problem {
    fn from(denial: Denial) -> Self {
        let problem = match &denial {
            Denial::Missing(_) => {
                Self::new(code::TOKEN_MISSING, "Send an access token: Authorization: Bearer …")
                    .challenge(None)
            }
            Denial::Malformed { .. }
            | Denial::Invalid(_)
            | Denial::WrongType { .. }
            | Denial::NoUser { .. } => {
                Self::new(code::INVALID_TOKEN, INVALID_TOKEN).challenge(Some("invalid_token"))
            }
            Denial::Ended(reason) => Self::new(code::INVALID_TOKEN, INVALID_TOKEN)
                .reason(reason.as_str())
                .challenge(Some("invalid_token")),
            Denial::Ambiguous(ambiguity) => ambiguous(*ambiguity),
            Denial::Csrf(fault) => Self::new(csrf(*fault), sentence(&fault.to_string())),
            Denial::OutOfTouch => unavailable(),
            denial => {
                tracing::error!(%denial, "a guard refused what it was not set up to refuse");
                Self::internal()
            }
        };
        problem.because_of(denial)
    }
}

fn csrf(fault: CsrfFault) -> Code {
    match fault {
        CsrfFault::MissingHeader => code::CSRF_MISSING,
        CsrfFault::Mismatch => code::CSRF_MISMATCH,
        _ => code::CSRF_ORIGIN,
    }
}

/// A request in which it cannot be said which token counts (RFC 6750, section 2).
fn ambiguous(ambiguity: Ambiguity) -> Problem {
    let detail = match ambiguity {
        Ambiguity::TwoTokens => {
            "The request carries two different tokens, in a header and in a cookie.".to_owned()
        }
        Ambiguity::TwoHeaders => "The request carries two Authorization headers.".to_owned(),
        other => sentence(&other.to_string()),
    };
    Problem::new(code::INVALID_REQUEST, detail).challenge(Some("invalid_request"))
}

/// A cause as a sentence.
fn sentence(cause: &str) -> String {
    let mut rest = cause.chars();
    let first = rest.next().map(char::to_uppercase);
    let end = if cause.ends_with('.') { "" } else { "." };
    first.into_iter().flatten().chain(rest).chain(end.chars()).collect()
}

/// This node must not serve until its clock is set; others may.
pub(super) fn wrong_clock() -> Problem {
    Problem::new(
        code::CLOCK_SKEW,
        "The clock of this server is wrong. Try again later, or another server.",
    )
    .retry_after(std::time::Duration::from_secs(5))
}

/// This node cannot know, or cannot write: the client may try again soon, here or elsewhere.
fn unavailable() -> Problem {
    Problem::new(code::UNAVAILABLE, "The service is out of touch with its database. Try again.")
        .retry_after(std::time::Duration::from_secs(1))
}
