//! Reads the body of each request before its handler runs, and asks the guard again after it.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use countersign::layer::{Access, Guard};
use futures::future::BoxFuture;
use futures::{FutureExt as _, stream};
use http::Method;
use http::request::Parts;
use http_body::Body as _;

use super::json::{collect, fault};
use super::openapi::Inputs;
use super::problem::Problem;
use super::server::BodyLimit;
use crate::app::App;

/// Refuses a request by its head, or returns the head.
pub type Admit = fn(Parts, App) -> BoxFuture<'static, Result<Parts, Problem>>;

/// The check of a request's head for a handler that takes `T`.
pub(super) fn admit<T: Inputs + 'static>(
    mut parts: Parts,
    app: App,
) -> BoxFuture<'static, Result<Parts, Problem>> {
    async move { T::admit(&mut parts, &app).await.map(|()| parts) }.boxed()
}

/// Middleware inside of a route's guard. The guard has checked the head, so no body is read for a bad
/// token.
///
/// A client may hold its body back for a long time. Meanwhile the session may end, the API key may be
/// revoked, and the token may expire. So the body is read first, then the guard decides again, and
/// only then the handler's extractors run and read the clock.
///
/// If the body cannot be read, the handler gets a body that fails in the same way, and answers in its
/// own format. The body of a `GET` is never read.
pub(super) async fn when_whole(
    State((app, admit)): State<(App, Option<Admit>)>,
    request: Request,
    next: Next,
) -> Response {
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    if reads || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    if let Some(admit) = admit {
        parts = match admit(parts, app).await {
            Ok(parts) => parts,
            Err(problem) => return problem.into_response(),
        };
    }
    if Access::of(&parts.extensions).is_ok() {
        BodyLimit::raise(&parts.extensions);
    }
    let body = match collect(body).await {
        Ok(bytes) => Body::from(bytes),
        Err(error) => {
            let fault = fault(&error);
            Body::from_stream(stream::once(async move { Err::<Bytes, _>(fault) }))
        }
    };
    if let Err(denial) = Guard::check_again(&mut parts).await {
        let answered = Guard::of(&parts.extensions).map(|guard| guard.answer(&denial));
        return match answered {
            Ok(answer) => answer.map(Body::from),
            Err(denial) => Problem::from(denial).into_response(),
        };
    }
    next.run(Request::from_parts(parts, body)).await
}
