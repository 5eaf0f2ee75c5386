//! A look at what a start would find, which leaves everything as it was.

use secrecy::SecretString;

use super::StartError;
use super::start::{POOLED_BY_TRANSACTION, check_master, database_options, known_check};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::{Db, DbError, DbOptions, Schema};
use crate::entropy::Entropy;
use crate::secrets::MasterSecret;
use crate::tables::node;

/// What is there.
pub struct Inspected {
    /// The database, opened for reading.
    pub db: Db,
    /// Its schema.
    pub schema: Schema,
    /// Settings with which it may lose changes, and a pooler that needs another setting here.
    pub warnings: Vec<String>,
    /// Whether the database was set up with the previous master secret, which the next start changes.
    pub is_rotating: bool,
}

/// Opens what a start would open, and refuses what it would refuse.
pub async fn inspect(
    config: &Config,
    master_secret: Option<&SecretString>,
) -> Result<Inspected, StartError> {
    let options = database_options(config);
    let db = Db::connect(DbOptions { max_connections: 1, read_only: true, ..options }).await?;
    db.check_settings().await?;
    let is_pooled_by_transaction = db.is_pooled_by_transaction().await?;
    let schema = db.schema().await?;
    let check = known_check(&db, &schema).await?;
    let (master, _) = MasterSecret::load_or_create(config, master_secret, false, &Entropy::System)?;
    let previous = MasterSecret::load_previous(config)?;
    check_master(check.as_deref(), &master, previous.as_ref())?;
    let mut warnings: Vec<_> = db.durability().await?.iter().map(ToString::to_string).collect();
    warnings.extend(is_pooled_by_transaction.then(|| POOLED_BY_TRANSACTION.to_owned()));
    let is_rotating = check.is_some_and(|check| check != master.check_value());
    Ok(Inspected { db, schema, warnings, is_rotating })
}

/// Writes a row and deletes it again in one transaction, which is committed like every other: a full
/// or failing disk shows only then. For a database whose schema is up to date.
///
/// # Errors
/// What keeps the database from being written.
pub async fn try_to_write(config: &Config) -> Result<(), DbError> {
    let options = DbOptions { max_connections: 1, ..database_options(config) };
    let db = Db::connect(options).await?;
    let now = Clock::System.now();
    let id = Entropy::System.uuid(now).to_string();
    db.write("doctor", move |tx| {
        let id = id.clone();
        Box::pin(async move {
            node::insert(tx, &id, now).await?;
            node::forget(tx, &id).await
        })
    })
    .await?;
    db.close().await;
    Ok(())
}
