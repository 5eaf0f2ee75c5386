//! Traces: which parts the work of a request had and how long each took, sent to a collector of
//! `OpenTelemetry`'s (OTLP over HTTP) where the configuration names one.
//!
//! A request that is traced has its span and the tracer in its [`opentelemetry::Context`], which
//! goes along wherever its work is done; of other work a [`Part`] is nothing. Spans are made here
//! alone, so that nothing comes into them that a log line or another crate says: no attribute holds
//! what a client sent, but for the id of the request.

mod collector;
mod part;
mod request;

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};
use opentelemetry_semantic_conventions::attribute::{SERVICE_INSTANCE_ID, SERVICE_VERSION};

use self::collector::Collector;
pub use self::part::Part;
pub use self::request::Traced;
use crate::config::TracesConfig;

/// What spans are known by as a service.
const SERVICE: &str = "countersign";
/// How many spans wait to be sent; more are dropped.
const QUEUE: usize = 8192;
/// How long they wait for company.
const DELAY: Duration = Duration::from_secs(1);
/// For how long a collector is tried again with the same spans.
const INSISTENCE: Duration = Duration::from_secs(10);
/// How long a stop waits for the last of them.
const FLUSH: Duration = Duration::from_secs(3);

/// Why no traces can be sent.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The headers.
    #[error("traces.headers.{name}: {problem}")]
    Header {
        /// Which one.
        name: String,
        /// What is wrong with it, without its value.
        problem: &'static str,
    },
    /// The client that is to send them.
    #[error("traces.otlp: {0}")]
    Client(#[from] reqwest::Error),
    /// What is to write them.
    #[error("traces.otlp: {0}")]
    Exporter(#[from] ExporterBuildError),
}

/// Where requests are traced to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// Begins to send traces as `node`, where a collector is configured. Nobody waits for it: whether it
    /// is there is told in the log. To be called within a runtime.
    ///
    /// # Errors
    /// Where the configuration is not good.
    pub fn start(config: &TracesConfig, node: &str) -> Result<Option<Self>, TracesError> {
        let Some(url) = &config.otlp else { return Ok(None) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new(url, config.header_map()?)?)
            .with_endpoint(url.endpoint())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(INSISTENCE)
            .build()?;
        let batches =
            BatchConfigBuilder::default().with_max_queue_size(QUEUE).with_scheduled_delay(DELAY);
        let batches =
            BatchSpanProcessor::builder(exporter).with_batch_config(batches.build()).build();
        // What a proxy decided about its trace holds for our part of it.
        let sampler = Sampler::TraceIdRatioBased(config.sample_ratio);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(batches)
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .with_resource(resource(node))
            .build();
        let tracer = provider.tracer(SERVICE);
        Ok(Some(Self { provider, tracer }))
    }

    /// Sends what has not been sent, unless that takes too long.
    pub async fn shut_down(&self) {
        let provider = self.provider.clone();
        let flush = move || provider.shutdown_with_timeout(FLUSH);
        if !matches!(tokio::task::spawn_blocking(flush).await, Ok(Ok(()))) {
            tracing::warn!("traces.otlp: the last traces were not sent before the stop");
        }
    }
}

fn resource(node: &str) -> Resource {
    let about = [
        KeyValue::new(SERVICE_VERSION, env!("CARGO_PKG_VERSION")),
        KeyValue::new(SERVICE_INSTANCE_ID, node.to_owned()),
    ];
    Resource::builder().with_service_name(SERVICE).with_attributes(about).build()
}
