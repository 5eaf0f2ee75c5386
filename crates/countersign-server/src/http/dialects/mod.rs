//! Dialects: older wire formats over the same operations. Each lives in its own folder, and is a
//! [`Definition`] here; nothing else knows which there are.

pub mod access_refresh;
pub mod auth_token;
pub mod check;
pub mod code_envelope;
pub mod credentials;
pub mod flask;
pub mod legacy;
pub mod listing;
pub mod mirror;
pub mod passport;
pub mod reply;
pub mod x_access_token;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use countersign::layer::{ConfigError, Guard, GuardBuilder, TokenType, VerifyAndAsk};
use countersign::{Algorithm, EndReason, Issuer, KeyError, KeyRing, Profile, SigningKey, Verifier};
use serde::Serialize;

use self::check::Bearer;
use self::legacy::{Legacy, LegacyTokens};
use self::mirror::Mirror;
use super::native::description::NoPage;
use super::router::Route;
use crate::app::App;
use crate::clock::Time;
use crate::config::{Config, DialectConfig, PasswordPolicy, RegistrationMode};
use crate::error::{Refusal, Result};
use crate::identifier::Shapes;
use crate::operations::credentials::Presented;
use crate::operations::lasting::Lasting;
use crate::operations::{Caller, Terms};
use crate::password::Policy;
use crate::tables::user::{self, User};

/// How many good tokens each dialect's verifier remembers, in 8 MiB at most.
const REMEMBERED_TOKENS: usize = 4_096;

/// What a dialect is, before it is configured.
pub struct Definition {
    /// Its name in the configuration.
    pub name: &'static str,
    /// How long its access tokens live unless the configuration says otherwise.
    pub access_ttl: Duration,
    /// How long its refresh tokens live unless the configuration says otherwise, and its sessions
    /// with them; `None` where it has no such tokens.
    pub refresh_ttl: Option<Duration>,
    /// Whether a user has one session at a time.
    pub single: bool,
    /// What its clients write phone numbers like, beside the international form.
    pub shapes: Shapes,
    /// The names of the codes whose numbers the configuration may change.
    pub codes: &'static [&'static str],
    /// What its tokens must carry.
    pub profile: Profile,
    /// How the older system's tokens are read.
    pub legacy: legacy::Rule,
    /// The refresh token that a good token of the dialect is, where it has such tokens.
    pub lasting: Option<fn(&Bearer) -> Option<Lasting>>,
    /// Where its tokens are, and what those are told who have no good one.
    pub guard: fn(GuardBuilder, &Dialect) -> GuardBuilder,
    /// What its clients send as a password.
    pub presented: Presented,
    /// Whether its clients can make accounts.
    pub registers: bool,
    /// What it copies to Redis, where there is one.
    pub mirror: Option<Mirror>,
    /// Its routes, without the prefix.
    pub routes: fn() -> Vec<Route<Dialect>>,
}

/// Every dialect there is.
static DEFINITIONS: [Definition; 5] = [
    auth_token::DEFINITION,
    access_refresh::DEFINITION,
    x_access_token::DEFINITION,
    code_envelope::DEFINITION,
    passport::DEFINITION,
];

/// The names of the dialects there are.
pub fn names() -> Vec<&'static str> {
    DEFINITIONS.iter().map(|definition| definition.name).collect()
}

/// The longest life of an access token in the configured dialects; zero without any.
pub fn longest_access_ttl(config: &Config) -> Duration {
    let ttl = |dialect: &DialectConfig| {
        let definition = find(&dialect.name)?;
        Some(dialect.access_ttl.unwrap_or(definition.access_ttl))
    };
    config.dialects.iter().filter_map(ttl).max().unwrap_or_default()
}

/// What is a phone number, since the configured dialects say so.
pub fn shapes(config: &Config) -> Shapes {
    let dialects = config.dialects.iter().filter_map(|dialect| find(&dialect.name));
    dialects.map(|definition| definition.shapes).fold(Shapes::default(), Shapes::and)
}

/// Warnings about configured dialects, each beginning with its key.
pub fn warnings(config: &Config) -> Vec<String> {
    let is_weak = |dialect: &&DialectConfig| {
        dialect.password_policy == PasswordPolicy::None
            && find(&dialect.name).is_some_and(|definition| definition.registers)
            && config.registration.mode != RegistrationMode::Closed
    };
    let warning = |dialect: &DialectConfig| {
        format!(
            "dialects.{}.password_policy: its clients may register with any password, such as `1`, \
             which is then good everywhere; `server` asks of them what [passwords] asks",
            dialect.name
        )
    };
    config.dialects.iter().filter(is_weak).map(warning).collect()
}

/// Whether clients of a configured dialect send the SHA-256 of passwords.
pub fn want_client_sha256(config: &Config) -> bool {
    let presented = |dialect: &DialectConfig| Some(find(&dialect.name)?.presented);
    config.dialects.iter().filter_map(presented).any(|it| it == Presented::ClientSha256)
}

fn find(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.name == name)
}

/// A dialect as it is configured: the state of its routes. Cheap to clone.
#[derive(Clone)]
pub struct Dialect(Arc<Parts>);

struct Parts {
    app: App,
    definition: &'static Definition,
    config: DialectConfig,
    issuer: Issuer,
    tokens: VerifyAndAsk,
    legacy: Option<LegacyTokens>,
    access_ttl: Duration,
    terms: Terms,
    policy: Option<Policy>,
}

impl Dialect {
    /// The app that all dialects and the native API share.
    pub fn app(&self) -> &App {
        &self.0.app
    }

    /// What the operator set for the dialect.
    pub fn config(&self) -> &DialectConfig {
        &self.0.config
    }

    /// The guard before the dialect's routes, to be built.
    pub fn guard(&self) -> GuardBuilder {
        let guard = Guard::with_check(self.clone())
            .token_type(TokenType::Any)
            .clock(self.app().clock.source());
        (self.0.definition.guard)(guard, self)
    }

    /// Ends the session of the token; of the older system's, only that token.
    pub async fn log_out(&self, caller: &Caller, bearer: &Bearer) -> Result<()> {
        let app = self.app();
        match bearer.legacy() {
            Some(Legacy { user, token_id, expires_at }) => {
                app.log_out_legacy(caller, &user.id, (token_id, *expires_at)).await
            }
            None => app.log_out(caller, bearer.session_id().unwrap_or_default()).await,
        }
    }

    /// The refresh token that a good token is, if it is one.
    pub fn refresh_token(&self, bearer: &Bearer) -> Option<Lasting> {
        self.0.definition.lasting.and_then(|lasting| lasting(bearer))
    }

    /// Revokes the token. Where the dialect has refresh tokens, that is the token alone; else its
    /// session ends.
    pub async fn revoke(&self, caller: &Caller, bearer: &Bearer) -> Result<()> {
        let app = self.app();
        if let Some(token) = self.refresh_token(bearer) {
            return app.revoke_lasting(caller, (self.terms(), self.access_ttl()), token).await;
        }
        match (bearer.session_id(), bearer.claims().jwt_id()) {
            (Some(session_id), Some(jti)) if self.0.definition.lasting.is_some() => {
                app.revoke_access_token(caller, (session_id, jti)).await
            }
            _ => self.log_out(caller, bearer).await,
        }
    }

    /// The user of a good token, from the database.
    ///
    /// # Errors
    /// [`Refusal::Ended`] where there is none who may use it.
    pub async fn user(&self, bearer: &Bearer) -> Result<User> {
        if let Some(legacy) = bearer.legacy() {
            return Ok(legacy.user.clone());
        }
        let session_id = bearer.session_id().unwrap_or_default();
        let user = user::find_by_session(&self.app().db, session_id).await?;
        let user = self.app().active(user).await?;
        Ok(user.ok_or(Refusal::Ended(EndReason::Deleted))?)
    }

    /// How long the dialect's sessions live.
    pub fn terms(&self) -> &Terms {
        &self.0.terms
    }

    /// The password policy that is asked for on top of what every password must be.
    pub fn policy(&self) -> Option<&Policy> {
        self.0.policy.as_ref()
    }

    /// How long the dialect's access tokens live.
    pub fn access_ttl(&self) -> Duration {
        self.0.access_ttl
    }

    /// When an access token that is minted now expires.
    pub fn expires_at(&self, now: Time) -> Time {
        now.plus(self.0.access_ttl)
    }

    /// Signs a token: HS256, header `{"alg":"HS256","typ":"JWT"}`.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String> {
        Ok(self.0.issuer.sign("JWT", claims)?)
    }
}

impl FromRef<Dialect> for App {
    fn from_ref(dialect: &Dialect) -> Self {
        dialect.app().clone()
    }
}

/// A dialect with its routes where the configuration puts them.
pub struct Mounted {
    /// The dialect's name.
    pub name: &'static str,
    /// What its routes share.
    pub state: Dialect,
    /// Its routes under their prefix.
    pub routes: Vec<Route<Dialect>>,
}

/// Why the routes cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// Two claim the same method and path.
    #[error("dialects: {first} and {second} both claim {route}; give one of them a prefix")]
    Conflict {
        /// Who was first.
        first: String,
        /// Who came after.
        second: String,
        /// The method and the path.
        route: String,
    },
    /// The guard before a route cannot be built.
    #[error("the guard before the routes: {0}")]
    Guard(#[from] ConfigError),
    /// The API's document cannot be shown.
    #[error(transparent)]
    Document(#[from] NoPage),
    /// There is no such dialect.
    #[error("dialects.name: there is no dialect {0:?}")]
    Unknown(String),
    /// A code has no such name.
    #[error("dialects.codes.{code}: {dialect} has no such code; it has {}", list(.known))]
    Code {
        /// The dialect.
        dialect: &'static str,
        /// What was named.
        code: String,
        /// What could be.
        known: &'static [&'static str],
    },
    /// The secret cannot be used.
    #[error("dialects.secret: of {dialect}: {problem}")]
    Secret {
        /// The dialect.
        dialect: &'static str,
        /// What is wrong.
        problem: KeyError,
    },
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Makes every configured dialect.
pub fn mount(app: &App) -> Result<Vec<Mounted>, MountError> {
    app.config.dialects.iter().map(|config| mount_one(app, config)).collect()
}

fn mount_one(app: &App, config: &DialectConfig) -> Result<Mounted, MountError> {
    let definition = find(&config.name).ok_or_else(|| MountError::Unknown(config.name.clone()))?;
    check_codes(definition, config)?;
    let key = signing_key(app, config)
        .map_err(|problem| MountError::Secret { dialect: definition.name, problem })?;
    let legacy = LegacyTokens::new(definition.name, &definition.legacy, config)
        .map_err(|problem| MountError::Secret { dialect: definition.name, problem })?;
    let access_ttl = config.access_ttl.unwrap_or(definition.access_ttl);
    let session_ttl = config.refresh_ttl.filter(|_| definition.refresh_ttl.is_some());
    let session_ttl = session_ttl.or(definition.refresh_ttl).unwrap_or(access_ttl);
    let ring = KeyRing::new(vec![key.verifying_key()]);
    let verifier = Verifier::new(definition.profile, ring)
        .leeway(app.config.tokens.leeway)
        .remember(REMEMBERED_TOKENS);
    let state = Dialect(Arc::new(Parts {
        app: app.clone(),
        definition,
        config: config.clone(),
        issuer: Issuer::new(key),
        tokens: VerifyAndAsk::new(verifier, app.node.standing()),
        legacy,
        access_ttl,
        terms: Terms {
            channel: definition.name.to_owned(),
            idle_ttl: session_ttl,
            absolute_ttl: session_ttl,
            single: definition.single,
        },
        policy: (config.password_policy == PasswordPolicy::Server).then(|| app.policy()),
    }));
    let mut routes = (definition.routes)();
    for route in &mut routes {
        route.path.insert_str(0, &config.prefix);
    }
    Ok(Mounted { name: definition.name, state, routes })
}

fn check_codes(definition: &Definition, config: &DialectConfig) -> Result<(), MountError> {
    let Definition { name: dialect, codes: known, .. } = *definition;
    match config.codes.keys().find(|code| !known.contains(&code.as_str())) {
        Some(code) => Err(MountError::Code { dialect, code: code.clone(), known }),
        None => Ok(()),
    }
}

/// The configured secret, or one derived from the master secret, the same on every node.
fn signing_key(app: &App, config: &DialectConfig) -> Result<SigningKey, KeyError> {
    match &config.secret {
        Some(secret) if config.allow_weak_secret => {
            SigningKey::from_weak_secret(Algorithm::Hs256, None, secret.expose())
        }
        Some(secret) => SigningKey::from_secret(Algorithm::Hs256, None, secret.expose()),
        None => {
            let derived = app.master.derive(&format!("dialect:{}", config.name));
            SigningKey::from_secret(Algorithm::Hs256, None, &*derived)
        }
    }
}
