//! Every URL on one page.

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use countersign::layer::{ConfigError, GuardBuilder};
use http::Method;

use super::clock_gate;
use super::cors::Cors;
use super::dialects::{self, MountError};
use super::guard;
use super::layers::{Surroundings, layers, surround, with_fallbacks};
use super::native::admin::{
    self, api_key, api_keys, events, invitation, invitations, keys, session, unlock, user, users,
};
use super::native::description::{self, Description};
use super::native::{
    docs, forward_auth, health, introspect, jwks, login, logout, me, metadata, metrics, password,
    refresh, register, replace_password, revocations, revoke, sessions, status_list,
};
use super::openapi::{Described, Document, Inputs, Operation};
use super::tokens::Tokens;
use super::whole::{self, Admit, when_whole};
use crate::app::App;
use crate::config::Config;

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
    /// Whether it answers even while this node's clock is wrong.
    pub ignores_clock: bool,
    /// What it does, in the words of the API's document; the dialects have documents of their own.
    pub operation: Option<Operation>,
    /// What the handler's extractors check before the body is read.
    pub admit: Option<Admit>,
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
        let path = path.into();
        let (operation, admit) = (None, None);
        Self { method, path, handler, admission, ignores_clock: false, operation, admit }
    }

    /// A route of the native API, for those who have a good token: what `about` says of it stands in
    /// the API's document, with what the handler's signature tells.
    fn of<H, T>(method: Method, path: &str, handler: H, about: fn() -> Operation) -> Self
    where
        H: Handler<T, S>,
        T: Inputs + 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("axum knows the method");
        let operation = Some(T::describe(about()).served_by(&method));
        let admit = Some(whole::admit::<T> as Admit);
        Self { operation, admit, ..Self::new(method, path, on(filter, handler)) }
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

    /// The route for everybody, which answers even while this node's clock is wrong.
    fn always(self) -> Self {
        Self { ignores_clock: true, ..self.public() }
    }

    fn with_state(self, state: &S) -> Route<()> {
        let Self { method, path, handler, admission, ignores_clock, operation, admit } = self;
        let handler = handler.with_state(state.clone());
        Route { method, path, handler, admission, ignores_clock, operation, admit }
    }

    /// What answers, behind the guard. It stands inside of the routing: what is nowhere is 404, and
    /// a method that there is not 405, whoever asks. Inside of the guard the body is read.
    fn behind(
        self,
        app: &App,
        (guard, refusal): (GuardBuilder, clock_gate::Refusal),
    ) -> Result<MethodRouter<S>, ConfigError> {
        let (guard, is_public) = match self.admission {
            Admission::Guarded(change) => (change(guard).build()?, false),
            Admission::Public => (guard.build()?, true),
        };
        let layer = if is_public { guard.public_layer() } else { guard.layer() };
        let state = (app.clone(), self.admit);
        let handler = self.handler.route_layer(from_fn_with_state(state, when_whole));
        let handler = handler.route_layer(layer);
        Ok(if self.ignores_clock {
            handler
        } else {
            clock_gate::before(handler, app, (guard, refusal))
        })
    }
}

/// The native API.
pub fn native() -> Vec<Route<App>> {
    use Method as M;
    vec![
        Route::of(M::POST, "/v1/register", register::post, register::about_post).public(),
        Route::of(M::POST, "/v1/login", login::post, login::about_post).public(),
        Route::of(M::POST, "/v1/refresh", refresh::post, refresh::about_post).public(),
        // It also takes tokens that are no longer good.
        Route::of(M::POST, "/v1/logout", logout::post, logout::about_post).public(),
        Route::of(M::GET, "/v1/me", me::get, me::about_get),
        Route::of(M::PATCH, "/v1/me", me::patch, me::about_patch),
        Route::of(M::DELETE, "/v1/me", me::delete, me::about_delete),
        Route::of(M::POST, "/v1/me/password", password::post, password::about_post),
        Route::of(M::GET, "/v1/sessions", sessions::get, sessions::about_get),
        Route::of(M::DELETE, "/v1/sessions/{id}", sessions::delete, sessions::about_delete),
        // Who asks shows an API key.
        Route::of(M::GET, "/v1/revocations", revocations::get, revocations::about_get).public(),
        Route::of(M::POST, "/v1/password", replace_password::post, replace_password::about_post)
            .public(),
        Route::of(M::GET, "/.well-known/jwks.json", jwks::get, jwks::about_get).public(),
        Route::of(
            M::GET,
            "/.well-known/oauth-authorization-server",
            metadata::get,
            metadata::about_get,
        )
        .public(),
        Route::of(M::GET, "/v1/status-lists/{list}", status_list::get, status_list::about_get)
            .public(),
        // It answers for requests that are not its own.
        Route::of(M::GET, forward_auth::PATH, forward_auth::get, forward_auth::about_get).public(),
        Route::of(M::GET, health::LIVE, health::live, health::about_live).always(),
        Route::of(M::GET, health::READY, health::ready, health::about_ready).always(),
        // Who asks shows an API key.
        Route::of(M::GET, "/metrics", metrics::get_with_key, metrics::about_get).always(),
    ]
}

/// The administration API.
pub fn administration() -> Vec<Route<App>> {
    use Method as M;
    vec![
        Route::of(M::GET, "/v1/admin/users", users::get, users::about_get),
        Route::of(M::POST, "/v1/admin/users", users::post, users::about_post),
        Route::of(M::GET, "/v1/admin/users/{id}", user::get, user::about_get),
        Route::of(M::PATCH, "/v1/admin/users/{id}", user::patch, user::about_patch),
        Route::of(M::DELETE, "/v1/admin/users/{id}", user::delete, user::about_delete),
        Route::of(
            M::POST,
            "/v1/admin/users/{id}/logout",
            admin::logout::post,
            admin::logout::about_post,
        ),
        Route::of(M::POST, "/v1/admin/users/{id}/unlock", unlock::post, unlock::about_post),
        Route::of(M::GET, "/v1/admin/sessions", admin::sessions::get, admin::sessions::about_get),
        Route::of(M::DELETE, "/v1/admin/sessions/{id}", session::delete, session::about_delete),
        Route::of(M::GET, "/v1/admin/events", events::get, events::about_get),
        Route::of(M::GET, "/v1/admin/keys", keys::get, keys::about_get),
        Route::of(M::POST, "/v1/admin/keys", keys::post, keys::about_post),
        Route::of(M::GET, "/v1/admin/invitations", invitations::get, invitations::about_get),
        Route::of(M::POST, "/v1/admin/invitations", invitations::post, invitations::about_post),
        Route::of(
            M::DELETE,
            "/v1/admin/invitations/{id}",
            invitation::delete,
            invitation::about_delete,
        ),
        Route::of(M::GET, "/v1/admin/apikeys", api_keys::get, api_keys::about_get),
        Route::of(M::POST, "/v1/admin/apikeys", api_keys::post, api_keys::about_post),
        Route::of(M::DELETE, "/v1/admin/apikeys/{id}", api_key::delete, api_key::about_delete),
    ]
}

/// What is asked about tokens of every kind. Who asks shows an API key, which is no token of a user's.
pub fn about_tokens() -> Vec<Route<Tokens>> {
    vec![
        Route::of(Method::POST, "/v1/introspect", introspect::post, introspect::about_post)
            .public(),
        Route::of(Method::POST, "/v1/revoke", revoke::post, revoke::about_post).public(),
    ]
}

/// What the API says of itself.
pub fn about_itself() -> Vec<Route<Description>> {
    use Method as M;
    vec![
        Route::of(M::GET, "/openapi.json", description::get, description::about_get).always(),
        Route::of(M::GET, "/docs", docs::get, docs::about_get).always(),
    ]
}

/// The document of the native API (OpenAPI), as a server with this configuration serves it.
pub fn document(config: &Config) -> Document {
    let mut operations = described(native());
    operations.extend(described(administration()));
    operations.extend(described(about_tokens()));
    operations.extend(described(about_itself()));
    Document::of(config, operations)
}

fn described<S>(routes: Vec<Route<S>>) -> Vec<Described> {
    let described = |Route { method, path, operation, .. }: Route<S>| {
        operation.map(|operation| Described { method, path, operation })
    };
    routes.into_iter().filter_map(described).collect()
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
    let description = Description::of(&document(&app.config))?;
    let about_itself = about_itself().into_iter().map(|route| route.with_state(&description));
    let native: Vec<Route<()>> = native.chain(about_tokens).chain(about_itself).collect();
    check_conflicts(&native, &dialects)?;
    app.mirrors.serve(dialects::mirror::served(&dialects));
    let mut routes = Router::new();
    for route in native {
        let path = route.path.clone();
        routes = routes.route(&path, route.behind(app, (guard::native(app), clock_gate::native))?);
    }
    for dialect in dialects {
        for route in dialect.routes {
            let path = route.path.clone();
            let handler = route.behind(app, (dialect.state.guard(), clock_gate::dialect))?;
            routes = routes.route(&path, handler.with_state(dialect.state.clone()));
        }
    }
    // Answers to preflights are logged and counted too.
    let shared = Cors::of(&app.config).around(with_fallbacks(routes));
    Ok(surround(shared, surroundings(app)))
}

/// What stands on the address of its own that `metrics.listen` names.
pub fn metrics_router(app: &App) -> Router {
    let routes = Router::new().route("/metrics", get(metrics::get_without_key));
    // Whoever collects metrics is not worth a trace.
    layers(routes.with_state(app.clone()), Surroundings { traces: None, ..surroundings(app) })
}

fn surroundings(app: &App) -> Surroundings {
    Surroundings {
        trusted_proxies: app.config.trusted_proxies.clone(),
        clock: app.clock.clone(),
        entropy: app.entropy.clone(),
        metrics: app.metrics.clone(),
        traces: app.traces.clone(),
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
