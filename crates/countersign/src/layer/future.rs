//! The future of a guarded call.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::check::Checked;
use super::find::Asked;
use super::service::admit;
use super::{Denial, Guard, GuardBody};
use crate::revocations::Later;

pin_project! {
    /// The future of a guarded call. It allocates nothing where the check needs nobody else.
    pub struct GuardFuture<S, A>
    where
        S: Service<Request<A>>,
    {
        #[pin]
        state: State<S, A, S::Future>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, A, F> {
        Passing { #[pin] future: F },
        Denied { response: Option<Response<Bytes>> },
        Waiting { checked: Later<Result<Checked, Denial>>, rest: Option<Waiting<S, A>> },
    }
}

/// What a call needs once the check is done.
pub(super) struct Waiting<S, A> {
    pub(super) inner: S,
    pub(super) request: Request<A>,
    pub(super) guard: Guard,
    pub(super) in_cookie: bool,
}

impl<S, A> GuardFuture<S, A>
where
    S: Service<Request<A>>,
{
    pub(super) fn passing(future: S::Future) -> Self {
        Self { state: State::Passing { future } }
    }

    pub(super) fn denied(response: Response<Bytes>) -> Self {
        Self { state: State::Denied { response: Some(response) } }
    }

    pub(super) fn waiting(checked: Later<Result<Checked, Denial>>, rest: Waiting<S, A>) -> Self {
        Self { state: State::Waiting { checked, rest: Some(rest) } }
    }
}

impl<S, A> fmt::Debug for GuardFuture<S, A>
where
    S: Service<Request<A>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Passing { .. } => "passing",
            State::Denied { .. } => "denied",
            State::Waiting { .. } => "waiting",
        };
        f.debug_tuple("GuardFuture").field(&state).finish()
    }
}

impl<S, A, B> Future for GuardFuture<S, A>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: Body,
    B::Data: From<Bytes>,
{
    type Output = Result<Response<GuardBody<B>>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Passing { future } => {
                    let response = ready!(future.poll(context))?;
                    return Poll::Ready(Ok(response.map(GuardBody::inner)));
                }
                StateProjection::Denied { response } => {
                    let response = response.take().expect("a future is not polled after its end");
                    return Poll::Ready(Ok(response.map(GuardBody::answer)));
                }
                StateProjection::Waiting { checked, rest } => {
                    let checked = ready!(checked.as_mut().poll(context));
                    rest.take().expect("a check ends once").go_on(checked)
                }
            };
            state.set(next);
        }
    }
}

impl<S, A> Waiting<S, A>
where
    S: Service<Request<A>>,
{
    fn go_on(self, checked: Result<Checked, Denial>) -> State<S, A, S::Future> {
        let Self { mut inner, mut request, guard, in_cookie } = self;
        let asked = Asked::of(&request);
        match checked.and_then(|checked| guard.settle(asked, checked, in_cookie)) {
            Ok(access) => {
                admit(&mut request, &guard, access);
                State::Passing { future: inner.call(request) }
            }
            Err(denial) => State::Denied { response: Some(guard.answer(&denial)) },
        }
    }
}
