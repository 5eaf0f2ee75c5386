//! `GET /.well-known/oauth-authorization-server` (RFC 8414)

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CACHE_CONTROL;
use serde_json::json;

use crate::app::App;

/// Where a resource server finds what it needs. There is no authorization endpoint, and no grant
/// of OAuth's: logging in is first-party.
pub async fn get(State(app): State<App>) -> impl IntoResponse {
    let base = app.config.public_url.as_str();
    let metadata = json!({
        "issuer": app.config.issuer(),
        "jwks_uri": format!("{base}/.well-known/jwks.json"),
        "introspection_endpoint": format!("{base}/v1/introspect"),
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "Bearer"],
        "revocation_endpoint": format!("{base}/v1/revoke"),
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic"],
        "response_types_supported": [],
        "grant_types_supported": [],
        "access_token_signing_alg_values_supported": [app.config.tokens.algorithm],
    });
    ([(CACHE_CONTROL, "public, max-age=300")], Json(metadata))
}
