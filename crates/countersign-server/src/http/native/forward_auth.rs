//! `GET /forward-auth`: whether a proxy may pass a request on, and whose it is. For nginx's
//! `auth_request`, Traefik's `ForwardAuth` and Caddy's `forward_auth`.
//!
//! What the proxy is configured to ask stands in the query. The headers are those of the original
//! request, which its client wrote: they carry the token, and what proves that a page of ours sent
//! it. They name no user, no role and no path.

use axum::extract::{Extension, RawQuery, State};
use axum::response::IntoResponse;
use countersign::Claims;
use countersign::layer::{Denial, Guard};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use crate::app::App;
use crate::http::code;
use crate::http::openapi::{Callers, Operation, Tag};
use crate::http::problem::Problem;
use crate::http::server::Peer;

/// Where proxies ask.
pub const PATH: &str = "/forward-auth";
const USER: HeaderName = HeaderName::from_static("x-auth-user");
const ROLES: HeaderName = HeaderName::from_static("x-auth-roles");
const SESSION: HeaderName = HeaderName::from_static("x-auth-session");
/// In which proxies tell the method of the original request.
const METHODS: [&str; 2] = ["x-forwarded-method", "x-original-method"];

/// 200 with who it is, for a good access token with every role that the query names; nothing else
/// is let through. No database is read.
pub async fn get(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    peer: Option<Extension<Peer>>,
    parts: Parts,
) -> Result<impl IntoResponse, Problem> {
    let roles = wanted_roles(query.as_deref().unwrap_or_default())?;
    let guard = Guard::of(&parts.extensions)?;
    let access = guard.check(&parts).await.map_err(as_unauthorized)?;
    let claims = access.claims();
    // The guard takes the proxy's own request for the original one, and that is safe.
    let peer = peer.map(|Extension(peer)| peer);
    if access.is_by_cookie() && !is_safe(&app, &parts.headers, peer) {
        app.check_csrf(&parts.headers, claims.session_id().unwrap_or_default())?;
    }
    let granted = claims.roles();
    match roles.iter().find(|role| !granted.contains(&role.as_str())) {
        None => identity(claims),
        Some(_) => {
            Err(Problem::new(code::ROLE_MISSING, "The user does not have a role that this needs.")
                .challenge(Some("insufficient_scope"))
                .because_of(Denial::Role))
        }
    }
}

/// What the API's document says of it.
pub fn about_get() -> Operation {
    Operation::new(Tag::Tokens, "forward_auth", "Ask whether a proxy may pass a request on")
        .for_callers(Callers::AccessToken)
        .query(
            "role",
            json!({ "type": "array", "items": { "type": "string", "minLength": 1 } }),
            "What the user must be; all of them.",
        )
        .answers_nothing(200, "It may.")
        .with_header("X-Auth-User", "Whose it is: an id.")
        .with_header("X-Auth-Roles", "What the user may do; a comma between each.")
        .with_header("X-Auth-Session", "The session's id.")
        .refuses([
            code::INVALID_FIELD,
            code::UNKNOWN_PARAMETER,
            code::TOKEN_MISSING,
            code::INVALID_TOKEN,
            code::ROLE_MISSING,
        ])
        .refuses(code::OF_COOKIES)
}

/// The roles of `?role=…&role=…`. Anything else in the query is a mistake of the proxy's
/// configuration, and a demand that was misspelt must not be none.
fn wanted_roles(query: &str) -> Result<Vec<String>, Problem> {
    let bad = |code, name: String, detail| Err(Problem::new(code, detail).field(name));
    let mut roles = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name != "role" {
            return bad(
                code::UNKNOWN_PARAMETER,
                name.into_owned(),
                "Only `role` may stand in the query.",
            );
        }
        if value.is_empty() {
            return bad(code::INVALID_FIELD, name.into_owned(), "A role must not be empty.");
        }
        roles.push(value.into_owned());
    }
    Ok(roles)
}

/// Two tokens are as none: proxies pass a 401 on, and take a 400 for a failure of this server.
fn as_unauthorized(denial: Denial) -> Denial {
    if matches!(denial, Denial::Ambiguous(_)) { Denial::Missing(Vec::new()) } else { denial }
}

/// A cookie comes along with whatever any page makes the browser send, so what changes something
/// must show that a page of ours sent it. Whether the original request is known to be a GET or a HEAD: a trusted proxy says so, in one
/// header or in both.
fn is_safe(app: &App, headers: &HeaderMap, peer: Option<Peer>) -> bool {
    let trusted = peer.is_some_and(|peer| peer.is_in(&app.config.trusted_proxies));
    let mut methods = METHODS.into_iter().flat_map(|name| headers.get_all(name)).peekable();
    trusted && methods.peek().is_some() && methods.all(|method| method == "GET" || method == "HEAD")
}

/// Always all three, so that a proxy that copies them overwrites whatever the client sent.
fn identity(claims: &Claims) -> Result<[(HeaderName, HeaderValue); 3], Problem> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Problem::internal());
    Ok([
        (USER, value(claims.subject().unwrap_or_default())?),
        (ROLES, value(&claims.roles().join(","))?),
        (SESSION, value(claims.session_id().unwrap_or_default())?),
    ])
}
