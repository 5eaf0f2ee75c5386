//! `countersign doctor`

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use super::output::table;
use super::{Failure, Settings};
use crate::app::check_database_file;
use crate::app::inspect::{Inspected, inspect, try_to_write};
use crate::clock::{Clock, Time};
use crate::config::{Config, Overrides};
use crate::db::{Db, DbError};
use crate::http::dialects;
use crate::network;
use crate::redis::Redis;
use crate::secrets;
use crate::shared_clock::{self, Difference};
use crate::tables::node;
use crate::tables::signing_key::{self, SigningKeyRow, State};

/// Where keys are rotated by hand, one that signs for longer is worth a rotation.
const OLD_KEY: Duration = Duration::from_hours(60 * 24);
/// How long something that answers at all takes.
const PATIENCE: Duration = Duration::from_secs(3);
/// Less than this is soon full.
const LITTLE_SPACE: u64 = 512 * 1024 * 1024;
/// Less than this is full: the write-ahead log of SQLite grows to several megabytes.
const NO_SPACE: u64 = 8 * 1024 * 1024;

/// Looks for what is wrong, and says what to do. Leaves everything as it was.
#[derive(Args)]
pub(super) struct Doctor {}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Warning,
    Failure,
}

/// What one look found.
#[derive(Serialize)]
struct Finding {
    check: &'static str,
    level: Level,
    message: String,
}

#[derive(Serialize)]
struct Findings {
    findings: Vec<Finding>,
}

impl Findings {
    fn add(&mut self, check: &'static str, level: Level, message: impl Into<String>) {
        self.findings.push(Finding { check, level, message: message.into() });
    }

    fn fine(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(check, Level::Ok, message);
    }

    fn warn(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(check, Level::Warning, message);
    }

    fn fail(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(check, Level::Failure, message);
    }
}

impl Doctor {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        let Self {} = self;
        let config = settings.load(Overrides::default())?;
        let mut found = Findings { findings: Vec::new() };
        found.fine("configuration", "every key is known and has a value that can be meant");
        check_files(&mut found, &config);
        check_encryption(&mut found, "database", config.database_url().expose_secret());
        for warning in config.warnings().into_iter().chain(dialects::warnings(&config)) {
            found.warn("configuration", warning);
        }
        match check_database_file(&config) {
            Err(error) => found.fail("start", error.to_string()),
            Ok(false) => {
                found.fine("start", "nothing is set up yet; the first start makes the database");
            }
            Ok(true) => check_start(&mut found, &config).await,
        }
        check_redis(&mut found, &config).await;
        check_public_url(&mut found, &config).await;
        report(settings, &found)
    }
}

fn report(settings: &Settings, found: &Findings) -> Result<(), Failure> {
    let row = |finding: &Finding| {
        let level = match finding.level {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Failure => "FAILURE",
        };
        [level.to_owned(), finding.check.to_owned(), finding.message.clone()]
    };
    settings.print(found, || {
        table(["", "check", "finding"], found.findings.iter().map(row).collect())
    })?;
    if found.findings.iter().any(|finding| finding.level == Level::Failure) {
        return Err(Failure::Failed("something must be mended before the server can work".into()));
    }
    Ok(())
}

/// What a start would find.
async fn check_start(found: &mut Findings, config: &Config) {
    let master_secret = std::env::var(secrets::VARIABLE).ok().map(SecretString::from);
    let inspected = match inspect(config, master_secret.as_ref()).await {
        Ok(inspected) => inspected,
        Err(error) => return found.fail("start", error.to_string()),
    };
    found.fine("database", "it answers, and the master secret is its own");
    for warning in &inspected.warnings {
        found.warn("database", warning);
    }
    if inspected.is_rotating {
        found
            .warn("start", "master_secret_previous_file: the next start changes the master secret");
    }
    let now = Clock::System.now();
    check_clock(found, &inspected.db).await;
    check_writable(found, &inspected, config).await;
    check_triggers(found, &inspected).await;
    if inspected.schema.pending.is_empty() {
        check_keys(found, signing_key::list(&inspected.db).await, (now, config));
    } else {
        let count = inspected.schema.pending.len();
        found.warn(
            "database",
            format!("the next start makes {count} changes to the schema; older servers stop there"),
        );
    }
    inspected.db.close().await;
}

/// What this machine keeps is for the server's user alone.
fn check_files(found: &mut Findings, config: &Config) {
    let files = [("database.url", config.sqlite_file()), ("audit.file", config.audit_file())];
    for (key, path) in files {
        let Some(path) = path else { continue };
        let Some(mode) = mode(&path) else { continue };
        let [others, all_but_owner] = [0o007, 0o077].map(|class| mode & class);
        if all_but_owner == 0 {
            found.fine("files", format!("{key}: {} is for its owner alone", path.display()));
        } else if others == 0 {
            found.fine("files", format!("{key}: {} is for its owner and group", path.display()));
        } else {
            let (path, advice) = (path.display(), "chmod 0600 it");
            found.warn("files", format!("{key}: everyone may read {path} ({mode:04o}); {advice}"));
        }
    }
    for warning in secrets::exposed_secrets(config) {
        found.warn("files", warning);
    }
    check_space(found, ("data_dir", &config.data_dir));
    if let Some(file) = config.sqlite_file() {
        let folder =
            file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        if folder != config.data_dir {
            check_space(found, ("database.url", folder));
        }
    }
}

/// Triggers are nothing of this server's, and see every change.
async fn check_triggers(found: &mut Findings, inspected: &Inspected) {
    match inspected.db.triggers().await {
        Ok(triggers) if triggers.is_empty() => found.fine("database", "it has no triggers"),
        Ok(triggers) => found.warn(
            "database",
            format!(
                "there are triggers, which may change or delete what the server writes: {}; find out \
                 who made them, and run `countersign events verify --audit FILE`",
                triggers.join(", ")
            ),
        ),
        Err(error) => found.fail("database", format!("it does not list its triggers: {error}")),
    }
}

/// Whether the database takes changes: it may be a standby, read-only, or not ours to change, and its
/// disk may be full or fail.
async fn check_writable(found: &mut Findings, inspected: &Inspected, config: &Config) {
    let obstacles = match inspected.db.obstacles().await {
        Ok(obstacles) => obstacles,
        Err(error) => {
            let message = format!("it does not say whether it can be written: {error}");
            return found.fail("database", message);
        }
    };
    for obstacle in &obstacles {
        found.fail("database", *obstacle);
    }
    if !obstacles.is_empty() || !inspected.schema.pending.is_empty() {
        return;
    }
    match try_to_write(config).await {
        Ok(()) => found.fine("database", "it can be written"),
        Err(error) => found.fail("database", format!("it cannot be written: {error}")),
    }
}

fn mode(path: &Path) -> Option<u32> {
    Some(fs::metadata(path).ok()?.permissions().mode() & 0o777)
}

fn check_space(found: &mut Findings, (key, folder): (&str, &Path)) {
    let Ok(space) = rustix::fs::statvfs(folder) else { return };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let message = format!("{key}: {} MiB are free in {}", free / 1024 / 1024, folder.display());
    if free < NO_SPACE {
        found.fail("space", format!("{message}; nothing can be changed until there is room"));
    } else if free < LITTLE_SPACE {
        found.warn("space", format!("{message}; a full disk stops every change"));
    } else {
        found.fine("space", message);
    }
}

/// A database or a Redis on another machine is spoken to under TLS, or over a network that nobody
/// else is on.
fn check_encryption(found: &mut Findings, check: &'static str, url: &str) {
    let Ok(url) = Url::parse(url) else { return };
    if url.scheme() == "sqlite" || network::is_of_this_machine(&url) {
        return;
    }
    let option = |names: &[&str]| {
        let mut pairs = url.query_pairs();
        pairs.find(|(name, _)| names.contains(&&**name)).map(|(_, value)| value.into_owned())
    };
    let mode = option(&["sslmode", "ssl-mode"]).unwrap_or_default().to_lowercase();
    match mode.as_str() {
        "verify-full" | "verify_identity" => {
            found.fine(check, "the connection is encrypted, and the server proves who it is");
        }
        "require" | "required" | "verify-ca" | "verify_ca" => found.warn(
            check,
            "the connection is encrypted, and nobody checks with whom; \
             add sslmode=verify-full (ssl-mode=VERIFY_IDENTITY for MySQL) to database.url",
        ),
        _ => found.warn(
            check,
            "the connection may be unencrypted; \
             add sslmode=verify-full (ssl-mode=VERIFY_IDENTITY for MySQL) to database.url",
        ),
    }
}

/// Compares this machine's clock with the database server's.
async fn check_clock(found: &mut Findings, db: &Db) {
    let difference = match shared_clock::compare(db, &Clock::System).await {
        Ok(Some(difference)) => difference,
        Ok(None) => return check_times(found, db).await,
        Err(error) => {
            return found.fail("clock", format!("the database does not tell the time: {error}"));
        }
    };
    match difference.level() {
        shared_clock::Level::Small => {
            found.fine("clock", "this machine's clock and the database's agree");
        }
        shared_clock::Level::Large => found.warn("clock", difference.advice()),
        shared_clock::Level::Excessive => {
            let advice = difference.advice();
            found.fail("clock", format!("{advice}; until then the server answers 503"));
        }
    }
}

/// SQLite has no clock. A time that a server wrote, and that has not come yet, shows a wrong one.
async fn check_times(found: &mut Findings, db: &Db) {
    let Ok(running) = node::running(db).await else { return };
    let Some(latest) = running.into_iter().map(|(_, seen_at)| seen_at).max() else { return };
    let now = Clock::System.now();
    let difference = Difference::between(latest, (now, now));
    if now < latest && difference.level() != shared_clock::Level::Small {
        let message = format!(
            "this machine's clock is {difference} the time that a server wrote last; \
             one of the two clocks is or was wrong"
        );
        found.warn("clock", message);
    }
}

fn check_keys(
    found: &mut Findings,
    rows: Result<Vec<SigningKeyRow>, DbError>,
    (now, config): (Time, &Config),
) {
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => return found.fail("keys", error.to_string()),
    };
    let latest = now.plus(shared_clock::LIMIT);
    if !rows.is_empty() && rows.iter().all(|row| row.activates_at > latest) {
        let message = "this machine's clock is behind: every signing key was made in its future; \
                       set the clock: until then the server answers 503";
        return found.fail("clock", message);
    }
    let Some(active) = rows.iter().find(|row| row.state(&rows, now) == State::Active) else {
        return found.fail("keys", "no key signs now; run `countersign key rotate --now`");
    };
    let age = now.since(active.activates_at);
    let days = age.as_secs() / 86_400;
    let old = config.keys.rotate_every.map_or(OLD_KEY, |every| every.saturating_mul(2));
    if age > old {
        let kid = &active.kid;
        found.warn(
            "keys",
            format!("{kid} has signed for {days} days; run `countersign key rotate`"),
        );
    } else {
        found.fine("keys", format!("{} signs, since {days} days", active.kid));
    }
}

async fn check_redis(found: &mut Findings, config: &Config) {
    let Ok(Some(servers)) = config.redis.servers() else { return };
    match Redis::new(servers, b"doctor").connect().await {
        Ok(()) => found.fine("redis", "it answers"),
        Err(error) => found.warn("redis", format!("redis.url: {}", error.explain())),
    }
}

/// Whether somebody listens where clients are told to go. The server need not run for that.
async fn check_public_url(found: &mut Findings, config: &Config) {
    let url = config.public_url.as_str();
    let place = Url::parse(url).ok().and_then(|url| {
        Some((url.host_str()?.trim_matches(['[', ']']).to_owned(), url.port_or_known_default()?))
    });
    let Some((host, port)) = place else { return };
    match timeout(PATIENCE, TcpStream::connect((host.as_str(), port))).await {
        Ok(Ok(_)) => found.fine("public_url", format!("somebody listens at {url}")),
        _ => found.warn(
            "public_url",
            format!("nobody listens at {url}: the server does not run, or clients cannot reach it"),
        ),
    }
}
