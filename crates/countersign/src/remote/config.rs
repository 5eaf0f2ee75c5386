//! What is wrong with the configuration of something remote. It is told when that is built.

use std::time::Duration;

use thiserror::Error;

/// Why keys or revocations cannot be had from there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SetupError {
    /// Not an address.
    #[error("`{0}` is not an http or https URL without user, password and fragment")]
    Url(String),
    /// What is fetched decides who is let in, so nobody on the way may change it.
    #[error("`{0}` must be https: plain http is for this machine alone")]
    Insecure(String),
    /// An API key is a short text that can stand in a header.
    #[error("the API key cannot stand in a header")]
    ApiKey,
    /// A duration is out of its bounds.
    #[error("{name} must be between {least:?} and {most:?}")]
    Duration {
        /// Which one.
        name: &'static str,
        /// The shortest that is taken.
        least: Duration,
        /// The longest that is taken.
        most: Duration,
    },
    /// A bound on size is out of its own bounds.
    #[error("{name} must be at least {least}")]
    Size {
        /// Which one.
        name: &'static str,
        /// The smallest that is taken.
        least: usize,
    },
    /// RSA keys can be for an RSA algorithm only.
    #[error("rsa_algorithm must be RS256 or PS256")]
    RsaAlgorithm,
    /// There is no tokio runtime to work in.
    #[error("it must be built within a tokio runtime")]
    NoRuntime,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
}

/// Fails unless the duration lies within these bounds.
pub(super) fn within(
    name: &'static str,
    duration: Duration,
    (least, most): (Duration, Duration),
) -> Result<(), SetupError> {
    if (least..=most).contains(&duration) {
        Ok(())
    } else {
        Err(SetupError::Duration { name, least, most })
    }
}
