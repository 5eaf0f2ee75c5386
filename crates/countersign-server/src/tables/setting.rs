//! What all nodes must agree on, by name.

use crate::db::{Db, DbError, Tx, params, sql};

/// A value derived from the master secret: who holds another secret may not start.
pub const MASTER_CHECK: &str = "master_secret_check";
/// The longest access life ever configured, in seconds: how long a revocation must be remembered.
pub const LONGEST_ACCESS_TTL: &str = "longest_access_ttl";
/// How far a move into this database is; there while it is not finished.
pub const MOVE: &str = "move";
/// The key of the events' seals, sealed with the master secret.
pub const SEAL_KEY: &str = "event_seal_key";
/// Where the events' seals begin, those before having been purged.
pub const SEAL_ANCHOR: &str = "event_seal_anchor";

sql! {
    FIND = "SELECT value FROM settings WHERE name = ?";
    INSERT = "INSERT INTO settings (name, value) VALUES (?, ?)";
    UPDATE = "UPDATE settings SET value = ? WHERE name = ?";
    LOCK = "UPDATE settings SET value = value WHERE name = ?";
    REPLACE = "UPDATE settings SET value = ? WHERE name = ? AND value = ?";
    DELETE = "DELETE FROM settings WHERE name = ? AND value = ?";
}

/// The setting's value, if it was ever set.
pub async fn find(db: &Db, name: &str) -> Result<Option<String>, DbError> {
    db.find(FIND, &params![name]).await
}

/// As [`find`], inside a change.
pub async fn find_in(tx: &mut Tx<'_>, name: &str) -> Result<Option<String>, DbError> {
    tx.find(FIND, &params![name]).await
}

/// Sets it for the first time; fails as a duplicate where it is set.
pub async fn insert(tx: &mut Tx<'_>, name: &str, value: &str) -> Result<(), DbError> {
    tx.execute(INSERT, &params![name, value]).await.map(drop)
}

/// Sets it, whether it was set or not.
pub async fn put(tx: &mut Tx<'_>, name: &str, value: &str) -> Result<(), DbError> {
    if tx.execute(UPDATE, &params![value, name]).await? == 0 {
        insert(tx, name, value).await?;
    }
    Ok(())
}

/// As [`find_in`], and nobody else changes it until this change ends.
pub async fn lock(tx: &mut Tx<'_>, name: &str) -> Result<Option<String>, DbError> {
    tx.execute(LOCK, &params![name]).await?;
    find_in(tx, name).await
}

/// Puts `value` in the place of `known`; false where it is something else meanwhile.
pub async fn replace(
    tx: &mut Tx<'_>,
    name: &str,
    known: &str,
    value: &str,
) -> Result<bool, DbError> {
    Ok(tx.execute(REPLACE, &params![value, name, known]).await? == 1)
}

/// Removes it; false where it is not `known` any more.
pub async fn delete(tx: &mut Tx<'_>, name: &str, known: &str) -> Result<bool, DbError> {
    Ok(tx.execute(DELETE, &params![name, known]).await? == 1)
}
