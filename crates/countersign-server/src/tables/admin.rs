//! Who may administer: the active users with the role. It follows from their rows, and stands here
//! so that they can be counted and locked without a look at all users.

use crate::clock::Time;
use crate::db::{DbError, Tx, params, sql};

sql! {
    FIND = "SELECT user_id FROM admins WHERE user_id = ?";
    INSERT = "INSERT INTO admins (user_id, since) VALUES (?, ?)";
    HOLD = "UPDATE admins SET since = since WHERE user_id = ?";
    LOCK = "UPDATE admins SET since = since";
    DELETE = "DELETE FROM admins WHERE user_id = ?";
}

/// Whether the user, whose row this change has locked, is one of them.
pub async fn is_listed(tx: &mut Tx<'_>, user_id: &str) -> Result<bool, DbError> {
    Ok(tx.find::<String>(FIND, &params![user_id]).await?.is_some())
}

/// Whether the user is one of them, and stays it until this change ends.
pub async fn hold(tx: &mut Tx<'_>, user_id: &str) -> Result<bool, DbError> {
    Ok(tx.execute(HOLD, &params![user_id]).await? == 1)
}

/// Adds one.
pub async fn insert(tx: &mut Tx<'_>, user_id: &str, now: Time) -> Result<(), DbError> {
    tx.execute(INSERT, &params![user_id, now]).await.map(drop)
}

/// Locks them all until the change ends, and says how many there are: a change that waited for
/// another sees what that one left.
pub async fn lock(tx: &mut Tx<'_>) -> Result<u64, DbError> {
    tx.execute(LOCK, &[]).await
}

/// Removes one.
pub async fn delete(tx: &mut Tx<'_>, user_id: &str) -> Result<(), DbError> {
    tx.execute(DELETE, &params![user_id]).await.map(drop)
}
