//! `GET /metrics`

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;

use crate::app::App;
use crate::http::api_key::{ApiKey, Metrics};
use crate::http::openapi::{Operation, Tag};
use crate::http::problem::Problem;
use crate::metrics::MEDIA_TYPE;

/// What this process counts and measures, for a program whose API key has the right `metrics`.
pub async fn get_with_key(
    _: ApiKey<Metrics>,
    state: State<App>,
) -> Result<impl IntoResponse, Problem> {
    get_without_key(state).await
}

/// What the API's document says of it.
pub fn about_get() -> Operation {
    Operation::new(Tag::Server, "metrics", "Read the metrics").answers_in::<String>(
        MEDIA_TYPE,
        200,
        "In the format OpenMetrics.",
    )
}

/// The same on the address of its own (`metrics.listen`), where nobody is asked for a key.
pub async fn get_without_key(State(app): State<App>) -> Result<impl IntoResponse, Problem> {
    let text = app.metrics_text().map_err(|_| Problem::internal())?;
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], text))
}
