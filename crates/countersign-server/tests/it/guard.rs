//! Who may call what: every route there is, native or a dialect's, is public on purpose or closed to
//! whoever has no good token.

use axum::body::Body;
use axum::routing::get;
use countersign_server::config::{Config, DialectConfig, Origins};
use countersign_server::db::Kind;
use countersign_server::http::identity::Identity;
use countersign_server::http::router::{
    Admission, Route, about_itself, about_tokens, administration, native,
};
use countersign_server::http::{dialects, problem};
use http::{Method, Request};
use reqwest::RequestBuilder;
use tower::ServiceExt as _;

use crate::server::{Answer, TestApp};

/// The routes that answer everybody. A new one belongs here only if that is meant.
const PUBLIC: [&str; 21] = [
    "POST /v1/register",
    "POST /v1/login",
    "POST /v1/refresh",
    "POST /v1/password",
    "GET /v1/status-lists/{list}",
    "GET /.well-known/jwks.json",
    "GET /.well-known/oauth-authorization-server",
    "GET /healthz",
    "GET /readyz",
    "GET /openapi.json",
    "GET /docs",
    "POST /auth-token/auth/register",
    "POST /auth-token/auth/login",
    "GET /access-refresh/",
    "POST /access-refresh/registration",
    "POST /access-refresh/login",
    "POST /x-access-token/signup",
    "POST /x-access-token/login",
    "POST /code-envelope/login",
    "POST /passport/passport/register",
    "POST /passport/passport/login",
];
/// The routes that ask themselves: they take a token that is no longer good, have to read what proves
/// who sent the request, answer for the request of somebody else, or want an API key.
const ASK_THEMSELVES: [&str; 7] = [
    "POST /v1/logout",
    "POST /code-envelope/logout",
    "GET /forward-auth",
    "GET /v1/revocations",
    "GET /metrics",
    "POST /v1/introspect",
    "POST /v1/revoke",
];

/// A server with every dialect under its own name.
pub(crate) async fn server() -> TestApp {
    server_with(|_| {}).await
}

/// The same with a configuration that `change` has changed.
async fn server_with(change: impl FnOnce(&mut Config)) -> TestApp {
    let server = TestApp::with(Kind::Sqlite, |config| {
        config.dialects = dialects::names().into_iter().map(dialect).collect();
        change(config);
    });
    server.await.expect("SQLite is always there")
}

fn dialect(name: &str) -> DialectConfig {
    let prefix = format!("/{name}");
    DialectConfig { name: name.into(), prefix, cookies: true, ..DialectConfig::default() }
}

/// A method and a path, and whether the layer lets everybody pass.
fn described<S>(routes: &[Route<S>]) -> Vec<(Method, String, bool)> {
    let is_public = |route: &Route<S>| matches!(route.admission, Admission::Public);
    let describe = |route: &Route<S>| (route.method.clone(), route.path.clone(), is_public(route));
    routes.iter().map(describe).collect()
}

pub(crate) fn every_route(server: &TestApp) -> Vec<(Method, String, bool)> {
    let mut routes = described(&native());
    routes.extend(described(&administration()));
    routes.extend(described(&about_tokens()));
    routes.extend(described(&about_itself()));
    for mounted in dialects::mount(&server.app).expect("they can be mounted") {
        routes.extend(described(&mounted.routes));
    }
    routes
}

/// In every dialect's words: a status, or a code under HTTP's 200.
fn is_refused(answer: &Answer) -> bool {
    match answer.status.as_u16() {
        200 => answer.json()["code"] == 401,
        status => [401, 403, 422].contains(&status),
    }
}

/// The request with something where each guard looks, none of which is a token.
fn with_garbage(request: &RequestBuilder) -> Vec<RequestBuilder> {
    let with =
        |name: &str, value: &str| request.try_clone().expect("it has no body").header(name, value);
    vec![
        with("authorization", "Bearer a.b.c"),
        with("authorization", "JWT a.b.c"),
        with("x-access-token", "a.b.c"),
        with("cookie", "access_token_cookie=a.b.c; countersign_access=a.b.c"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_public_on_purpose_or_refuses_who_has_no_good_token() {
    let server = server().await;
    let mut public = Vec::new();
    for (method, path, is_public) in every_route(&server) {
        let name = format!("{method} {path}");
        if is_public {
            public.push(name.clone());
        }
        if PUBLIC.contains(&name.as_str()) {
            continue;
        }
        let path = path.replace("{id}", "0197a2b1-0000-7000-8000-000000000000");
        let mut methods = vec![method.clone()];
        methods.extend((method == Method::GET).then_some(Method::HEAD));
        for method in methods {
            let request = || server.request(method.clone(), &path);
            let mut requests = with_garbage(&request());
            requests.push(request());
            for request in requests {
                let answer = Answer::of(request).await;
                // An answer to HEAD has no body that could say so.
                let hidden = method == Method::HEAD && name.contains("/passport/");
                assert!(hidden || is_refused(&answer), "{name}: {answer:?}");
            }
        }
    }
    let mut meant = [&PUBLIC[..], &ASK_THEMSELVES].concat();
    meant.sort_unstable();
    public.sort_unstable();
    assert_eq!(public, meant);
}

const PAGE: &str = "https://app.example.org";

/// The methods that a path does not have, with every header of a preflight and with some of them.
fn foreign_requests(server: &TestApp, path: &str) -> Vec<RequestBuilder> {
    let options = || server.request(Method::OPTIONS, path);
    let others = [Method::TRACE, Method::PUT, Method::from_bytes(b"FOO").expect("a method")];
    let mut requests = vec![
        options(),
        options().header("origin", PAGE),
        options().header("access-control-request-method", "GET"),
        options()
            .header("origin", PAGE)
            .header("origin", PAGE)
            .header("access-control-request-method", "GET"),
        options()
            .header("origin", "https://evil.example")
            .header("access-control-request-method", "GET"),
        options().header("x-auth-user", "root").bearer_auth("a.b.c"),
    ];
    for method in others {
        let request = server.request(method, path).header("origin", PAGE);
        requests.push(request.header("access-control-request-method", "GET"));
    }
    requests
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_a_path_lacks_is_answered_by_nobody_but_for_a_true_preflight() {
    for origins in [Origins::default(), Origins::Listed(vec![PAGE.to_owned()])] {
        let shared = origins != Origins::default();
        let server = server_with(|config| config.cors.origins = origins).await;
        let mut paths: Vec<_> = every_route(&server).into_iter().map(|(_, path, _)| path).collect();
        paths.dedup();
        for path in paths {
            let path =
                path.replace("{id}", "0197a2b1-0000-7000-8000-000000000000").replace("{list}", "0");
            for request in foreign_requests(&server, &path) {
                let answer = Answer::of(request).await;
                assert_eq!(answer.status, 405, "{path}: {answer:?}");
                assert!(answer.headers.contains_key("allow"), "{path}: {answer:?}");
            }
            let preflight = server.request(Method::OPTIONS, &path).header("origin", PAGE);
            let preflight = preflight.header("access-control-request-method", "GET");
            let answer = Answer::of(preflight).await;
            let expected = if shared && path != "/forward-auth" { 200 } else { 405 };
            assert_eq!(answer.status, expected, "{path}: {answer:?}");
            let identity = |name: &str| name.starts_with("x-auth-");
            assert!(!answer.headers.keys().any(|name| identity(name.as_str())), "{answer:?}");
        }
        for nowhere in ["/nowhere", "/v1", "/v1/admin", "/forward-auth/x"] {
            let preflight = server.request(Method::OPTIONS, nowhere).header("origin", PAGE);
            let preflight = preflight.header("access-control-request-method", "GET");
            assert_eq!(Answer::of(preflight).await.code(), (404, "not_found".into()), "{nowhere}");
            let options = server.request(Method::OPTIONS, nowhere);
            assert_eq!(Answer::of(options).await.status, 404, "{nowhere}");
        }
    }
}

#[tokio::test]
async fn where_no_guard_stands_nobody_has_an_identity() {
    let routes = axum::Router::new()
        .route("/", get(async |identity: Identity| identity.user_id().to_owned()));
    let request = Request::get("/").header("authorization", "Bearer a.b.c").body(Body::empty());
    let answer = routes.oneshot(request.expect("a request")).await.expect("it answers");
    assert_eq!(answer.status(), 500);
    assert_eq!(answer.headers()["content-type"], problem::MEDIA_TYPE);
}
