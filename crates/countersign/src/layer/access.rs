//! Who a request is from.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use http::Extensions;

use super::{Checked, Demand, Denial, Guard};
use crate::claims::Claims;
use crate::verifier::Verified;

/// Who a request is from: a token that a guard found good. There is no other way to get one.
#[derive(Clone)]
pub struct Access {
    checked: Checked,
    in_cookie: bool,
}

impl Access {
    pub(super) fn new(checked: Checked, in_cookie: bool) -> Self {
        Self { checked, in_cookie }
    }

    /// The access that a guard granted to the request with these extensions: for services without
    /// axum's extractors.
    ///
    /// [`Denial::Unprotected`] where no guard stands before the route, and [`Denial::Missing`] on a
    /// public one, where no token was looked at.
    pub fn of(extensions: &Extensions) -> Result<&Self, Denial> {
        let Guarded { access, .. } = extensions.get().ok_or(Denial::Unprotected)?;
        access.as_ref().ok_or_else(|| Denial::Missing(Vec::new()))
    }

    /// The token's claims.
    pub fn claims(&self) -> &Claims {
        &self.checked.verified().claims
    }

    /// The token, with the key that it was signed with.
    pub fn verified(&self) -> &Arc<Verified> {
        self.checked.verified()
    }

    /// Whether only a cookie carried the token: then unsafe requests went through the CSRF check.
    pub fn is_by_cookie(&self) -> bool {
        self.in_cookie
    }

    /// What the check gave along.
    pub fn attachment<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.checked.attachment()
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("checked", &self.checked)
            .field("in_cookie", &self.in_cookie)
            .finish()
    }
}

/// What a guard leaves in the extensions of a request that it lets through.
#[derive(Clone)]
pub(crate) struct Guarded {
    pub(crate) guard: Guard,
    /// `None` on a public route, where the token was not looked at.
    pub(crate) access: Option<Access>,
    /// The demands of the layers of [`Guard::require`], for [`Guard::check_again`].
    pub(super) demands: Vec<Arc<Demand>>,
}

impl Guarded {
    pub(super) fn new(guard: Guard, access: Option<Access>) -> Self {
        Self { guard, access, demands: Vec::new() }
    }
}
