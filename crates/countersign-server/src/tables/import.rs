//! Which users came along from an older system, so that the tokens it gave them can be taken.

use crate::db::{Db, DbError, FromRow, Row, Tx, params, sql};

/// Stands for the last login there of a user who has logged out there.
pub const LOGGED_OUT: i64 = 0;

/// Where a user came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The dialect that the older system speaks.
    pub source: String,
    /// The last login there, in Unix seconds, where the older system's tokens must name it and
    /// nobody has logged in here since; or [`LOGGED_OUT`].
    pub login_stamp: Option<i64>,
}

impl FromRow for Import {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self { source: row.take()?, login_stamp: row.take()? })
    }
}

sql! {
    FIND = "SELECT source, login_stamp FROM imports WHERE user_id = ?";
    INSERT = "INSERT INTO imports (user_id, source, login_stamp) VALUES (?, ?, ?)";
    FORGET_LOGIN = "UPDATE imports SET login_stamp = NULL WHERE user_id = ?";
    DELETE_OF_USER = "DELETE FROM imports WHERE user_id = ?";
}

/// Where the user came from, if from anywhere.
pub async fn find(db: &Db, user_id: &str) -> Result<Option<Import>, DbError> {
    db.find(FIND, &params![user_id]).await
}

/// Notes where a user came from.
pub async fn insert(tx: &mut Tx<'_>, user_id: &str, import: &Import) -> Result<(), DbError> {
    let values = params![user_id, &import.source, import.login_stamp];
    tx.execute(INSERT, &values).await.map(drop)
}

/// A login here has taken the place of the last one there.
pub async fn forget_login(tx: &mut Tx<'_>, user_id: &str) -> Result<(), DbError> {
    tx.execute(FORGET_LOGIN, &params![user_id]).await.map(drop)
}

/// Removes the user's.
pub async fn delete_of_user(tx: &mut Tx<'_>, user_id: &str) -> Result<(), DbError> {
    tx.execute(DELETE_OF_USER, &params![user_id]).await.map(drop)
}
