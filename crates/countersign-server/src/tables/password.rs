//! Password hashes.

use crate::clock::Time;
use crate::db::{Db, DbError, Tx, params, sql};

/// The form of a password that is hashed as it was typed.
pub const PLAIN: &str = "plain";

sql! {
    FIND = "SELECT hash FROM passwords WHERE user_id = ? AND form = ?";
    INSERT = "INSERT INTO passwords (user_id, form, hash, changed_at) VALUES (?, ?, ?, ?)";
    UPGRADE = "UPDATE passwords SET hash = ? WHERE user_id = ? AND form = ? AND hash = ?";
    DELETE_OF_USER = "DELETE FROM passwords WHERE user_id = ?";
}

/// The user's hash of this form, a PHC string.
pub async fn find(db: &Db, user_id: &str, form: &str) -> Result<Option<String>, DbError> {
    db.find(FIND, &params![user_id, form]).await
}

/// Sets the one password of a user, of whatever form those before were.
pub async fn replace(tx: &mut Tx<'_>, user_id: &str, hash: &str, now: Time) -> Result<(), DbError> {
    delete_of_user(tx, user_id).await?;
    tx.execute(INSERT, &params![user_id, PLAIN, hash, now]).await.map(drop)
}

/// Puts a hash of today's cost in the place of `old`, if that is still there.
pub async fn upgrade(tx: &mut Tx<'_>, user_id: &str, old: &str, new: &str) -> Result<(), DbError> {
    tx.execute(UPGRADE, &params![new, user_id, PLAIN, old]).await.map(drop)
}

/// Removes all of a user.
pub async fn delete_of_user(tx: &mut Tx<'_>, user_id: &str) -> Result<(), DbError> {
    tx.execute(DELETE_OF_USER, &params![user_id]).await.map(drop)
}
