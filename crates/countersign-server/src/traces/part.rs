//! Parts of a request's work, as spans within the request's.

use std::borrow::Cow;

use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span};
use opentelemetry_semantic_conventions::attribute::{
    DB_OPERATION_NAME, DB_QUERY_TEXT, DB_SYSTEM_NAME,
};

/// How often a change of the database was run beyond the first time.
const RETRIES: &str = "countersign.retries";

/// A part of the work of the request that is traced here, from now until it is dropped. Where none
/// is, it is nothing.
#[derive(Debug)]
#[must_use = "it ends where it is dropped"]
pub struct Part(Option<Span>);

impl Part {
    /// Work of this process.
    pub fn of(name: &'static str) -> Self {
        Self::begin(SpanKind::Internal, || (name.into(), Vec::new()))
    }

    /// A change of the database, by its name, waiting included.
    pub fn write(system: &'static str, name: &'static str) -> Self {
        Self::begin(SpanKind::Client, || {
            let about =
                [KeyValue::new(DB_SYSTEM_NAME, system), KeyValue::new(DB_OPERATION_NAME, name)];
            (format!("db {name}").into(), about.into())
        })
    }

    /// A statement that reads. Its text is ours, and holds no value.
    pub fn read(system: &'static str, statement: &'static str) -> Self {
        Self::begin(SpanKind::Client, || {
            let about =
                [KeyValue::new(DB_SYSTEM_NAME, system), KeyValue::new(DB_QUERY_TEXT, statement)];
            ("db read".into(), about.into())
        })
    }

    /// Says that it had to be done again so often.
    pub fn retried(&mut self, times: u32) {
        if let Some(span) = &mut self.0
            && times > 0
        {
            span.set_attribute(KeyValue::new(RETRIES, i64::from(times)));
        }
    }

    /// Says that it failed. Why is for the log.
    pub fn failed(&mut self) {
        if let Some(span) = &mut self.0 {
            span.set_status(Status::error(""));
        }
    }

    /// Ends with this outcome, and gives it back.
    pub fn unless_failed<T, E>(mut self, outcome: Result<T, E>) -> Result<T, E> {
        if outcome.is_err() {
            self.failed();
        }
        outcome
    }

    fn begin(kind: SpanKind, about: impl FnOnce() -> (Cow<'static, str>, Vec<KeyValue>)) -> Self {
        let within = |context: &Context| context.get::<SdkTracer>().map(|_| context.clone());
        let context = Context::map_current(within);
        let span = context.as_ref().and_then(|context| {
            let tracer = context.get::<SdkTracer>()?;
            let (name, attributes) = about();
            let span = tracer.span_builder(name).with_kind(kind).with_attributes(attributes);
            Some(span.start_with_context(tracer, context))
        });
        Self(span)
    }
}
