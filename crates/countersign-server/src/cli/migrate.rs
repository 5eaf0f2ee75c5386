//! `countersign migrate`

use clap::Args;
use serde_json::json;

use super::{Failure, Settings, warn};
use crate::app::{StartError, check_database_file, database_options};
use crate::config::{Config, Overrides};
use crate::db::migrations::MIGRATIONS;
use crate::db::{Db, Schema};
use crate::secrets::prepare_data_dir;

/// Applies what is missing, as every start does, and says what it was.
#[derive(Args)]
pub(super) struct Migrate {
    /// Tell what is missing, and change nothing.
    #[arg(long)]
    check: bool,
}

impl Migrate {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        let config = settings.load(Overrides::default())?;
        if self.check { check(settings, &config).await } else { migrate(settings, &config).await }
    }
}

async fn connect(config: &Config) -> Result<Db, Failure> {
    check_database_file(config)?;
    Ok(Db::connect(database_options(config)).await.map_err(StartError::Db)?)
}

async fn migrate(settings: &Settings, config: &Config) -> Result<(), Failure> {
    warn(prepare_data_dir(&config.data_dir).map_err(StartError::Secret)?.as_slice());
    let db = connect(config).await?;
    let migrated = db.migrate().await.map_err(StartError::Db);
    db.close().await;
    let migrated = migrated?;
    let (version, applied) = (migrated.version, &migrated.applied);
    settings.print(&json!({ "version": version, "applied": applied }), || match applied.len() {
        0 => format!("The schema is up to date, at version {version}."),
        _ => format!("Applied {}.\nThe schema is at version {version}.", applied.join(", ")),
    })
}

async fn check(settings: &Settings, config: &Config) -> Result<(), Failure> {
    let Schema { version, pending } = schema(config).await?;
    settings.print(&json!({ "version": version, "pending": pending }), || match pending.len() {
        0 => format!("The schema is up to date, at version {version}."),
        _ => format!("The schema is at version {version}; missing: {}.", pending.join(", ")),
    })
}

async fn schema(config: &Config) -> Result<Schema, Failure> {
    // Connecting would make the file.
    if !check_database_file(config)? {
        let pending = MIGRATIONS.iter().map(|migration| migration.name).collect();
        return Ok(Schema { version: 0, pending });
    }
    let db = connect(config).await?;
    let schema = db.schema().await.map_err(StartError::Db);
    db.close().await;
    Ok(schema?)
}
