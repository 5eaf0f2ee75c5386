//! What can go wrong.

use thiserror::Error;

use crate::error::SignError;
use crate::reason::EndReason;

/// Why there is no session, or no pair.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SessionError<E> {
    /// What was presented is no refresh token of ours. Nothing was looked up.
    #[error("it is no refresh token")]
    NotARefreshToken,
    /// The session is over. A token that came twice has ended it now
    /// ([`EndReason::RefreshReuse`]).
    #[error("the session is over: {0}")]
    Ended(EndReason),
    /// The token belongs to no session, or the user has none with this id.
    #[error("there is no such session")]
    NotFound,
    /// Many tried to refresh the session at once, and this one lost again and again. It may try
    /// later: the answer is 503, never 401.
    #[error("the session is being refreshed by others")]
    Contended,
    /// No token could be minted.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The store failed.
    #[error("the store of sessions failed")]
    Store(#[source] E),
}

/// Why [`Sessions`](super::Sessions) cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A life, or the bound of staleness, of less than a second.
    #[error("`{0}` is less than a second")]
    TooShort(&'static str),
    /// The first lives longer than the second, which bounds it.
    #[error("`{0}` is longer than `{1}`")]
    LongerThan(&'static str, &'static str),
    /// The users may have no session at all.
    #[error("`max_per_user` is zero")]
    NoRoom,
    /// The issuer does not say who it is, or whom its tokens are for, which access tokens must
    /// (RFC 9068, section 2.2).
    #[error("the issuer has no `{0}`")]
    Issuer(&'static str),
}
