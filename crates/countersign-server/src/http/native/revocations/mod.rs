//! `GET /v1/revocations`: what is revoked, as a signed snapshot, and each revocation as it happens.

mod snapshot;
mod stream;

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::header::ACCEPT;
use http::{HeaderMap, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, TryAcquireError};

use crate::app::App;
use crate::http::api_key::{ApiKey, Revocations};
use crate::http::problem::Problem;
use crate::http::server::Stopping;

/// The revocations, in the form that was asked for.
pub async fn get(
    State(app): State<App>,
    _key: ApiKey<Revocations>,
    stopping: Stopping,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if wants_stream(&headers) {
        stream::answer(app, stopping, &headers)
    } else {
        snapshot::answer(app, &headers).await
    }
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ranges = accepted.flat_map(|value| value.split(','));
    ranges.any(|range| {
        let essence = range.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(stream::MEDIA_TYPE)
    })
}

/// Room for one more answer of a kind, until it is given back; without it a 503.
fn room(
    seat: Result<OwnedSemaphorePermit, TryAcquireError>,
) -> Result<OwnedSemaphorePermit, Problem> {
    seat.map_err(|_| {
        let detail = "The server has as many followers as it can hold.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
            .retry_after(Duration::from_secs(1))
    })
}
