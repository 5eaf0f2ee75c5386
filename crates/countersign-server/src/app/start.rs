//! What comes before everything else: the data folder, the database, the master secret.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::clock::Clock;
use crate::config::Config;
use crate::db::{Db, DbError, DbOptions, Schema};
use crate::entropy::Entropy;
use crate::error::Error;
use crate::identifier::Shapes;
use crate::node::Node;
use crate::password::LaneError;
use crate::redis::Redis;
use crate::secrets::{
    MasterSecret, SecretError, SecretSource, exposed_secrets, generated_file, prepare_data_dir,
};
use crate::shared_clock::{Level, SharedClock};
use crate::tables::setting;
use crate::traces::TracesError;

/// What the operator should do about a pooler in transaction mode.
pub(super) const POOLED_BY_TRANSACTION: &str = "database.url: a pooler in transaction mode stands before PostgreSQL, and settings of a \
     connection, such as its lock_timeout, reach other clients of the pooler; set \
     database.prepared_statements = false, or let it pool by session";

/// What an [`App`](super::App) is built from.
pub struct Setup {
    /// What the operator set.
    pub config: Config,
    /// The value of [`crate::secrets::VARIABLE`], if it is set.
    pub master_secret: Option<SecretString>,
    /// The time.
    pub clock: Clock,
    /// The randomness.
    pub entropy: Entropy,
    /// The longest life that an access token of a dialect may have; zero without dialects.
    pub dialects_access_ttl: Duration,
    /// What is a phone number here: what the dialects say is one.
    pub shapes: Shapes,
    /// Whether a dialect's clients send the SHA-256 of passwords.
    pub dialects_want_client_sha256: bool,
    /// The dialects whose tokens are copied to Redis, where there is one.
    pub mirrored: Vec<&'static str>,
    /// Whether this is a command that runs beside servers, and takes of everything as little as it
    /// needs.
    pub command: bool,
}

/// Why the server or a command does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The master secret or the data folder.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database cannot be reached, or holds what this version does not know.
    #[error("database.url: {0}")]
    Db(#[from] DbError),
    /// The master secret is not the one that this database was set up with.
    #[error(
        "master_secret_file: this is not the master secret that the database was set up with; \
         give that one, or name it in master_secret_previous_file to change it"
    )]
    OtherMasterSecret,
    /// Not everything has arrived here yet.
    #[error(
        "database.url: this database is the target of a `countersign move` that did not end; run \
         that command again, which goes on where it was interrupted"
    )]
    UnfinishedMove,
    /// A command would write times that are wrong. A server starts, and refuses to serve meanwhile.
    #[error("{0}")]
    Clock(String),
    /// The SQLite file is gone or empty, and what was written beside it is there.
    #[error(
        "database.url: {} is missing or empty, and {} shows that there was a database; mount or \
         restore it, or start with --new-database to begin with an empty one", file.display(), beside.display()
    )]
    DatabaseMissing {
        /// The file.
        file: PathBuf,
        /// What is there.
        beside: PathBuf,
    },
    /// The hash lane.
    #[error("passwords: {0}")]
    Lane(#[from] LaneError),
    /// The URL of Redis.
    #[error("redis.url: {0}")]
    Redis(&'static str),
    /// Cookie mode.
    #[error("cookies.enabled: {0}")]
    Cookies(#[from] countersign::layer::ConfigError),
    /// The audit file.
    #[error("audit.file: {0}")]
    Audit(io::Error),
    /// The collector of traces.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// Something else that start-up does.
    #[error(transparent)]
    Operation(#[from] Error),
}

/// What start-up found worth telling.
#[derive(Debug, Default)]
pub struct Notices {
    /// What the operator should change.
    pub warnings: Vec<String>,
    /// Whether this start made the master secret, and where it lies.
    pub created: Option<PathBuf>,
}

/// Whether there is a database to open: false if the SQLite file is missing or empty.
///
/// # Errors
/// [`StartError::DatabaseMissing`] for a SQLite file that is missing or empty although its write-ahead
/// log, the master secret that was made for it or its audit file is there: a start would make an empty
/// database in its place, and SQLite would delete the log.
pub fn check_database_file(config: &Config) -> Result<bool, StartError> {
    let is_used = |path: &PathBuf| fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0);
    let Some(file) = config.sqlite_file().filter(|file| !is_used(file)) else { return Ok(true) };
    let mut log = file.clone().into_os_string();
    log.push("-wal");
    let secret = config.database_is_in_data_dir().then(|| generated_file(&config.data_dir));
    let beside = [Some(log.into()), secret, config.audit_file()];
    match beside.into_iter().flatten().find(is_used) {
        Some(beside) => Err(StartError::DatabaseMissing { file, beside }),
        None => Ok(false),
    }
}

/// What is there before the app is.
pub(super) struct Opened {
    pub(super) db: Db,
    pub(super) master: Arc<MasterSecret>,
    pub(super) previous: Option<Arc<MasterSecret>>,
    /// Which master secret the database was set up with, as far as it was.
    pub(super) check: Option<String>,
    pub(super) notices: Notices,
}

/// Opens the database and finds the secrets, or refuses to start.
pub(super) async fn open(setup: &Setup) -> Result<Opened, StartError> {
    let Setup { config, entropy, .. } = setup;
    let mut notices = Notices { warnings: config.warnings(), created: None };
    notices.warnings.extend(prepare_data_dir(&config.data_dir)?);
    notices.warnings.extend(exposed_secrets(config));
    let db = Db::connect(database_options(config)).await?;
    db.check_settings().await?;
    if !setup.command && db.is_pooled_by_transaction().await? {
        notices.warnings.push(POOLED_BY_TRANSACTION.to_owned());
    }
    let check = known_check(&db, &db.schema().await?).await?;
    let may_create = config.database_is_in_data_dir() && check.is_none();
    let (master, source) =
        MasterSecret::load_or_create(config, setup.master_secret.as_ref(), may_create, entropy)?;
    let previous = MasterSecret::load_previous(config)?;
    // A start that is refused has not migrated the database, which older servers may be using.
    check_master(check.as_deref(), &master, previous.as_ref())?;
    db.migrate().await?;
    for warning in db.durability().await? {
        notices.warnings.push(warning.to_string());
    }
    // Of two first starts with secrets of their own one must know at once that the other was quicker.
    if check.is_none() {
        put_check(&db, None, &master).await?;
    }
    if let SecretSource::Created(path) = source {
        notices.created = Some(path);
    }
    let (master, previous) = (Arc::new(master), previous.map(Arc::new));
    Ok(Opened { db, master, previous, check, notices })
}

/// How the configured database is opened.
pub(crate) fn database_options(config: &Config) -> DbOptions {
    DbOptions {
        max_connections: config.database.max_connections,
        prepared_statements: config.database.prepared_statements,
        ..DbOptions::new(config.database_url().expose_secret())
    }
}

/// Which master secret the database was set up with, if it was.
pub(super) async fn known_check(db: &Db, schema: &Schema) -> Result<Option<String>, StartError> {
    if schema.version == 0 {
        return Ok(None);
    }
    if setting::find(db, setting::MOVE).await?.is_some() {
        return Err(StartError::UnfinishedMove);
    }
    Ok(setting::find(db, setting::MASTER_CHECK).await?)
}

/// A node with another master secret would neither open the keys nor know anybody's refresh token.
pub(super) fn check_master(
    check: Option<&str>,
    master: &MasterSecret,
    previous: Option<&MasterSecret>,
) -> Result<(), StartError> {
    let is_known = |secret: &MasterSecret| check.is_none_or(|known| secret.check_value() == known);
    if is_known(master) || previous.is_some_and(is_known) {
        return Ok(());
    }
    Err(StartError::OtherMasterSecret)
}

/// Writes which master secret it is from now on, unless `known` says so already.
pub(super) async fn put_check(
    db: &Db,
    known: Option<&str>,
    master: &MasterSecret,
) -> Result<(), StartError> {
    let value = master.check_value();
    if known == Some(value.as_str()) {
        return Ok(());
    }
    let written = value.clone();
    let put: Result<(), DbError> = db
        .write("master_check", move |tx| {
            let value = written.clone();
            Box::pin(async move { setting::put(tx, setting::MASTER_CHECK, &value).await })
        })
        .await;
    match put {
        // Another first start was quicker; its secret is the one, then.
        Err(error) if error.is_unique() => {
            let known = setting::find(db, setting::MASTER_CHECK).await?;
            if known.is_some_and(|known| known == value) {
                Ok(())
            } else {
                Err(StartError::OtherMasterSecret)
            }
        }
        put => Ok(put?),
    }
}

/// Revocations must be remembered for the longest life that a token of any node may have.
pub(super) async fn raise_longest_access_ttl(db: &Db, longest: Duration) -> Result<(), DbError> {
    let longest = longest.as_secs();
    let raised: Result<(), DbError> = db
        .write("longest_access_ttl", move |tx| {
            Box::pin(async move {
                let known = setting::find_in(tx, setting::LONGEST_ACCESS_TTL).await?;
                let known = known.and_then(|text| text.parse::<u64>().ok());
                if known.is_none_or(|known| known < longest) {
                    setting::put(tx, setting::LONGEST_ACCESS_TTL, &longest.to_string()).await?;
                }
                Ok(())
            })
        })
        .await;
    match raised {
        // Another first start was quicker: this one has a row to compare with now.
        Err(error) if error.is_unique() => {
            Box::pin(raise_longest_access_ttl(db, Duration::from_secs(longest))).await
        }
        raised => raised,
    }
}

/// Compares this machine's clock with the one that all nodes share.
pub(super) async fn shared_clock(
    db: &Db,
    clock: &Clock,
    (command, notices): (bool, &mut Notices),
) -> Result<SharedClock, StartError> {
    let shared = SharedClock::new(db.clone(), clock.clone());
    shared.measure().await?;
    let Some(difference) = shared.difference() else { return Ok(shared) };
    match difference.level() {
        Level::Small => {}
        Level::Excessive if command => return Err(StartError::Clock(difference.advice())),
        Level::Large | Level::Excessive => notices.warnings.push(difference.advice()),
    }
    Ok(shared)
}

/// Makes this process known to the others under a fresh id. A server waits until it has heard what time
/// it is by their clocks.
pub(super) async fn join(
    db: &Db,
    shared_clock: &SharedClock,
    setup: &Setup,
) -> Result<Node, StartError> {
    let id = setup.entropy.uuid(shared_clock.now()).to_string();
    let max_staleness = setup.config.sessions.max_staleness;
    let node = Node::join(db.clone(), setup.clock.clone(), id, max_staleness).await?;
    if !setup.command {
        shared_clock.hear_peers().await?;
    }
    Ok(node)
}

/// Redis, if it is configured. A server that cannot reach it starts all the same; a command asks
/// it only when it has something to tell.
pub(super) async fn redis(
    config: &Config,
    master: &MasterSecret,
    (command, notices): (bool, &mut Notices),
) -> Result<Option<Redis>, StartError> {
    let Some(servers) = config.redis.servers().map_err(StartError::Redis)? else {
        return Ok(None);
    };
    let name = master.derive("redis names");
    let redis = Redis::new(servers, &name[..12]);
    if !command && let Err(error) = redis.connect().await {
        notices.warnings.push(format!("redis.url: {}", error.explain()));
    }
    Ok(Some(redis))
}
