//! `countersign import`

mod origin;
mod told;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;

use self::origin::{Origin, Users};
use self::told::{Summary, Told};
use super::{Failure, Settings};
use crate::app::{App, StartError, check_database_file, database_options};
use crate::clock::{Clock, Time};
use crate::config::{Config, DialectConfig, Overrides};
use crate::db::{Db, DbOptions};
use crate::http::dialects;
use crate::import::Mapping;
use crate::import::system::System;
use crate::operations::Caller;
use crate::operations::import::revoked::{List, import_revoked};
use crate::operations::import::row::Field;
use crate::operations::import::{Counts, ImportError, OnError, Rules, Target, import_users};

#[derive(Args)]
pub(super) struct Import {
    /// What the users come from: a system that speaks one of the dialects, or a file.
    #[arg(long, value_name = "SYSTEM", value_parser = origin::parser())]
    from: String,
    /// The database's URL: `sqlite:FILE`, `postgres://…` or `mysql://…`. One with a password comes
    /// in the variable `COUNTERSIGN_IMPORT_SOURCE`, or with `-` from a prompt or standard input. Of
    /// `jsonl` and `csv` the file, or `-` for standard input.
    #[arg(long, value_name = "URL|FILE")]
    source: Option<String>,
    #[command(flatten)]
    names: Names,
    /// Of a file: the dialect of the system that the users come from, whose tokens are good for
    /// them while `legacy_tokens_until` says so.
    #[arg(long = "for", value_name = "DIALECT", value_parser = origin::dialects())]
    dialect: Option<String>,
    /// Of `passport`: the Redis in which the system keeps who is logged in. Without it nobody knows
    /// who logged out there. A URL with a password comes in the variable `COUNTERSIGN_IMPORT_REDIS`.
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Where the clocks hung that showed times without an offset: Asia/Shanghai.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    timezone: TimeZone,
    /// Tell what would happen, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Import users who are administrators in the source as administrators (role `admin`).
    #[arg(long)]
    allow_admins: bool,
    /// What to put before phone numbers that have no `+`: `+` where their country code is there, or
    /// such as `+49` where it is not.
    #[arg(long, value_name = "PREFIX", value_parser = phone_prefix)]
    phone_prefix: Option<String>,
    /// What to do about a row with a problem.
    #[arg(long, value_enum, default_value = "stop")]
    on_error: Choice,
    /// Write every problem to this new file, as JSON Lines.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Where the source is not what it is by default.
#[derive(Args)]
struct Names {
    /// The table of users.
    #[arg(long)]
    table: Option<String>,
    /// The column whose values are unique, by which the rows are ordered.
    #[arg(long, value_name = "COLUMN")]
    key: Option<String>,
    /// The column (in JSON the member) that says this of users; without COLUMN there is none. May
    /// be repeated.
    #[arg(long = "map", value_name = "FIELD=COLUMN", value_parser = pair)]
    map: Vec<(Field, String)>,
    /// The table of tokens that were logged out.
    #[arg(long, value_name = "TABLE")]
    revoked_table: Option<String>,
    /// Its column.
    #[arg(long, value_name = "COLUMN")]
    revoked_column: Option<String>,
    /// Leave the tokens that were logged out.
    #[arg(long, conflicts_with_all = ["revoked_table", "revoked_column"])]
    no_revoked: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Choice {
    /// Stop before anything of its batch is written.
    Stop,
    /// Import the other rows.
    Skip,
    /// Import the user without a value that is wrong, if there is enough without it; else as `skip`.
    DropValue,
}

impl From<Choice> for OnError {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Stop => Self::Stop,
            Choice::Skip => Self::Skip,
            Choice::DropValue => Self::DropValue,
        }
    }
}

fn pair(text: &str) -> Result<(Field, String), String> {
    let (field, column) = text.split_once('=').ok_or("FIELD=COLUMN is wanted")?;
    Ok((field.trim().parse()?, column.trim().to_owned()))
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "a time zone such as Europe/Berlin or UTC is wanted".to_owned())
}

fn phone_prefix(text: &str) -> Result<String, String> {
    let code = text.strip_prefix('+').filter(|code| {
        code.len() <= 3 && !code.starts_with('0') && code.bytes().all(|it| it.is_ascii_digit())
    });
    code.map(|_| text.to_owned()).ok_or_else(|| "+ or + and a country code is wanted".to_owned())
}

impl Names {
    fn mapping(&self) -> Result<Mapping, Failure> {
        let mut mapping = Mapping::default();
        for (field, column) in &self.map {
            if !mapping.put(*field, column.clone()) {
                return Err(Failure::Arguments(format!("--map: {field} stands there twice")));
            }
        }
        Ok(mapping)
    }

    fn is_of_table(&self) -> bool {
        self.no_revoked
            || [&self.table, &self.key, &self.revoked_table, &self.revoked_column]
                .iter()
                .any(|name| name.is_some())
    }
}

impl Import {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        let origin = self.origin()?;
        let config = settings.load(Overrides::default())?;
        let mut told = Told::new(self.report.as_deref())?;
        let summary = if self.dry_run {
            let db = look_into(&config).await?;
            let target = Target::DryRun(db.as_ref());
            let done = self.import(&origin, &config, target, &mut told).await;
            if let Some(db) = db {
                db.close().await;
            }
            done?
        } else {
            let import = async |app: &App, caller: &Caller| {
                let target = Target::Write(app, caller);
                self.import(&origin, &config, target, &mut told).await
            };
            settings.with_app(import).await?
        };
        told.print(settings, &summary)?;
        self.verdict(&summary)
    }

    fn origin(&self) -> Result<Origin, Failure> {
        let origin = Origin::find(&self.from, self.source.as_deref())?;
        if origin.system().is_some() && self.dialect.is_some() {
            let message = "--for: a system's users are of its own dialect";
            return Err(Failure::Arguments(message.to_owned()));
        }
        if self.redis.is_some() && !origin.system().is_some_and(|system| system.redis) {
            let message = "--redis: only passport's system keeps in Redis who is logged in";
            return Err(Failure::Arguments(message.to_owned()));
        }
        if origin.system().is_none() && self.names.is_of_table() {
            let message = "a file has no tables: --table, --key and the tokens are a database's";
            return Err(Failure::Arguments(message.to_owned()));
        }
        Ok(origin)
    }

    /// The tokens first: they must be known to be over when their users are.
    async fn import(
        &self,
        origin: &Origin,
        config: &Config,
        target: Target<'_>,
        told: &mut Told,
    ) -> Result<Summary, Failure> {
        let now = match target {
            Target::Write(_, caller) => caller.now,
            Target::DryRun(_) => Clock::System.now(),
        };
        let revoked = match origin.system().filter(|_| !self.names.no_revoked) {
            Some(system) => self.revoked((origin, system), (config, now), target, told).await?,
            None => None,
        };
        let stopped = revoked.as_ref().is_some_and(|revoked| revoked.stopped);
        let users = if stopped {
            None
        } else {
            let Users { mut pages, length, form } =
                origin.users(&self.names.mapping()?, &self.names, self.redis.as_deref()).await?;
            told.begin("users", length);
            let source = origin.source(self.dialect.as_deref());
            let rules = Rules {
                source,
                zone: self.timezone.clone(),
                form,
                shapes: dialects::shapes(config),
                phone_prefix: self.phone_prefix.clone(),
                allow_admins: self.allow_admins,
                on_error: self.on_error.into(),
            };
            let users = import_users(target, &rules, &mut pages, told).await;
            Some(users.map_err(failure)?)
        };
        told.finish()?;
        Ok(Summary { dry_run: self.dry_run, revoked, users })
    }

    async fn revoked(
        &self,
        (origin, system): (&Origin, &System),
        (config, now): (&Config, Time),
        target: Target<'_>,
        told: &mut Told,
    ) -> Result<Option<Counts>, Failure> {
        let Some((mut pages, length, remembered)) = origin.revoked(system, &self.names).await?
        else {
            return Ok(None);
        };
        told.begin("tokens that were logged out", Some(length));
        let configured = config.dialects.iter().find(|dialect| dialect.name == system.dialect);
        let until = configured.and_then(DialectConfig::legacy_tokens_end);
        let list = List { source: system.dialect, remembered, now, until };
        let counts = import_revoked(target, (list, self.on_error.into()), &mut pages, told).await;
        counts.map(Some).map_err(failure)
    }

    fn verdict(&self, summary: &Summary) -> Result<(), Failure> {
        if summary.is_stopped() {
            return Err(Failure::Failed(
                "stopped: nothing of the batch with the problem was written, nor what comes after \
                 it. Mend the row, leave the value out with --on-error drop-value, or skip the row \
                 with --on-error skip; the same command goes on"
                    .to_owned(),
            ));
        }
        let refused = summary.refused();
        if self.dry_run && refused > 0 && OnError::from(self.on_error) == OnError::Stop {
            return Err(Failure::Failed(format!(
                "rows with a problem: {refused}; the import would stop at the first"
            )));
        }
        Ok(())
    }
}

/// The database that is there, if one is. Nothing is made, and nothing is brought up to date.
async fn look_into(config: &Config) -> Result<Option<Db>, Failure> {
    if !check_database_file(config)? {
        return Ok(None);
    }
    let options = DbOptions { read_only: true, ..database_options(config) };
    let db = Db::connect(options).await.map_err(StartError::Db)?;
    let schema = db.schema().await.map_err(StartError::Db)?;
    if schema.version == 0 {
        db.close().await;
        return Ok(None);
    }
    if !schema.pending.is_empty() {
        let message = "the schema is not up to date; `countersign migrate` brings it there";
        return Err(Failure::Failed(message.to_owned()));
    }
    Ok(Some(db))
}

fn failure(error: ImportError) -> Failure {
    match error {
        ImportError::Source(error) => Failure::Failed(format!("--source: {error}")),
        ImportError::Target(error) => Failure::Refused(error),
    }
}
