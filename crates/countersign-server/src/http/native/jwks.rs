//! `GET /.well-known/jwks.json` (RFC 7517)

use axum::Json;
use std::borrow::Cow;

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;

use crate::app::App;
use crate::http::openapi::{Operation, Tag};
use crate::operations::Caller;
use crate::operations::keys::CACHE_LIFE;

/// The public keys that verify access tokens.
pub async fn get(State(app): State<App>, caller: Caller) -> impl IntoResponse {
    let cache = format!("public, max-age={}", CACHE_LIFE.as_secs());
    let headers = [(CACHE_CONTROL, cache), (CONTENT_TYPE, "application/jwk-set+json".to_owned())];
    (headers, Json(app.keys.jwk_set(caller.now)))
}

/// What is answered.
enum JwkSet {}

impl JsonSchema for JwkSet {
    fn schema_name() -> Cow<'static, str> {
        "JwkSet".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = json!({ "type": "string" });
        json_schema!({
            "type": "object",
            "description": "Public keys (RFC 7517, section 5).",
            "required": ["keys"],
            "properties": { "keys": { "type": "array", "items": {
                "type": "object",
                "required": ["kty", "kid", "alg", "use"],
                "properties": {
                    "kty": text, "kid": text, "alg": text, "use": { "const": "sig" },
                    "crv": text, "x": text, "y": text, "n": text, "e": text,
                },
            } } },
        })
    }
}

/// What the API's document says of it.
pub fn about_get() -> Operation {
    Operation::new(Tag::Tokens, "jwks", "Fetch the public keys (RFC 7517)").answers_in::<JwkSet>(
        "application/jwk-set+json",
        200,
        "They may be kept for five minutes.",
    )
}
