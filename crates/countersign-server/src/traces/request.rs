//! The span of a request, after the semantic conventions for HTTP servers.

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{
    Span as _, SpanContext, SpanKind, Status, TraceContextExt as _, TraceId, TraceState,
    Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_semantic_conventions::attribute::{
    ERROR_TYPE, HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE,
};

use http::{HeaderMap, HeaderName, Method, StatusCode};

use super::Traces;
use crate::metrics::known_method;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What came of the request, in a word.
const OUTCOME: &str = "countersign.outcome";
/// The id under which the request is logged.
const REQUEST_ID: &str = "countersign.request_id";

/// A request that is traced: its work is done with [`Traced::context`] as the current one.
#[derive(Debug)]
pub struct Traced {
    context: Context,
    answered: bool,
}

impl Traces {
    /// Begins the span of a request to this route (its pattern, which is no path). It goes on with the trace that
    /// `believed` headers name (W3C Trace Context), else it begins one. `None` where the request is
    /// not to be traced.
    pub fn begin(
        &self,
        (method, route): (&Method, Option<&str>),
        request_id: &str,
        believed: Option<&HeaderMap>,
    ) -> Option<Traced> {
        let method = known_method(method);
        let mut about = vec![
            KeyValue::new(HTTP_REQUEST_METHOD, method.unwrap_or("_OTHER")),
            KeyValue::new(REQUEST_ID, request_id.to_owned()),
        ];
        about.extend(route.map(|route| KeyValue::new(HTTP_ROUTE, route.to_owned())));
        let method = method.unwrap_or("HTTP");
        let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
        let span =
            self.tracer.span_builder(name).with_kind(SpanKind::Server).with_attributes(about);
        let parent = believed.map(parent).unwrap_or_default();
        let span = span.start_with_context(&self.tracer, &parent);
        let traced = Context::new().with_value(self.tracer.clone());
        span.is_recording().then(|| Traced { context: traced.with_span(span), answered: false })
    }
}

/// What the headers say of a trace that the request is a part of. Two of one kind say nothing.
fn parent(headers: &HeaderMap) -> Context {
    if headers.get_all(TRACEPARENT).iter().count() > 1 {
        return Context::new();
    }
    let propagator = TraceContextPropagator::new();
    let named = propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers));
    let named = named.span().span_context().clone();
    if !named.is_valid() {
        return Context::new();
    }
    // Not its `tracestate`: that is text of anybody's, and would go along with every span.
    let state = TraceState::NONE;
    let (trace, span, flags) = (named.trace_id(), named.span_id(), named.trace_flags());
    Context::new().with_remote_span_context(SpanContext::new(trace, span, flags, true, state))
}

impl Traced {
    /// The trace that the request is a part of.
    pub fn trace_id(&self) -> TraceId {
        self.context.span().span_context().trace_id()
    }

    /// What the request's work is done with.
    pub fn context(&self) -> Context {
        self.context.clone()
    }

    /// Ends the span with what came of the request: its status, and a word of ours.
    pub fn answered(mut self, status: StatusCode, outcome: &'static str) {
        self.answered = true;
        let span = self.context.span();
        span.set_attribute(KeyValue::new(HTTP_RESPONSE_STATUS_CODE, i64::from(status.as_u16())));
        span.set_attribute(KeyValue::new(OUTCOME, outcome));
        if status.is_server_error() {
            span.set_attribute(KeyValue::new(ERROR_TYPE, status.as_str().to_owned()));
            span.set_status(Status::error(""));
        }
    }
}

impl Drop for Traced {
    /// The client of a request that was not answered is gone.
    fn drop(&mut self) {
        let span = self.context.span();
        if !self.answered {
            span.set_attribute(KeyValue::new(OUTCOME, "abandoned"));
        }
        span.end();
    }
}
