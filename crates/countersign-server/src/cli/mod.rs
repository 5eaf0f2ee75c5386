//! The command line. Output is a table, or JSON with `--json`; secrets come from a prompt or
//! standard input, never from an argument.

mod apikey;
mod completions;
mod configuration;
mod core_dump;
mod doctor;
mod events;
mod health;
mod import;
mod invitation;
mod key;
mod logging;
mod migrate;
mod moving;
mod openapi;
mod output;
mod prompt;
mod serve;
mod session;
mod source;
mod token;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use secrecy::SecretString;

use self::output::escape;
use crate::app::{App, Notices, Setup, StartError, check_database_file};
use crate::clock::Clock;
use crate::config::{self, Config, ConfigError, Overrides};
use crate::db::DbError;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::http::dialects;
use crate::identifier::Shapes;
use crate::operations::Caller;
use crate::operations::moving::MoveError;
use crate::operations::seals::Fault;
use crate::secrets;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  understood, and refused or failed
  2  the arguments or the configuration are wrong
  3  events are not as they were sealed";

/// What these options stand under in `--help`.
const COMMON: &str = "Options of every command";

/// Accounts, sessions and tokens for any API.
#[derive(Parser)]
#[command(name = "countersign", version, about, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    /// Without a command these are `serve`'s.
    #[command(flatten)]
    serve: serve::Serve,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What every command takes.
#[derive(Args)]
struct Settings {
    /// The configuration file.
    #[arg(long, global = true, help_heading = COMMON, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where data lies: the SQLite file, the generated master secret, the audit file.
    #[arg(long, global = true, help_heading = COMMON, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// Write JSON rather than a table.
    #[arg(long, global = true, help_heading = COMMON)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (the default).
    Serve(serve::Serve),
    /// Make, look at and change users.
    #[command(subcommand)]
    User(user::User),
    /// Invite people to register.
    #[command(subcommand)]
    Invitation(invitation::Invitation),
    /// Look at and end sessions.
    #[command(subcommand)]
    Session(session::Session),
    /// Look at, rotate and revoke the keys that sign.
    #[command(subcommand)]
    Key(key::Key),
    /// Make, look at and revoke the keys of programs that ask this server.
    #[command(subcommand, name = "apikey")]
    ApiKey(apikey::ApiKey),
    /// Bring the database's schema up to date.
    Migrate(migrate::Migrate),
    /// Move everything from one database to another.
    Move(moving::Move),
    /// Import the users of another system.
    ///
    /// They keep their numbers, public ids and passwords, and tokens that were logged out there
    /// stay so. Rows that cannot come along are told with the reason; nothing is renumbered. An
    /// import that was cut off goes on with the same command.
    Import(import::Import),
    /// Show what happened lately, the latest first; verify or export all of it.
    Events(events::Events),
    /// Look into access tokens.
    #[command(subcommand)]
    Token(token::Token),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(configuration::Configuration),
    /// Look for what is wrong, and say what to do.
    Doctor(doctor::Doctor),
    /// Write the document of the API, as this configuration serves it.
    #[command(name = "openapi")]
    OpenApi(openapi::OpenApi),
    /// Ask the running server whether it lives.
    Health(health::Health),
    /// Write the completions of a shell.
    Completions(completions::Completions),
}

impl Command {
    async fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self {
            Self::Serve(serve) => serve.run(settings).await,
            Self::User(user) => user.run(settings).await,
            Self::Invitation(invitation) => invitation.run(settings).await,
            Self::Session(session) => session.run(settings).await,
            Self::Key(key) => key.run(settings).await,
            Self::ApiKey(key) => key.run(settings).await,
            Self::Migrate(migrate) => migrate.run(settings).await,
            Self::Move(it) => it.run(settings).await,
            Self::Import(import) => import.run(settings).await,
            Self::Events(events) => events.run(settings).await,
            Self::Token(token) => token.run(settings).await,
            Self::Config(configuration) => configuration.run(settings),
            Self::Doctor(doctor) => doctor.run(settings).await,
            Self::OpenApi(openapi) => openapi.run(settings),
            Self::Health(health) => health.run(settings).await,
            Self::Completions(completions) => completions.run(),
        }
    }
}

/// Why a command failed: what is printed, and the exit code.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The command was understood and could not be done.
    #[error("{0}")]
    Failed(String),
    /// As [`Failure::Failed`], in the operation's own words.
    #[error(transparent)]
    Refused(#[from] Error),
    /// As [`Failure::Failed`], in the database's words.
    #[error("the database: {0}")]
    Db(#[from] DbError),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The configuration is wrong, or what it names.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The arguments are wrong, or the variables that stand for them.
    #[error("{0}")]
    Arguments(String),
    /// A move was refused or failed.
    #[error(transparent)]
    Move(#[from] MoveError),
    /// Events were tampered with.
    #[error(transparent)]
    Tampered(#[from] Fault),
    /// Nobody reads what the command writes.
    #[error("the reader of the output is gone")]
    Unread,
}

impl Failure {
    fn of(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }

    /// 2 for what another configuration or other arguments would mend, 3 for events that are not as
    /// they were sealed, 1 for the rest.
    fn exit_code(&self) -> u8 {
        match self {
            // As for a program that the signal ends: not worth a word.
            Self::Unread => 0,
            Self::Failed(_) | Self::Refused(_) | Self::Db(_) | Self::Move(_) => 1,
            Self::Config(_) | Self::Arguments(_) => 2,
            Self::Tampered(_) => 3,
            Self::Start(error) => match error {
                StartError::Db(DbError::Configuration(_) | DbError::Pooler)
                | StartError::Secret(_)
                | StartError::OtherMasterSecret
                | StartError::Lane(_)
                | StartError::Redis(_)
                | StartError::Cookies(_)
                | StartError::Audit(_)
                | StartError::Traces(_) => 2,
                // A mount that comes late is there at the next start.
                StartError::Db(_)
                | StartError::DatabaseMissing { .. }
                | StartError::UnfinishedMove
                | StartError::Clock(_)
                | StartError::Operation(_) => 1,
            },
        }
    }
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let Cli { settings, serve, command } = Cli::parse();
    if command.is_some() && !serve.is_default() {
        let message = "options of `serve` stand after it, and no other command has them";
        Cli::command().error(ErrorKind::ArgumentConflict, message).exit();
    }
    let command = command.unwrap_or(Command::Serve(serve));
    logging::start(if matches!(command, Command::Serve(_)) { "info" } else { "warn" });
    if let Err(error) = core_dump::prevent() {
        tracing::warn!("core dumps of this process cannot be prevented: {error}");
    }
    let done = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(command.run(&settings)),
        Err(error) => Err(Failure::of(error)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if failure.exit_code() != 0 {
                eprintln!("countersign: {}", escape(&failure.to_string()));
            }
            failure.exit_code().into()
        }
    }
}

impl Settings {
    fn load(&self, mut flags: Overrides) -> Result<Config, Failure> {
        if let Some(data_dir) = &self.data_dir {
            flags = flags.set("--data-dir", "data_dir", data_dir);
        }
        let names = dialects::names();
        Ok(Config::load(self.config.as_deref(), config::environment(), &flags, &names)?)
    }

    /// What is a phone number here.
    fn shapes(&self) -> Result<Shapes, Failure> {
        Ok(dialects::shapes(&self.load(Overrides::default())?))
    }

    async fn build(&self, config: Config, command: bool) -> Result<(App, Notices), Failure> {
        let master_secret = std::env::var(secrets::VARIABLE).ok().map(SecretString::from);
        let setup = Setup {
            dialects_access_ttl: dialects::longest_access_ttl(&config),
            mirrored: dialects::mirror::mirrored(&config),
            shapes: dialects::shapes(&config),
            dialects_want_client_sha256: dialects::want_client_sha256(&config),
            config,
            master_secret,
            clock: Clock::System,
            entropy: Entropy::System,
            command,
        };
        let warnings = dialects::warnings(&setup.config);
        let (app, mut notices) = Box::pin(App::build(setup)).await?;
        notices.warnings.extend(warnings);
        Ok((app, notices))
    }

    /// Opens what a command works on, lets it work, and closes all in good order.
    async fn with_app<T>(
        &self,
        work: impl AsyncFnOnce(&App, &Caller) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let config = self.load(Overrides::default())?;
        check_database_file(&config)?;
        let (app, notices) = self.build(config, true).await?;
        warn(&notices.warnings);
        if let Some(path) = &notices.created {
            eprintln!("countersign: made the master secret {}; keep a copy", path.display());
        }
        let done = work(&app, &Caller::command(app.clock.now())).await;
        let closed = app.shut_down().await;
        let done = done?;
        closed?;
        Ok(done)
    }
}

fn warn(warnings: &[String]) {
    for warning in warnings {
        eprintln!("countersign: warning: {}", escape(warning));
    }
}
