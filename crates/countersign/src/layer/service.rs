//! The services (tower).

use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::access::{Access, Guarded};
use super::find::Asked;
use super::future::Waiting;
use super::guard::Decision;
use super::{Demand, Denial, Guard, GuardBody, GuardFuture};

/// Lets requests through to the service inside if the guard does, and answers the others.
#[derive(Clone, Debug)]
pub struct GuardService<S> {
    inner: S,
    guard: Guard,
    open: bool,
}

impl<S> GuardService<S> {
    pub(super) fn new(inner: S, guard: Guard, open: bool) -> Self {
        Self { inner, guard, open }
    }

    pub(super) fn lets_everybody_pass(&self, asked: Asked<'_>) -> bool {
        self.open || self.guard.is_public(asked)
    }

    pub(super) fn refuse<B>(&self, denial: &Denial) -> Response<GuardBody<B>> {
        self.guard.answer(denial).map(GuardBody::answer)
    }
}

impl<S, A, B> Service<Request<A>> for GuardService<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone,
    B: Body,
    B::Data: From<bytes::Bytes>,
{
    type Response = Response<GuardBody<B>>;
    type Error = S::Error;
    type Future = GuardFuture<S, A>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let asked = Asked::of(&request);
        if self.lets_everybody_pass(asked) {
            let guarded = Guarded::new(self.guard.clone(), None);
            request.extensions_mut().insert(guarded);
            return GuardFuture::passing(self.inner.call(request));
        }
        match self.guard.decide(asked) {
            Decision::Made(Ok(access)) => {
                admit(&mut request, &self.guard, access);
                GuardFuture::passing(self.inner.call(request))
            }
            Decision::Made(Err(denial)) => GuardFuture::denied(self.guard.answer(&denial)),
            Decision::Pending { checked, in_cookie } => {
                // The service that is ready is the one that must be called.
                let clone = self.inner.clone();
                let inner = mem::replace(&mut self.inner, clone);
                let guard = self.guard.clone();
                GuardFuture::waiting(checked, Waiting { inner, request, guard, in_cookie })
            }
        }
    }
}

/// Leaves word in the request of who it is from.
pub(super) fn admit<A>(request: &mut Request<A>, guard: &Guard, access: Access) {
    let guarded = Guarded::new(guard.clone(), Some(access));
    request.extensions_mut().insert(guarded);
}

/// Lets requests through to the service inside if they were let through before and meet a demand.
#[derive(Clone, Debug)]
pub struct RequireService<S> {
    inner: S,
    guard: Guard,
    demand: Arc<Demand>,
}

impl<S> RequireService<S> {
    pub(super) fn new(inner: S, guard: Guard, demand: Arc<Demand>) -> Self {
        Self { inner, guard, demand }
    }

    fn decide<A>(&self, request: &mut Request<A>) -> Result<(), Denial> {
        let access = Access::of(request.extensions())?;
        self.demand.check(access.claims(), self.guard.now())?;
        if let Some(guarded) = request.extensions_mut().get_mut::<Guarded>() {
            guarded.demands.push(Arc::clone(&self.demand));
        }
        Ok(())
    }
}

impl<S, A, B> Service<Request<A>> for RequireService<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone,
    B: Body,
    B::Data: From<bytes::Bytes>,
{
    type Response = Response<GuardBody<B>>;
    type Error = S::Error;
    type Future = GuardFuture<S, A>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        match self.decide(&mut request) {
            Ok(()) => GuardFuture::passing(self.inner.call(request)),
            Err(denial) => GuardFuture::denied(self.guard.answer(&denial)),
        }
    }
}
