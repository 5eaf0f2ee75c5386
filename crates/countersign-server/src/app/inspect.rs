//! A look at what a start would find, which changes nothing.

use secrecy::{ExposeSecret, SecretString};

use super::StartError;
use super::start::{check_master, known_check};
use crate::config::Config;
use crate::db::{Db, DbOptions, Schema};
use crate::entropy::Entropy;
use crate::secrets::MasterSecret;

/// What is there.
pub struct Inspected {
    /// The database, opened for reading.
    pub db: Db,
    /// Its schema.
    pub schema: Schema,
    /// Settings with which it may lose changes.
    pub warnings: Vec<String>,
    /// Whether the database was set up with the previous master secret, which the next start changes.
    pub is_rotating: bool,
}

/// Opens what a start would open, and refuses what it would refuse.
pub async fn inspect(
    config: &Config,
    master_secret: Option<&SecretString>,
) -> Result<Inspected, StartError> {
    let mut options = DbOptions::new(config.database_url().expose_secret());
    options.max_connections = 1;
    options.read_only = true;
    let db = Db::connect(options).await?;
    let schema = db.schema().await?;
    let check = known_check(&db, &schema).await?;
    let (master, _) = MasterSecret::load_or_create(config, master_secret, false, &Entropy::System)?;
    let previous = MasterSecret::load_previous(config)?;
    check_master(check.as_deref(), &master, previous.as_ref())?;
    let warnings = db.durability().await?.iter().map(ToString::to_string).collect();
    let is_rotating = check.is_some_and(|check| check != master.check_value());
    Ok(Inspected { db, schema, warnings, is_rotating })
}
