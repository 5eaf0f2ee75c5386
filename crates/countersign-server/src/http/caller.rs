//! Who asks, from where, and when.

use std::convert::Infallible;

use axum::extract::{FromRef, FromRequestParts};
use countersign::layer::Access;
use http::header::USER_AGENT;
use http::request::Parts;

use super::address::ClientAddress;
use super::openapi::Input;
use crate::app::App;
use crate::operations::{AGENT_LENGTH, Caller};

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    App: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(caller(parts, &App::from_ref(state)))
    }
}

impl Input for Caller {}

/// The caller of a request. The clock is read here, after the body has arrived; operations read it
/// again only for the time of events.
pub fn caller(parts: &Parts, app: &App) -> Caller {
    let agent = parts.headers.get(USER_AGENT).map(|agent| {
        let agent = String::from_utf8_lossy(agent.as_bytes());
        agent.chars().filter(|c| !c.is_control()).take(AGENT_LENGTH).collect()
    });
    let address = parts.extensions.get::<ClientAddress>().map(|address| address.ip());
    let access = Access::of(&parts.extensions).ok();
    let session_id = access.and_then(|access| access.claims().session_id()).map(str::to_owned);
    Caller { now: app.clock.now(), address, agent, actor: None, session_id, action: None }
}
