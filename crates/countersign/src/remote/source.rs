//! What a verifier does about a key that it does not know.

use std::sync::Arc;

use crate::error::VerifyError;
use crate::revocations::Later;
use crate::verifier::{Verified, Verifier};

/// Where a ring's missing keys may be had.
pub(crate) trait KeySource: Send + Sync {
    /// Looks for the key that a token names, or finds that this would be in vain.
    fn seek(self: Arc<Self>, kid: Option<&str>) -> Seek;
}

/// What comes of a look, at once or later.
pub(crate) enum Seek {
    Now(Sought),
    Later(Later<Sought>),
}

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sought {
    /// The ring is as the issuer says: whoever does not find the key there does not find it.
    Looked,
    /// The issuer cannot be asked now.
    OutOfTouch,
}

/// Why a token does not verify, once its key was looked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Unverified {
    Refused(VerifyError),
    /// Nobody can say whether its key is one.
    OutOfTouch,
}

/// Verifies again a token that failed with `error`, after one look for its key; `None` where a look
/// would not help.
pub(crate) fn verify_after_look(
    verifier: &Verifier,
    (token, now): (&str, i64),
    error: &VerifyError,
) -> Option<Later<Result<Arc<Verified>, Unverified>>> {
    let VerifyError::UnknownKey { kid } = error else { return None };
    let seek = verifier.keys().source()?.seek(kid.as_deref());
    let (verifier, token) = (verifier.clone(), token.to_owned());
    Some(Box::pin(async move {
        let sought = match seek {
            Seek::Now(sought) => sought,
            Seek::Later(later) => later.await,
        };
        match (verifier.verify(&token, now), sought) {
            (Err(VerifyError::UnknownKey { .. }), Sought::OutOfTouch) => {
                Err(Unverified::OutOfTouch)
            }
            (judged, _) => judged.map_err(Unverified::Refused),
        }
    }))
}
