//! What the operator may set: one plain struct with final types.
//!
//! Precedence: flag, environment (`COUNTERSIGN_TOKENS__ACCESS_TTL`), file, default. Relative paths
//! are relative to the working directory, but for `audit.file`, which is relative to `data_dir`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

pub use countersign::Algorithm;

pub use self::dialect::{DialectConfig, ListUsers, PasswordPolicy};
pub use self::error::ConfigError;
pub use self::host_name::HostName;
pub use self::load::{Overrides, environment};
pub use self::origins::Origins;
pub use self::public_url::PublicUrl;
pub use self::rate::Rate;
pub use self::redis::{RedisConfig, RedisServers};
pub use self::signing_secret::SigningSecret;
pub use self::traces::{CollectorUrl, TracesConfig};

mod dialect;
mod error;
mod form;
mod host_name;
mod load;
mod origins;
mod public_url;
mod rate;
mod redis;
mod signing_secret;
#[cfg(test)]
mod tests;
mod traces;
mod validate;
mod warnings;
mod weak;

/// The name of the SQLite file in `data_dir`.
const DATABASE_FILE: &str = "countersign.db";

/// The whole configuration. `Config::default()` is what an empty file gives.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// What clients call the server; links, the issuer and the audience are built from it.
    pub public_url: PublicUrl,
    /// Holds the SQLite file, the generated master secret and the audit file.
    pub data_dir: PathBuf,
    /// The file of the master secret; `None` is the one in `data_dir`.
    #[serde(with = "form::optional")]
    pub master_secret_file: Option<PathBuf>,
    /// The file of the master secret before this one, while it is being rotated.
    #[serde(with = "form::optional")]
    pub master_secret_previous_file: Option<PathBuf>,
    /// Peers whose `X-Forwarded-For` and `traceparent` are believed.
    #[serde(with = "form::networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// `[database]`
    pub database: DatabaseConfig,
    /// `[redis]`
    pub redis: RedisConfig,
    /// `[tokens]`
    pub tokens: TokensConfig,
    /// `[keys]`
    pub keys: KeysConfig,
    /// `[sessions]`
    pub sessions: SessionsConfig,
    /// `[passwords]`
    pub passwords: PasswordsConfig,
    /// `[registration]`
    pub registration: RegistrationConfig,
    /// `[cors]`
    pub cors: CorsConfig,
    /// `[cookies]`
    pub cookies: CookiesConfig,
    /// `[audit]`
    pub audit: AuditConfig,
    /// `[limits]`
    pub limits: LimitsConfig,
    /// `[http]`
    pub http: HttpConfig,
    /// `[metrics]`
    pub metrics: MetricsConfig,
    /// `[traces]`
    pub traces: TracesConfig,
    /// `[[dialects]]`
    pub dialects: Vec<DialectConfig>,
}

/// Which database, and how many connections to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// May hold a password; `None` is SQLite in `data_dir`. See [`Config::database_url`].
    #[serde(serialize_with = "form::redacted", deserialize_with = "form::optional::deserialize")]
    pub url: Option<SecretString>,
    /// Connections to PostgreSQL or MySQL; readers of SQLite.
    pub max_connections: u32,
    /// Whether statements are prepared once for each connection, under a name. PostgreSQL only: a
    /// pooler in transaction mode may lose the names.
    pub prepared_statements: bool,
}

/// Access tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokensConfig {
    /// `iss`; `None` is the public URL. See [`Config::issuer`].
    #[serde(with = "form::optional")]
    pub issuer: Option<String>,
    /// `aud`; `None` is the public URL. See [`Config::audience`].
    #[serde(with = "form::optional")]
    pub audience: Option<String>,
    /// What new signing keys are for.
    pub algorithm: Algorithm,
    /// How long an access token lives.
    #[serde(with = "form::duration")]
    pub access_ttl: Duration,
    /// How far in the future `iat` and `nbf` may lie; `exp` has no leeway.
    #[serde(with = "form::duration")]
    pub leeway: Duration,
    /// Whether access tokens say where their status is told, and status lists tell it.
    pub status_list: bool,
}

/// The keys that sign access tokens of the native API.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// How long a key signs before the next one does; `None` is until somebody rotates it.
    #[serde(with = "form::duration_or_none")]
    pub rotate_every: Option<Duration>,
}

/// Sessions and refresh tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionsConfig {
    /// A session that is not refreshed for so long is over.
    #[serde(with = "form::duration")]
    pub refresh_ttl: Duration,
    /// A session is over so long after its login, however it is used.
    #[serde(with = "form::duration")]
    pub absolute_ttl: Duration,
    /// One more login ends the oldest.
    pub max_per_user: u32,
    /// How long a refresh token that was just exchanged gets the same pair again.
    #[serde(with = "form::duration")]
    pub reuse_grace: Duration,
    /// How long it gets another pair, while the one it was exchanged for is unused.
    #[serde(with = "form::duration")]
    pub unused_successor: Duration,
    /// A node that has not heard of the others' revocations for so long says 503.
    #[serde(with = "form::duration")]
    pub max_staleness: Duration,
}

/// Password rules, and what a hash costs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordsConfig {
    /// In code points.
    pub min_length: usize,
    /// Whether common passwords and the user's own identifiers are refused.
    pub blocklist: bool,
    /// Words that are refused as the name of the service is: those of a company or a product.
    pub context_words: Vec<String>,
    /// Argon2id's memory.
    pub memory_kib: u32,
    /// Argon2id's passes.
    pub iterations: u32,
    /// Argon2id's lanes within one hash.
    pub parallelism: u32,
    /// How many hashes run at a time; 0 is the number of cores.
    pub lanes: usize,
    /// How many wait; more are answered 503.
    pub queue: usize,
}

/// Who may make an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrationConfig {
    /// Anyone, the invited, or admins only.
    pub mode: RegistrationMode,
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationMode {
    /// Anyone.
    Open,
    /// Whoever has an invitation.
    Invite,
    /// Admins, for others.
    Closed,
}

/// Which web pages of other origins may call the API.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorsConfig {
    /// None, those listed, or any (`["*"]`).
    pub origins: Origins,
}

/// Tokens in cookies.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CookiesConfig {
    /// Whether the native API hands out tokens in cookies, and only there.
    pub enabled: bool,
}

/// The audit trail.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditConfig {
    /// Relative to `data_dir`; `None` writes no file. See [`Config::audit_file`].
    #[serde(with = "form::optional")]
    pub file: Option<PathBuf>,
    /// How long events are kept, in the database; `None` is for ever.
    #[serde(with = "form::duration_or_none")]
    pub retention: Option<Duration>,
}

/// Limits on attempts and registrations.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Whether there are any.
    pub enabled: bool,
    /// Registrations from one network; `None` is without limit.
    #[serde(with = "form::parsed")]
    pub registrations: Option<Rate>,
}

/// The HTTP server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Host names that requests may carry besides the one of the public URL.
    pub hosts: Vec<HostName>,
    /// How many connections are open at a time.
    pub max_connections: usize,
    /// How many of them may be streams of revocations.
    pub max_streams: usize,
}

/// What is counted and measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// An address where they are shown to everybody; `None` is none.
    #[serde(with = "form::address")]
    pub listen: Option<SocketAddr>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            public_url: PublicUrl::default(),
            data_dir: "countersign-data".into(),
            master_secret_file: None,
            master_secret_previous_file: None,
            trusted_proxies: Vec::new(),
            database: DatabaseConfig { url: None, max_connections: 16, prepared_statements: true },
            redis: RedisConfig { url: None },
            tokens: TokensConfig {
                issuer: None,
                audience: None,
                algorithm: Algorithm::Es256,
                access_ttl: Duration::from_mins(15),
                leeway: Duration::from_secs(30),
                status_list: false,
            },
            keys: KeysConfig { rotate_every: Some(Duration::from_hours(30 * 24)) },
            sessions: SessionsConfig {
                refresh_ttl: Duration::from_hours(30 * 24),
                absolute_ttl: Duration::from_hours(90 * 24),
                max_per_user: 100,
                reuse_grace: Duration::from_secs(10),
                unused_successor: Duration::from_hours(1),
                max_staleness: Duration::from_secs(5),
            },
            passwords: PasswordsConfig {
                min_length: 8,
                blocklist: true,
                context_words: Vec::new(),
                memory_kib: 19 * 1024,
                iterations: 2,
                parallelism: 1,
                lanes: 0,
                queue: 256,
            },
            registration: RegistrationConfig { mode: RegistrationMode::Open },
            cors: CorsConfig { origins: Origins::default() },
            cookies: CookiesConfig { enabled: false },
            audit: AuditConfig {
                file: Some("audit.jsonl".into()),
                retention: Some(Duration::from_hours(365 * 24)),
            },
            limits: LimitsConfig { enabled: true, registrations: Some(Rate::REGISTRATIONS) },
            http: HttpConfig { hosts: Vec::new(), max_connections: 10_000, max_streams: 1_000 },
            metrics: MetricsConfig { listen: None },
            traces: TracesConfig { otlp: None, headers: BTreeMap::new(), sample_ratio: 1.0 },
            dialects: Vec::new(),
        }
    }
}

impl Config {
    /// What tokens carry as `iss`.
    pub fn issuer(&self) -> &str {
        self.tokens.issuer.as_deref().unwrap_or(self.public_url.as_str())
    }

    /// What tokens carry as `aud`.
    pub fn audience(&self) -> &str {
        self.tokens.audience.as_deref().unwrap_or(self.public_url.as_str())
    }

    /// The database: the one configured, or SQLite in `data_dir`.
    pub fn database_url(&self) -> SecretString {
        self.database.url.clone().unwrap_or_else(|| {
            format!("sqlite:{}", self.data_dir.join(DATABASE_FILE).display()).into()
        })
    }

    /// Whether the database is a SQLite file in `data_dir`, the only one for which a master secret
    /// may be generated.
    pub fn database_is_in_data_dir(&self) -> bool {
        let file = self.sqlite_file();
        file.is_some_and(|file| file.parent() == Some(self.data_dir.as_path()))
    }

    /// The database's file, where it is SQLite.
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        let url = self.database_url();
        let path = url.expose_secret().strip_prefix("sqlite:")?;
        Some(path.strip_prefix("//").unwrap_or(path).into())
    }

    /// Where events are written as they happen, if anywhere.
    pub fn audit_file(&self) -> Option<PathBuf> {
        Some(self.data_dir.join(self.audit.file.as_ref()?))
    }
}
