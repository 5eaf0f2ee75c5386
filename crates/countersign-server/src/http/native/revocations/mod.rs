//! `GET /v1/revocations`: what is revoked, as a signed snapshot, and each revocation as it happens.

mod snapshot;
mod stream;

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use http::header::ACCEPT;
use tokio::sync::{OwnedSemaphorePermit, TryAcquireError};

use crate::app::App;
use crate::http::api_key::{ApiKey, Revocations};
use crate::http::code;
use crate::http::openapi::{Operation, Tag};
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

/// What the API's document says of it.
pub fn about_get() -> Operation {
    Operation::new(Tag::Tokens, "revocations", "Follow what is revoked")
        .says(
            "With `Accept: text/event-stream` a stream of events that does not end; `Last-Event-ID` goes \
             on where another broke off.",
        )
        .header("If-None-Match", "The `ETag` of the snapshot that is known.")
        .header("Last-Event-ID", "The last event of a stream that was dealt with.")
        .answers_in::<String>(snapshot::MEDIA_TYPE, 200, "All revocations, a line each, and a JWT that signs them.")
        .answers_in::<String>(stream::MEDIA_TYPE, 200, "")
        .with_header("ETag", "What is revoked, for `If-None-Match`.")
        .answers_nothing(304, "Nothing was revoked since.")
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
        Problem::new(code::OVERLOADED, detail).retry_after(Duration::from_secs(1))
    })
}
