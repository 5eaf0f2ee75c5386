//! The one bridge from the domain's errors to the native API's responses.

use countersign::layer::{Ambiguity, Denial, TokenType};
use http::StatusCode;

use super::problem::Problem;
use crate::error::{Error, Refusal, Uninvited};

/// What every token that does not verify is answered, whatever is wrong with it.
const INVALID_TOKEN: &str = "The token is not valid.";

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let conflict = |code, detail| Self::new(StatusCode::CONFLICT, code, detail);
        match error {
            Error::Refused(refusal) => Self::from(refusal),
            Error::InvalidCredentials(_) => Self::new(
                StatusCode::UNAUTHORIZED,
                "invalid_credentials",
                "The identifier or the password is wrong.",
            ),
            Error::TooManyAttempts { retry_after } => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_attempts",
                "Too many attempts failed. Wait as long as Retry-After says.",
            )
            .retry_after(retry_after),
            Error::IdentifierTaken(field) => {
                conflict("identifier_taken", "Somebody is registered with this already.")
                    .field(field)
            }
            Error::Invalid { field, reason, message } => {
                let status = StatusCode::BAD_REQUEST;
                Self::new(status, "invalid_field", sentence(&message)).field(field).reason(reason)
            }
            Error::RegistrationClosed => {
                forbidden("registration_closed", "Nobody can register here.")
            }
            Error::Invitation(uninvited) => Self::from(uninvited),
            Error::PasswordChangeRequired => forbidden(
                "password_change_required",
                "The password must be changed first: POST /v1/password.",
            ),
            Error::LastAdmin => {
                conflict("last_admin", "Nobody else may administer. Make another admin first.")
            }
            Error::NotFound(what) => {
                let detail = format!("There is no such {what}.");
                Self::new(StatusCode::NOT_FOUND, "not_found", detail)
            }
            Error::Conflict => {
                conflict("conflict", "The account changed while this was under way. Log in again.")
            }
            Error::Overloaded { retry_after } => {
                let detail = "Too much is waiting to be done. Try again.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
                    .retry_after(retry_after)
            }
            Error::Db(error) if error.is_unavailable() => {
                tracing::warn!(%error, "the database is unavailable");
                unavailable()
            }
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
                forbidden("invitation_required", "Whoever registers here needs an invitation.")
            }
            uninvited => {
                forbidden("invitation_invalid", "Nobody can register with this invitation.")
                    .reason(uninvited.as_str())
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotARefreshToken => Self::new(
                StatusCode::UNAUTHORIZED,
                "invalid_grant",
                "The refresh token is not valid.",
            ),
            refusal => Denial::from(refusal).into(),
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
        let unauthorized = |code, detail| Self::new(StatusCode::UNAUTHORIZED, code, detail);
        match denial {
            Denial::Missing(_) => {
                unauthorized("token_missing", "Send an access token: Authorization: Bearer …")
                    .challenge(None)
            }
            Denial::Malformed { .. }
            | Denial::Invalid(_)
            | Denial::WrongType { .. }
            | Denial::NoUser { .. } => {
                unauthorized("invalid_token", INVALID_TOKEN).challenge(Some("invalid_token"))
            }
            Denial::Ended(reason) => unauthorized("invalid_token", INVALID_TOKEN)
                .reason(reason.as_str())
                .challenge(Some("invalid_token")),
            Denial::Ambiguous(ambiguity) => ambiguous(ambiguity),
            Denial::Csrf(fault) => {
                Self::new(StatusCode::FORBIDDEN, fault.code(), sentence(&fault.to_string()))
            }
            Denial::OutOfTouch => unavailable(),
            denial => {
                tracing::error!(%denial, "a guard refused what it was not set up to refuse");
                Self::internal()
            }
        }
    }
}

fn forbidden(code: &'static str, detail: &'static str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, code, detail)
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
    Problem::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
        .challenge(Some("invalid_request"))
}

/// A cause as a sentence.
fn sentence(cause: &str) -> String {
    let mut rest = cause.chars();
    let first = rest.next().map(char::to_uppercase);
    let end = if cause.ends_with('.') { "" } else { "." };
    first.into_iter().flatten().chain(rest).chain(end.chars()).collect()
}

/// This node cannot know, or cannot write: the client may try again soon, here or elsewhere.
fn unavailable() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "The service is out of touch with its database. Try again.",
    )
    .retry_after(std::time::Duration::from_secs(1))
}
