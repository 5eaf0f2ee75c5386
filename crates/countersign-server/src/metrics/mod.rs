//! What this process counts and measures, in the text format of `OpenMetrics`, which Prometheus reads.
//!
//! What happens seldom enough is counted as it happens; what others count anyway, such as the
//! database's door, is read when somebody asks.

mod readings;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use countersign::layer::Denial;
use http::Method;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use self::readings::Readings;
use crate::app::App;

/// The media type of what [`App::metrics_text`] gives.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The route of requests that match none.
const NO_ROUTE: &str = "none";

/// From half a millisecond, in which a token is checked, to ten seconds, after which nobody waits.
const DURATIONS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0];

/// What is counted as it happens. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    refreshes: Family<OutcomeLabels, Counter>,
    refusals: Family<ReasonLabels, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("countersign");
        let requests = Family::default();
        let durations: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(DURATIONS));
        let refreshes = Family::default();
        let refusals = Family::default();
        registry.register("http_requests", "Requests that were answered", requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "How long an answer took",
            durations.clone(),
        );
        registry.register(
            "refreshes",
            "Refresh tokens that were presented, by what came of it",
            refreshes.clone(),
        );
        registry.register(
            "refusals",
            "Requests that were refused for their access token or its proof, by reason",
            refusals.clone(),
        );
        Self(Arc::new(Inner { registry, requests, durations, refreshes, refusals }))
    }
}

impl Metrics {
    /// A request was answered. `route` is the pattern that it matched, if any.
    pub fn answered(&self, route: Option<&str>, method: &Method, status: u16, took: Duration) {
        let route = route.unwrap_or(NO_ROUTE);
        let labels = RequestLabels {
            route: route.to_owned(),
            method: known_method(method).unwrap_or("other"),
            status,
        };
        self.0.requests.get_or_create(&labels).inc();
        let labels = RouteLabels { route: route.to_owned() };
        self.0.durations.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// A refresh token was presented.
    pub fn refreshed(&self, outcome: &'static str) {
        self.0.refreshes.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// A request was refused, by a guard or by what asks as one.
    pub fn refused(&self, denial: &Denial) {
        self.0.refusals.get_or_create(&ReasonLabels { reason: denial.code() }).inc();
    }
}

impl App {
    /// All that is counted and measured, as `OpenMetrics` text.
    ///
    /// # Errors
    /// None that is known of: the text is written to memory.
    pub fn metrics_text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        let mut readings = Registry::with_prefix("countersign");
        readings.register_collector(Box::new(Readings::of(self)));
        encode_registry(&mut text, &self.metrics.0.registry)?;
        encode_registry(&mut text, &readings)?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

/// The methods that there are; what a client invents would make a series of its own.
pub(crate) fn known_method(method: &Method) -> Option<&'static str> {
    const KNOWN: [&str; 9] =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str())
}
