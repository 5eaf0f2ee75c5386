//! `GET /.well-known/oauth-authorization-server` (RFC 8414)

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use countersign::Algorithm;
use http::header::CACHE_CONTROL;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::http::openapi::{Operation, Tag};

/// The members of RFC 8414, section 2, as far as there is something to say; the last is ours.
#[derive(JsonSchema, Serialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: [&'static str; 1],
    response_types_supported: [&'static str; 0],
    grant_types_supported: [&'static str; 0],
    #[schemars(with = "[String; 1]")]
    access_token_signing_alg_values_supported: [Algorithm; 1],
}

/// Where a resource server finds what it needs. There is no authorization endpoint, and no grant
/// of OAuth's: logging in is first-party.
pub async fn get(State(app): State<App>) -> impl IntoResponse {
    let base = app.config.public_url.as_str();
    let metadata = Metadata {
        issuer: app.config.issuer().to_owned(),
        jwks_uri: format!("{base}/.well-known/jwks.json"),
        introspection_endpoint: format!("{base}/v1/introspect"),
        introspection_endpoint_auth_methods_supported: ["client_secret_basic", "Bearer"],
        revocation_endpoint: format!("{base}/v1/revoke"),
        revocation_endpoint_auth_methods_supported: ["client_secret_basic"],
        response_types_supported: [],
        grant_types_supported: [],
        access_token_signing_alg_values_supported: [app.config.tokens.algorithm],
    };
    ([(CACHE_CONTROL, "public, max-age=300")], Json(metadata))
}

/// What the API's document says of it.
pub fn about_get() -> Operation {
    Operation::new(Tag::Tokens, "metadata", "Find out where everything is (RFC 8414)")
        .answers::<Metadata>(200, "It may be kept for five minutes.")
}
