//! `GET /healthz` and `GET /readyz`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use crate::app::App;
use crate::tables::setting;

/// The process lives.
pub async fn live() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// The process can do its work; what it cannot is named.
pub async fn ready(State(app): State<App>) -> Response {
    let database = setting::find(&app.db, setting::MASTER_CHECK).await;
    let checks = [("database", database.is_ok()), ("fresh", app.node.is_fresh())];
    let failing: Vec<&str> =
        checks.iter().filter(|(_, good)| !good).map(|(name, _)| *name).collect();
    if failing.is_empty() {
        Json(json!({ "status": "ok" })).into_response()
    } else {
        let answer = Json(json!({ "status": "unavailable", "failing": failing }));
        (StatusCode::SERVICE_UNAVAILABLE, answer).into_response()
    }
}
