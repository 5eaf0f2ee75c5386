//! While this node's clock is wrong, its routes answer 503 and do nothing.

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use bytes::Bytes;
use countersign::layer::{Denial, Guard};

use super::code;
use super::error::wrong_clock;
use crate::app::App;

/// Writes the 503 in the form that the clients of a route know.
pub type Refusal = fn(&Guard) -> http::Response<Bytes>;

#[derive(Clone)]
struct Gate {
    app: App,
    guard: Guard,
    refusal: Refusal,
}

/// Puts the gate before a route.
pub fn before<S>(
    handler: MethodRouter<S>,
    app: &App,
    (guard, refusal): (Guard, Refusal),
) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let gate = Gate { app: app.clone(), guard, refusal };
    handler.route_layer(from_fn_with_state(gate, pass))
}

async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    if gate.app.has_wrong_clock() {
        return (gate.refusal)(&gate.guard).map(axum::body::Body::from).into_response();
    }
    next.run(request).await
}

/// The refusal of the native API.
pub fn native(_: &Guard) -> http::Response<Bytes> {
    wrong_clock().into_http()
}

/// The refusal of a dialect: what its clients are told whenever the server cannot decide.
pub fn dialect(guard: &Guard) -> http::Response<Bytes> {
    let mut response = guard.answer(&Denial::OutOfTouch);
    // No token was refused.
    response.extensions_mut().remove::<Denial>();
    response.extensions_mut().insert(code::CLOCK_SKEW);
    response
}

impl App {
    /// Whether this node's clock is so wrong that it must not serve.
    pub fn has_wrong_clock(&self) -> bool {
        self.shared_clock.excess().is_some() || self.keys.are_all_of_the_future(self.clock.now())
    }

    /// What is wrong with this node's clock, if it must not serve.
    pub fn clock_fault(&self) -> Option<String> {
        if let Some(excess) = self.shared_clock.excess() {
            return Some(format!("This node's clock is {excess} the database's clock."));
        }
        self.has_wrong_clock().then(|| {
            "This node's clock is behind: every signing key was made in its future.".into()
        })
    }
}
