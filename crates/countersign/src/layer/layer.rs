//! The layers (tower).

use std::sync::Arc;

use tower_layer::Layer;

use super::{BodyGuardLayer, Demand, Guard, GuardService, RequireService};

/// Puts a [`GuardService`] around a service; see [`Guard::layer`].
#[derive(Clone, Debug)]
pub struct GuardLayer {
    guard: Guard,
    open: bool,
}

impl GuardLayer {
    pub(super) fn new(guard: Guard, open: bool) -> Self {
        Self { guard, open }
    }

    /// Looks for the token in a member of a JSON body as well, after the other places. Bodies of more
    /// than 64 KiB are refused with 413.
    ///
    /// It reads them on public paths as well, for extractors that look at a token there. A larger one
    /// passes there unread if it says how large it is, and those extractors refuse it.
    ///
    /// The guard must hold the whole body of a client that is not known yet, and what is in a body is
    /// easily logged: for clients that cannot set a header only.
    pub fn reading_json(self, member: &str) -> BodyGuardLayer {
        BodyGuardLayer::new(self, member)
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> GuardService<S> {
        GuardService::new(inner, self.guard.clone(), self.open)
    }
}

/// Puts a [`RequireService`] around a service; see [`Guard::require`].
#[derive(Clone, Debug)]
pub struct RequireLayer {
    guard: Guard,
    demand: Arc<Demand>,
}

impl RequireLayer {
    pub(super) fn new(guard: Guard, demand: Demand) -> Self {
        Self { guard, demand: Arc::new(demand) }
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = RequireService<S>;

    fn layer(&self, inner: S) -> RequireService<S> {
        RequireService::new(inner, self.guard.clone(), Arc::clone(&self.demand))
    }
}
