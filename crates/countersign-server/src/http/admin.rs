//! Who the request is from, where only an admin may ask.

use axum::extract::FromRequestParts;
use countersign::EndReason;
use countersign::layer::Denial;
use http::request::Parts;

use super::caller::caller;
use super::code;
use super::identity::{Identity, or_deleted};
use super::openapi::{Input, Operation};
use super::problem::Problem;
use crate::app::App;
use crate::error::Error;
use crate::operations::Caller;
use crate::operations::actor::Actor;

/// An admin with a good access token.
///
/// The user's row is read, so that whoever was demoted is refused from the next request on, though
/// their token lives. Somebody else is refused with 403, whatever they ask for, and that is an
/// event.
#[derive(Clone, Debug)]
pub struct Admin {
    caller: Caller,
}

impl Admin {
    /// The admin as what they do is recorded.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let identity = Identity::from_request_parts(parts, app).await?;
        let caller = caller(parts, app);
        let user = app.user(identity.user_id()).await.map_err(or_deleted)?;
        if !user.is_active() {
            return Err(Denial::Ended(EndReason::Disabled).into());
        }
        if !user.is_admin() {
            app.count_refusal(&caller, ("admin_refused", "not_admin"), &user.id).await?;
            return Err(Error::NotAdmin.into());
        }
        let session_id = Some(identity.session_id().to_owned());
        let actor = Actor::Admin { user_id: user.id, session_id };
        Ok(Self { caller: Caller { actor: Some(actor), ..caller } })
    }
}

impl Input for Admin {
    fn describe(operation: Operation) -> Operation {
        Identity::describe(operation).refuses([code::ROLE_MISSING])
    }

    async fn admit(parts: &mut Parts, app: &App) -> Result<(), Problem> {
        Self::from_request_parts(parts, app).await.map(drop)
    }
}
