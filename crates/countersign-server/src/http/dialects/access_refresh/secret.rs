//! `GET /secret`

use axum::Json;
use serde_json::{Value, json};

/// What only those are told who have an access token: the guard lets nobody else come here.
pub async fn get() -> Json<Value> {
    Json(json!({ "answer": 42 }))
}
