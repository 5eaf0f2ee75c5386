//! A collector of traces: it takes OTLP over HTTP, and keeps what it got.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use countersign_server::http::server::{Limits, serve};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;

/// What it does with what it gets.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    Takes,
    Refuses,
    Hangs,
}

#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) url: String,
    manner: Manner,
    got: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

impl Collector {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let this = Self { url, manner, got: Arc::default() };
        let router = Router::new().route("/v1/traces", post(Self::take)).with_state(this.clone());
        let (max_body, max_anonymous_body) = (16 * 1024 * 1024, 16 * 1024 * 1024);
        let limits = Limits { max_body, max_anonymous_body, ..Limits::default() };
        tokio::spawn(serve(listener, router, limits, std::future::pending::<()>()));
        this
    }

    async fn take(State(this): State<Self>, headers: HeaderMap, body: Bytes) -> StatusCode {
        this.got.lock().expect("nobody panics with it").push((headers, body));
        match this.manner {
            Manner::Takes => StatusCode::OK,
            Manner::Refuses => StatusCode::INTERNAL_SERVER_ERROR,
            Manner::Hangs => std::future::pending().await,
        }
    }

    /// Each request: its head and its bytes.
    pub(crate) fn got(&self) -> Vec<(HeaderMap, Bytes)> {
        self.got.lock().expect("nobody panics with it").clone()
    }

    pub(crate) fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        let decode = |(_, bytes)| ExportTraceServiceRequest::decode(bytes).expect("it is OTLP");
        self.got().into_iter().map(decode).collect()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let resources = self.requests().into_iter().flat_map(|it| it.resource_spans);
        resources.flat_map(|it| it.scope_spans).flat_map(|it| it.spans).collect()
    }

    /// The spans of this name.
    pub(crate) fn named(&self, name: &str) -> Vec<Span> {
        self.spans().into_iter().filter(|span| span.name == name).collect()
    }

    /// What happened within this span, by name.
    pub(crate) fn within(&self, parent: &Span) -> BTreeMap<String, Vec<Span>> {
        let mut parts: BTreeMap<String, Vec<Span>> = BTreeMap::new();
        for span in self.spans() {
            if span.parent_span_id == parent.span_id {
                assert_eq!(span.trace_id, parent.trace_id);
                parts.entry(span.name.clone()).or_default().push(span);
            }
        }
        parts
    }
}

/// The attributes, each as text.
pub(crate) fn texts(attributes: &[KeyValue]) -> BTreeMap<&str, String> {
    let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|it| it.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{}: {other:?}", pair.key),
    };
    let texts: BTreeMap<_, _> =
        attributes.iter().map(|pair| (pair.key.as_str(), text(pair))).collect();
    assert_eq!(texts.len(), attributes.len(), "no attribute comes twice: {attributes:?}");
    texts
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a text takes what is written");
    }
    text
}
