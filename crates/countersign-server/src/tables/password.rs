//! Password hashes. A user has at most one of each form.

use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Tx, params, sql};

/// The form of a password that is hashed as it was typed.
pub const PLAIN: &str = "plain";

/// The form of a password whose client sends the SHA-256 of what was typed, in lower-case
/// hexadecimal: that text is what is hashed.
pub const CLIENT_SHA256: &str = "client_sha256";

/// A hash with its form.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPassword {
    /// [`PLAIN`] or [`CLIENT_SHA256`].
    pub form: String,
    /// A PHC string, or what another system wrote.
    pub hash: String,
    /// Since when it must be changed before anybody logs in with it.
    pub expired_at: Option<Time>,
}

impl FromRow for StoredPassword {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self { form: row.take()?, hash: row.take()?, expired_at: row.take()? })
    }
}

sql! {
    OF_USER = "SELECT form, hash, expired_at FROM passwords WHERE user_id = ?";
    FIND = "SELECT hash FROM passwords WHERE user_id = ? AND form = ?";
    INSERT = "INSERT INTO passwords (user_id, form, hash, changed_at) VALUES (?, ?, ?, ?)";
    UPGRADE = "UPDATE passwords SET hash = ? WHERE user_id = ? AND form = ? AND hash = ?";
    EXPIRE = "UPDATE passwords SET expired_at = ? WHERE user_id = ? AND expired_at IS NULL";
    UNEXPIRE = "UPDATE passwords SET expired_at = NULL WHERE user_id = ? AND expired_at IS NOT NULL";
    DELETE_OF_USER = "DELETE FROM passwords WHERE user_id = ?";
}

/// The user's hashes.
pub async fn of_user(db: &Db, user_id: &str) -> Result<Vec<StoredPassword>, DbError> {
    db.list(OF_USER, &params![user_id]).await
}

/// The user's hash of this form, in a change that has locked the user.
pub async fn find_in(
    tx: &mut Tx<'_>,
    user_id: &str,
    form: &str,
) -> Result<Option<String>, DbError> {
    tx.find(FIND, &params![user_id, form]).await
}

/// Adds a hash; fails as a duplicate where the user has one of this form.
pub async fn insert(
    tx: &mut Tx<'_>,
    user_id: &str,
    (form, hash): (&str, &str),
    now: Time,
) -> Result<(), DbError> {
    tx.execute(INSERT, &params![user_id, form, hash, now]).await.map(drop)
}

/// Puts a hash of today's cost in the place of `old`, if that is still there.
pub async fn upgrade(
    tx: &mut Tx<'_>,
    user_id: &str,
    form: &str,
    (old, new): (&str, &str),
) -> Result<(), DbError> {
    tx.execute(UPGRADE, &params![new, user_id, form, old]).await.map(drop)
}

/// Whether the user has a password, in a change that has locked the user.
pub async fn is_there(tx: &mut Tx<'_>, user_id: &str) -> Result<bool, DbError> {
    Ok(!tx.list::<StoredPassword>(OF_USER, &params![user_id]).await?.is_empty())
}

/// Lets the user's password be one that must be changed, in every form; false where there is none
/// that was not so already.
pub async fn expire(tx: &mut Tx<'_>, user_id: &str, now: Time) -> Result<bool, DbError> {
    let expired = tx.execute(EXPIRE, &params![now, user_id]).await? > 0;
    if !expired {
        tx.note_end();
    }
    Ok(expired)
}

/// Takes back what [`expire`] did; false where it was not so.
pub async fn unexpire(tx: &mut Tx<'_>, user_id: &str) -> Result<bool, DbError> {
    Ok(tx.execute(UNEXPIRE, &params![user_id]).await? > 0)
}

/// Removes all of a user.
pub async fn delete_of_user(tx: &mut Tx<'_>, user_id: &str) -> Result<(), DbError> {
    tx.execute(DELETE_OF_USER, &params![user_id]).await.map(drop)
}
