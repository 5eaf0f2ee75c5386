//! Tokens in a JSON body.

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use serde_json::Value;
use tower_layer::Layer;
use tower_service::Service;

use super::find::{Asked, JsonToken};
use super::{Absence, BodyFault, GuardBody, GuardLayer, GuardService};
use crate::json;

const MAX_BODY: usize = 64 * 1024;

/// Puts a [`BodyGuardService`] around a service; see [`GuardLayer::reading_json`].
#[derive(Clone, Debug)]
pub struct BodyGuardLayer {
    layer: GuardLayer,
    member: Arc<str>,
}

impl BodyGuardLayer {
    pub(super) fn new(layer: GuardLayer, member: &str) -> Self {
        Self { layer, member: member.into() }
    }
}

impl<S> Layer<S> for BodyGuardLayer {
    type Service = BodyGuardService<S>;

    fn layer(&self, inner: S) -> BodyGuardService<S> {
        BodyGuardService { inner: self.layer.layer(inner), member: Arc::clone(&self.member) }
    }
}

/// A [`GuardService`] that looks into JSON bodies as well. What it reads, the service inside reads
/// again.
#[derive(Clone, Debug)]
pub struct BodyGuardService<S> {
    inner: GuardService<S>,
    member: Arc<str>,
}

impl<S, A, B> Service<Request<A>> for BodyGuardService<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    A: Body + From<Bytes> + Send + 'static,
    A::Data: Send,
    B: Body,
    B::Data: From<Bytes>,
{
    type Response = Response<GuardBody<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let member = Arc::clone(&self.member);
        Box::pin(async move {
            let is_open = inner.lets_everybody_pass(Asked::of(&request));
            let (mut parts, body) = request.into_parts();
            let (place, body) = if !is_json(&parts.headers) {
                (Ok(Err(Absence::NotJson)), body)
            } else if is_open && is_known_to_be_large(&body) {
                // Whoever asks for its token is told so, and nobody else minds.
                (Err(BodyFault::TooLarge), body)
            } else {
                match collect(body).await {
                    Ok(bytes) => (Ok(find_member(&bytes, &member)), A::from(bytes)),
                    Err(fault) => return Ok(inner.refuse(&fault.into())),
                }
            };
            parts.extensions.insert(JsonToken(place));
            inner.call(Request::from_parts(parts, body)).await
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

fn is_known_to_be_large(body: &impl Body) -> bool {
    body.size_hint().lower() > MAX_BODY as u64
}

async fn collect<A: Body>(body: A) -> Result<Bytes, BodyFault> {
    let mut body = pin!(body);
    let mut bytes = BytesMut::new();
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let Ok(data) = frame.map_err(|_| BodyFault::Broken)?.into_data() else { continue };
        if bytes.len() + data.remaining() > MAX_BODY {
            return Err(BodyFault::TooLarge);
        }
        bytes.put(data);
    }
    Ok(bytes.freeze())
}

/// A body that cannot be read in one way only carries no token.
fn find_member(bytes: &[u8], name: &Arc<str>) -> Result<String, Absence> {
    let value = json::read_object(bytes).ok().and_then(|mut members| members.remove(&**name));
    match value {
        Some(Value::String(token)) if !token.is_empty() => Ok(token),
        _ => Err(Absence::JsonMember { name: Arc::clone(name) }),
    }
}
