//! Between hyper and the router: refuses what no route should see.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use axum::response::IntoResponse;
use futures::future::BoxFuture;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::service::Service;
use tower::Service as _;

use super::body::{Answer, Bounded, ClientBudget};
use super::watch::Watch;
use super::{Limits, Peer, Stopping, head};
use crate::http::cors;

/// The service of one connection.
pub(super) struct Gate {
    pub(super) router: Router,
    pub(super) limits: Arc<Limits>,
    pub(super) budget: ClientBudget,
    pub(super) watch: Arc<Watch>,
    pub(super) stopping: Stopping,
}

impl Service<Request<Incoming>> for Gate {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let busy = self.watch.busy();
        let limits = Arc::clone(&self.limits);
        let refusal = head::check(&request, &limits)
            .map(|problem| (problem, cors::single_origin(request.headers()).cloned()));
        let (parts, body) = request.into_parts();
        let mut request = Request::from_parts(parts, Body::empty());
        let finished = self.attach(body, &mut request);
        request.extensions_mut().insert(Peer(self.budget.peer));
        request.extensions_mut().insert(self.stopping.clone());
        let mut router = self.router.clone();
        Box::pin(async move {
            let (mut response, is_refused) = match refusal {
                Some((problem, origin)) => {
                    let mut response = problem.into_response();
                    limits.cors.add_headers(origin.as_ref(), response.headers_mut());
                    (response, true)
                }
                None => match router.call(request).await {
                    Ok(response) => (response, false),
                    Err(never) => match never {},
                },
            };
            // What was not read would be taken for the next request.
            if is_refused || finished.is_some_and(|finished| !finished.load(Ordering::Relaxed)) {
                busy.answer_is_last();
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Ok(response.map(|inner| Answer { inner, _busy: busy }))
        })
    }
}

impl Gate {
    /// Gives the request its body, bounded; a flag that says whether it has been read to its end.
    fn attach(&self, body: Incoming, request: &mut Request<Body>) -> Option<Arc<AtomicBool>> {
        if body.is_end_stream() {
            return None;
        }
        let watch = Arc::clone(&self.watch);
        let body = Bounded::new(body, &self.limits, self.budget.clone(), watch);
        let finished = body.finished();
        request.extensions_mut().insert(body.limit());
        *request.body_mut() = Body::new(body);
        Some(finished)
    }
}
