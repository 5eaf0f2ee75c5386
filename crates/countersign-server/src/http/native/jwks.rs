//! `GET /.well-known/jwks.json` (RFC 7517)

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::app::App;
use crate::operations::Caller;
use crate::operations::keys::CACHE_LIFE;

/// The public keys that verify access tokens.
pub async fn get(State(app): State<App>, caller: Caller) -> impl IntoResponse {
    let cache = format!("public, max-age={}", CACHE_LIFE.as_secs());
    let headers = [(CACHE_CONTROL, cache), (CONTENT_TYPE, "application/jwk-set+json".to_owned())];
    (headers, Json(app.keys.jwk_set(caller.now)))
}
