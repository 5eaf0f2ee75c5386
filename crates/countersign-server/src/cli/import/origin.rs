//! Which source it is, and how it is opened.

use std::path::Path;

use clap::builder::PossibleValuesParser;

use super::Names;
use crate::cli::source::Source;
use crate::cli::{Failure, warn};
use crate::import::system::{self, SYSTEMS, System};
use crate::import::{CsvSource, JsonlSource, Logins, Mapping, RevokedTable, UserTable, read};
use crate::operations::import::revoked::{Remembered, RevokedRow};
use crate::operations::import::row::{Pages, Row, Unreadable};
use crate::redis::Redis;
use crate::tables::password::PLAIN;

const VARIABLE: &str = "COUNTERSIGN_IMPORT_SOURCE";
const REDIS_VARIABLE: &str = "COUNTERSIGN_IMPORT_REDIS";

/// What users come from.
pub(super) enum Origin {
    /// A database of this system.
    System(&'static System, Source),
    /// A file of JSON Lines.
    Jsonl(String),
    /// A CSV file.
    Csv(String),
}

/// Users on their way.
pub(super) struct Users {
    pub(super) pages: Pages<Row>,
    /// How much there is, in the unit that pages count, where that is known.
    pub(super) length: Option<u64>,
    /// What their password hashes are of.
    pub(super) form: &'static str,
}

/// The words for `--from`.
pub(super) fn parser() -> PossibleValuesParser {
    let names = SYSTEMS.iter().flat_map(|system| [Some(system.dialect), system.alias]).flatten();
    names.chain(["jsonl", "csv"]).collect::<Vec<_>>().into()
}

/// The words for `--for`.
pub(super) fn dialects() -> PossibleValuesParser {
    SYSTEMS.iter().map(|system| system.dialect).collect::<Vec<_>>().into()
}

impl Origin {
    pub(super) fn find(from: &str, source: Option<&str>) -> Result<Self, Failure> {
        let file = || {
            let wanted = || Failure::Arguments("--source: say which file".to_owned());
            source.map(str::to_owned).ok_or_else(wanted)
        };
        match from {
            "jsonl" => Ok(Self::Jsonl(file()?)),
            "csv" => Ok(Self::Csv(file()?)),
            name => {
                let unknown = || Failure::Arguments(format!("--from: there is no system `{name}`"));
                let system = system::find(name).ok_or_else(unknown)?;
                Ok(Self::System(system, Source::find_or_ask("--source", source, VARIABLE)?))
            }
        }
    }

    pub(super) fn system(&self) -> Option<&'static System> {
        match self {
            Self::System(system, _) => Some(system),
            Self::Jsonl(_) | Self::Csv(_) => None,
        }
    }

    /// What the users are noted to have come from.
    pub(super) fn source(&self, dialect: Option<&str>) -> &'static str {
        let system = dialect.and_then(system::find).or(self.system());
        match (system, self) {
            (Some(system), _) => system.dialect,
            (None, Self::Csv(_)) => "csv",
            (None, _) => "jsonl",
        }
    }

    /// Begins to read the users.
    pub(super) async fn users(
        &self,
        mapping: &Mapping,
        names: &Names,
        redis: Option<&str>,
    ) -> Result<Users, Failure> {
        let started = |pages: std::io::Result<Pages<Row>>| pages.map_err(Failure::of);
        Ok(match self {
            Self::System(system, source) => {
                let foreign = source.connect_foreign().await?;
                let names = (names.table.as_deref(), names.key.as_deref());
                let table = UserTable::open(foreign, system, names, mapping).await;
                let table = table.map_err(|it| wrong(&it))?;
                let length = Some(table.length());
                let pages = match logins(system, redis).await? {
                    Some(redis) => read(Logins::new(table, redis)),
                    None => read(table),
                };
                Users { length, pages: started(pages)?, form: system.form }
            }
            Self::Jsonl(file) => {
                let file = JsonlSource::open(Path::new(file), mapping).map_err(|it| wrong(&it))?;
                Users { length: file.length(), pages: started(read(file))?, form: PLAIN }
            }
            Self::Csv(file) => {
                let file = CsvSource::open(Path::new(file), mapping).map_err(|it| wrong(&it))?;
                Users { length: file.length(), pages: started(read(file))?, form: PLAIN }
            }
        })
    }

    /// Begins to read the tokens that were logged out, where there is a list of them.
    pub(super) async fn revoked(
        &self,
        system: &System,
        names: &Names,
    ) -> Result<Option<(Pages<RevokedRow>, u64, Remembered)>, Failure> {
        let (Self::System(_, source), Some((table, column, remembered))) = (self, system.revoked)
        else {
            return Ok(None);
        };
        let foreign = source.connect_foreign().await?;
        let column = names.revoked_column.as_deref().unwrap_or(column);
        let table = RevokedTable::open(foreign, (table, names.revoked_table.as_deref()), column);
        let Some(table) = table.await.map_err(|it| wrong(&it))? else { return Ok(None) };
        let length = table.length();
        Ok(Some((read(table).map_err(Failure::of)?, length, remembered)))
    }
}

/// The Redis that says who is logged in to the system, where it has one that was named.
async fn logins(system: &System, redis: Option<&str>) -> Result<Option<Redis>, Failure> {
    if !system.redis {
        return Ok(None);
    }
    if let Some(source) = Source::find_any("--redis", redis, REDIS_VARIABLE)? {
        return source.connect_redis().await.map(Some);
    }
    let unknown = "--redis: without it nobody knows who logged out of the old system; such a user's \
                   last token is taken again";
    warn(&[unknown.to_owned()]);
    Ok(None)
}

/// Another argument would mend it.
fn wrong(error: &Unreadable) -> Failure {
    Failure::Arguments(format!("--source: {error}"))
}
