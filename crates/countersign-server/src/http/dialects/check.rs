//! Whether a token of a dialect is good: one that was minted here, or, while the configuration says
//! so, by the older system. Only the latter ask the database.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use countersign::axum::Rejection;
use countersign::layer::{Access, Check, Checked, Checking, Denial};
use countersign::{Claims, EndReason, Verified};
use http::request::Parts;

use super::Dialect;
use super::legacy::Legacy;
use crate::error::Refusal;
use crate::operations::legacy::Owner;

/// The check of the guard before the dialect's routes.
impl Check for Dialect {
    fn check(&self, token: &str, now: i64) -> Checking {
        let denial = match self.0.tokens.check(token, now) {
            Checking::Done(Err(denial)) => denial,
            Checking::Done(Ok(checked)) => return Checking::Done(Ok(self.see(checked))),
            pending @ Checking::Pending(_) => return pending,
        };
        match self.0.legacy.as_ref().and_then(|tokens| tokens.verify(token, now)) {
            None => Checking::Done(Err(denial)),
            Some(Err(denial)) => Checking::Done(Err(denial)),
            Some(Ok(verified)) => {
                let (dialect, token) = (self.clone(), token.to_owned());
                Checking::Pending(Box::pin(async move { dialect.admit(verified, &token).await }))
            }
        }
    }
}

impl Dialect {
    fn see(&self, checked: Checked) -> Checked {
        let verified = checked.verified();
        match checked.refusal() {
            Some(Denial::Ended(reason)) => {
                let denial = self.over(*reason, &verified.claims);
                Checked::refused(Arc::clone(verified), denial)
            }
            Some(_) => checked,
            None => {
                if let Some(session_id) = verified.claims.session_id()
                    && self.0.definition.mirror.is_some()
                {
                    self.app().expect_copy(session_id);
                }
                checked
            }
        }
    }

    async fn admit(&self, verified: Arc<Verified>, token: &str) -> Result<Checked, Denial> {
        let Some(tokens) = &self.0.legacy else { return Err(Denial::OutOfTouch) };
        Ok(match tokens.admit(self.app(), token, &verified).await {
            Ok(legacy) => Checked::new(verified).attach(legacy),
            // It does not say whose it is.
            Err(Refusal::Invalid(error)) => return Err(error.into()),
            Err(refusal) => {
                let denial = self.refused(refusal, &verified.claims);
                Checked::refused(verified, denial)
            }
        })
    }

    /// A token that was found good, with what is known of it where the older system minted it.
    pub fn bearer(&self, verified: &Arc<Verified>, legacy: Option<&Legacy>) -> Bearer {
        let owner = self.0.definition.legacy.owner;
        Bearer { verified: Arc::clone(verified), owner, legacy: legacy.cloned() }
    }

    /// Why a token with these claims is not taken.
    pub fn refused(&self, refusal: Refusal, claims: &Claims) -> Denial {
        match refusal {
            Refusal::Ended(reason) => self.over(reason, claims),
            refusal => refusal.into(),
        }
    }

    /// A token is over, or its user is gone, which the older systems told apart.
    fn over(&self, reason: EndReason, claims: &Claims) -> Denial {
        match reason {
            EndReason::Deleted | EndReason::Disabled => {
                let owner = (self.0.definition.legacy.owner)(claims);
                let subject = owner.map(|owner| owner.to_string()).unwrap_or_default();
                Denial::NoUser { subject }
            }
            reason => Denial::Ended(reason),
        }
    }
}

/// A token of the dialect's that is good.
#[derive(Clone, Debug)]
pub struct Bearer {
    verified: Arc<Verified>,
    owner: fn(&Claims) -> Option<Owner>,
    legacy: Option<Legacy>,
}

impl Bearer {
    /// What the token says.
    pub fn claims(&self) -> &Claims {
        &self.verified.claims
    }

    /// The session that the token belongs to; the older system's belong to none.
    pub fn session_id(&self) -> Option<&str> {
        self.claims().session_id()
    }

    /// What is known of it where the older system minted it.
    pub fn legacy(&self) -> Option<&Legacy> {
        self.legacy.as_ref()
    }

    /// Whose it is, as far as that is known without a look into the database.
    pub fn owner(&self) -> Option<Owner> {
        match &self.legacy {
            Some(legacy) => Some(Owner::Id(legacy.user.id.clone())),
            None => (self.owner)(self.claims()),
        }
    }
}

/// What the guard found good.
impl FromRequestParts<Dialect> for Bearer {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, dialect: &Dialect) -> Result<Self, Rejection> {
        let access = Access::from_request_parts(parts, dialect).await?;
        Ok(dialect.bearer(access.verified(), access.attachment()))
    }
}
