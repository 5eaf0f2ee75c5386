//! Every URL on one page.

use axum::Router;
use axum::routing::{MethodRouter, delete, get, patch, post};
use countersign::layer::{ConfigError, GuardBuilder};
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::dialects::{self, MountError};
use super::guard;
use super::layers::{Surroundings, layers, surround, with_fallbacks};
use super::native::admin::{
    self, api_key, api_keys, events, invitation, invitations, keys, session, unlock, user, users,
};
use super::native::{
    forward_auth, health, introspect, jwks, login, logout, me, metadata, metrics, password,
    refresh, register, replace_password, revocations, revoke, sessions, status_list,
};
use super::tokens::Tokens;
use crate::app::App;
use crate::config::{Config, Origins};

/// One method of one path.
pub struct Route<S> {
    /// The method; `GET` also answers `HEAD`.
    pub method: Method,
    /// The path, as axum writes it.
    pub path: String,
    /// What answers.
    pub handler: MethodRouter<S>,
    /// Whom it answers.
    pub admission: Admission,
}

/// Whom a route answers.
#[derive(Clone, Copy, Debug)]
pub enum Admission {
    /// Whoever has a good token, as the guard says with what the route changes of it.
    Guarded(fn(GuardBuilder) -> GuardBuilder),
    /// Everybody. Where the handler must know who asks, it asks the guard itself.
    Public,
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    /// A route for those who have a good token.
    pub fn new(method: Method, path: impl Into<String>, handler: MethodRouter<S>) -> Self {
        let admission = Admission::Guarded(|guard| guard);
        Self { method, path: path.into(), handler, admission }
    }

    /// The route for everybody.
    #[must_use]
    pub fn public(self) -> Self {
        Self { admission: Admission::Public, ..self }
    }

    /// The route behind another guard than the others'.
    #[must_use]
    pub fn guarded(self, change: fn(GuardBuilder) -> GuardBuilder) -> Self {
        Self { admission: Admission::Guarded(change), ..self }
    }

    fn with_state(self, state: &S) -> Route<()> {
        let Self { method, path, handler, admission } = self;
        Route { method, path, handler: handler.with_state(state.clone()), admission }
    }

    /// What answers, behind the guard. It stands inside of the routing: what is nowhere is 404, and
    /// a method that there is not 405, whoever asks.
    fn behind(self, guard: GuardBuilder) -> Result<MethodRouter<S>, ConfigError> {
        Ok(match self.admission {
            Admission::Guarded(change) => self.handler.route_layer(change(guard).build()?.layer()),
            Admission::Public => self.handler.route_layer(guard.build()?.public_layer()),
        })
    }
}

/// The native API.
pub fn native() -> Vec<Route<App>> {
    use Method as M;
    vec![
        Route::new(M::POST, "/v1/register", post(register::post)).public(),
        Route::new(M::POST, "/v1/login", post(login::post)).public(),
        Route::new(M::POST, "/v1/refresh", post(refresh::post)).public(),
        // It also takes tokens that are no longer good.
        Route::new(M::POST, "/v1/logout", post(logout::post)).public(),
        Route::new(M::GET, "/v1/me", get(me::get)),
        Route::new(M::PATCH, "/v1/me", patch(me::patch)),
        Route::new(M::DELETE, "/v1/me", delete(me::delete)),
        Route::new(M::POST, "/v1/me/password", post(password::post)),
        Route::new(M::GET, "/v1/sessions", get(sessions::get)),
        Route::new(M::DELETE, "/v1/sessions/{id}", delete(sessions::delete)),
        // Who asks shows an API key.
        Route::new(M::GET, "/v1/revocations", get(revocations::get)).public(),
        Route::new(M::POST, "/v1/password", post(replace_password::post)).public(),
        Route::new(M::GET, "/.well-known/jwks.json", get(jwks::get)).public(),
        Route::new(M::GET, "/.well-known/oauth-authorization-server", get(metadata::get)).public(),
        Route::new(M::GET, "/v1/status-lists/{list}", get(status_list::get)).public(),
        // It answers for requests that are not its own.
        Route::new(M::GET, "/forward-auth", get(forward_auth::get)).public(),
        Route::new(M::GET, "/healthz", get(health::live)).public(),
        Route::new(M::GET, "/readyz", get(health::ready)).public(),
        // Who asks shows an API key.
        Route::new(M::GET, "/metrics", get(metrics::get_with_key)).public(),
    ]
}

/// The administration API.
pub fn administration() -> Vec<Route<App>> {
    use Method as M;
    vec![
        Route::new(M::GET, "/v1/admin/users", get(users::get)),
        Route::new(M::POST, "/v1/admin/users", post(users::post)),
        Route::new(M::GET, "/v1/admin/users/{id}", get(user::get)),
        Route::new(M::PATCH, "/v1/admin/users/{id}", patch(user::patch)),
        Route::new(M::DELETE, "/v1/admin/users/{id}", delete(user::delete)),
        Route::new(M::POST, "/v1/admin/users/{id}/logout", post(admin::logout::post)),
        Route::new(M::POST, "/v1/admin/users/{id}/unlock", post(unlock::post)),
        Route::new(M::GET, "/v1/admin/sessions", get(admin::sessions::get)),
        Route::new(M::DELETE, "/v1/admin/sessions/{id}", delete(session::delete)),
        Route::new(M::GET, "/v1/admin/events", get(events::get)),
        Route::new(M::GET, "/v1/admin/keys", get(keys::get)),
        Route::new(M::POST, "/v1/admin/keys", post(keys::post)),
        Route::new(M::GET, "/v1/admin/invitations", get(invitations::get)),
        Route::new(M::POST, "/v1/admin/invitations", post(invitations::post)),
        Route::new(M::DELETE, "/v1/admin/invitations/{id}", delete(invitation::delete)),
        Route::new(M::GET, "/v1/admin/apikeys", get(api_keys::get)),
        Route::new(M::POST, "/v1/admin/apikeys", post(api_keys::post)),
        Route::new(M::DELETE, "/v1/admin/apikeys/{id}", delete(api_key::delete)),
    ]
}

/// What is asked about tokens of every kind. Who asks shows an API key, which is no token of a user's.
pub fn about_tokens() -> Vec<Route<Tokens>> {
    vec![
        Route::new(Method::POST, "/v1/introspect", post(introspect::post)).public(),
        Route::new(Method::POST, "/v1/revoke", post(revoke::post)).public(),
    ]
}

/// The native API and the configured dialects, with what every route has around it.
///
/// # Errors
/// Where two of them claim the same method and path.
pub fn router(app: &App) -> Result<Router, MountError> {
    let dialects = dialects::mount(app)?;
    let tokens = Tokens::new(app.clone(), dialects.iter().map(|dialect| dialect.state.clone()));
    let about_tokens = about_tokens().into_iter().map(|route| route.with_state(&tokens));
    let native = native().into_iter().chain(administration()).map(|route| route.with_state(app));
    let native: Vec<Route<()>> = native.chain(about_tokens).collect();
    check_conflicts(&native, &dialects)?;
    app.mirrors.serve(dialects::mirror::served(&dialects));
    let mut routes = Router::new();
    for route in native {
        let path = route.path.clone();
        routes = routes.route(&path, route.behind(guard::native(app))?);
    }
    for dialect in dialects {
        for route in dialect.routes {
            let path = route.path.clone();
            let handler = route.behind(dialect.state.guard())?;
            routes = routes.route(&path, handler.with_state(dialect.state.clone()));
        }
    }
    // A preflight is answered by the layer itself, and is an answer like any other.
    Ok(surround(with_fallbacks(routes).layer(cors(&app.config)), surroundings(app)))
}

/// What stands on the address of its own that `metrics.listen` names.
pub fn metrics_router(app: &App) -> Router {
    let routes = Router::new().route("/metrics", get(metrics::get_without_key));
    layers(routes.with_state(app.clone()), surroundings(app))
}

fn surroundings(app: &App) -> Surroundings {
    Surroundings {
        trusted_proxies: app.config.trusted_proxies.clone(),
        clock: app.clock.clone(),
        entropy: app.entropy.clone(),
        metrics: app.metrics.clone(),
    }
}

fn check_conflicts(native: &[Route<()>], dialects: &[dialects::Mounted]) -> Result<(), MountError> {
    let native = native.iter().map(|route| ("the native API", &route.method, &route.path));
    let mounted = dialects.iter().flat_map(|dialect| {
        dialect.routes.iter().map(|route| (dialect.name, &route.method, &route.path))
    });
    let mut claimed: Vec<(&str, &Method, &String)> = Vec::new();
    for (owner, method, path) in native.chain(mounted) {
        if let Some((first, ..)) =
            claimed.iter().find(|(_, known, at)| *known == method && *at == path)
        {
            return Err(MountError::Conflict {
                first: (*first).to_owned(),
                second: owner.to_owned(),
                route: format!("{method} {path}"),
            });
        }
        claimed.push((owner, method, path));
    }
    Ok(())
}

fn cors(config: &Config) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            HeaderName::from_static("x-access-token"),
            HeaderName::from_static("x-csrf-token"),
        ])
        .expose_headers([WWW_AUTHENTICATE, RETRY_AFTER])
        .max_age(std::time::Duration::from_mins(10));
    match &config.cors.origins {
        Origins::Any => layer.allow_origin(AllowOrigin::any()),
        Origins::Listed(origins) => {
            let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
            let in_cookies =
                config.cookies.enabled || config.dialects.iter().any(|dialect| dialect.cookies);
            layer.allow_origin(AllowOrigin::list(origins)).allow_credentials(in_cookies)
        }
    }
}
