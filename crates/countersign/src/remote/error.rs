//! Why nothing new came from a server.

use std::sync::Arc;

use thiserror::Error;

use crate::error::{JwkSetError, VerifyError};

/// Why nothing new came from a server. What was known before is kept.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FetchError {
    /// It cannot be reached, or its certificate is not one that this machine trusts.
    #[error("the server cannot be reached: {0}")]
    Unreachable(Arc<str>),
    /// The answer, or the next part of it, took too long.
    #[error("the server took too long to answer")]
    TimedOut,
    /// The answer broke off.
    #[error("the answer broke off")]
    BrokenOff,
    /// The answer is no success. A redirect is none: it is not followed.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// The answer is not of the type that was asked for.
    #[error("the answer is not of the type {wanted}")]
    MediaType {
        /// What was asked for.
        wanted: &'static str,
    },
    /// The answer is larger than it may be.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// How large it may be.
        limit: usize,
    },
    /// The answer is no JWK set with keys that verify.
    #[error(transparent)]
    JwkSet(#[from] JwkSetError),
    /// A line of the answer is not what the feed's description says.
    #[error("the feed is not well formed")]
    Malformed,
    /// The signature of the revocations does not verify.
    #[error("the signature of the revocations: {0}")]
    Signature(#[from] VerifyError),
    /// The signature of the revocations is of another answer, or of a part of this one.
    #[error("the revocations are not those that were signed")]
    OtherContent,
    /// The key that signed the revocations cannot be had now.
    #[error("the key of the revocations cannot be had now")]
    NoKey,
}

impl FetchError {
    /// What went wrong with a request or with an answer.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::TimedOut;
        }
        if error.is_body() || error.is_decode() {
            return Self::BrokenOff;
        }
        // The cause says more than reqwest, which repeats the address.
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Self::Unreachable(cause.to_string().into())
    }
}
