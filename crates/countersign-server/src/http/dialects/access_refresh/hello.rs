//! `GET /`

use axum::Json;
use serde_json::{Value, json};

/// Greets whoever asks.
pub async fn get() -> Json<Value> {
    Json(json!({ "message": "Hello, World!" }))
}
