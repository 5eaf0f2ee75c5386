//! The command line. Output is a table on a terminal and JSON with `--json`; secrets come from a
//! prompt or standard input, never from an argument.

mod logging;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use secrecy::SecretString;

use crate::app::{App, Notices, Setup};
use crate::clock::Clock;
use crate::config::{self, Config, ConfigError, Overrides};
use crate::entropy::Entropy;
use crate::http::dialects;
use crate::secrets;

/// Accounts, sessions and tokens for any API.
#[derive(Parser)]
#[command(name = "countersign", version, about)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What every command takes.
#[derive(Args)]
struct Settings {
    /// The configuration file.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where data lies: the SQLite file, the generated master secret, the audit file.
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// Write JSON rather than a table.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (the default).
    Serve(serve::Serve),
}

/// Why a command failed: what is printed, and the exit code.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The command was understood and could not be done: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// The configuration is wrong: exit code 2, as for wrong arguments.
    #[error("{0}")]
    Config(#[from] ConfigError),
}

impl Failure {
    fn of(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let Cli { settings, command } = Cli::parse();
    let command = command.unwrap_or_else(|| Command::Serve(serve::Serve::default()));
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report(&Failure::of(error)),
    };
    let done = runtime.block_on(async {
        match command {
            Command::Serve(serve) => serve.run(&settings).await,
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

fn report(failure: &Failure) -> ExitCode {
    eprintln!("countersign: {failure}");
    match failure {
        Failure::Failed(_) => ExitCode::from(1),
        Failure::Config(_) => ExitCode::from(2),
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

    async fn build(&self, config: Config, command: bool) -> Result<(App, Notices), Failure> {
        let master_secret = std::env::var(secrets::VARIABLE).ok().map(SecretString::from);
        let setup = Setup {
            dialects_access_ttl: dialects::longest_access_ttl(&config),
            config,
            master_secret,
            clock: Clock::System,
            entropy: Entropy::System,
            command,
        };
        App::build(setup).await.map_err(Failure::of)
    }
}
