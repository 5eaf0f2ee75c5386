//! People's accounts.

use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Tx, params, sql};

/// A person's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The public id, a UUID of version 7.
    pub id: String,
    /// The short integer id that older systems know users by.
    pub number: i64,
    /// What the person wants to be called.
    pub name: Option<String>,
    /// Roles in the order they were given.
    pub roles: Vec<String>,
    /// What every "end all" bumps, and what a login must still find when it writes.
    pub epoch: i64,
    /// When the account was made.
    pub created_at: Time,
    /// When somebody last logged in to it.
    pub last_login_at: Option<Time>,
    /// Since when nobody may log in to it.
    pub disabled_at: Option<Time>,
}

impl User {
    /// The role that may administer.
    pub const ADMIN: &str = "admin";

    /// Whether the account may be used.
    pub fn is_active(&self) -> bool {
        self.disabled_at.is_none()
    }

    /// Whether the user may administer.
    pub fn is_admin(&self) -> bool {
        self.roles.iter().any(|role| role == Self::ADMIN)
    }
}

/// A user as lists show them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The public id.
    pub id: String,
    /// The short integer id.
    pub number: i64,
    /// What the person wants to be called.
    pub name: Option<String>,
    /// Kinds and values, the oldest first.
    pub identifiers: Vec<(String, String)>,
}

/// What [`Listed`] has beside its identifiers, and one of those.
type ListedRow = (String, i64, Option<String>, Option<String>, Option<String>);

impl Listed {
    /// The oldest identifier; empty where there is none.
    pub fn oldest_identifier(&self) -> &str {
        self.identifiers.first().map_or("", |(_, value)| value)
    }

    /// The oldest e-mail address, else the oldest identifier.
    pub fn email(&self) -> &str {
        let email = self.identifiers.iter().find(|(kind, _)| kind == "email");
        email.map_or(self.oldest_identifier(), |(_, value)| value)
    }
}

/// A user who was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The normalised key by which they were found.
    pub key: String,
    /// The account.
    pub user: User,
}

impl FromRow for Found {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self { key: row.take()?, user: User::from_row(row)? })
    }
}

impl FromRow for User {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.take()?,
            number: row.take()?,
            name: row.take()?,
            roles: row.take::<String>()?.split_whitespace().map(str::to_owned).collect(),
            epoch: row.take()?,
            created_at: row.take()?,
            last_login_at: row.take()?,
            disabled_at: row.take()?,
        })
    }
}

sql! {
    FIND = "SELECT id, number, name, roles, epoch, created_at, last_login_at, disabled_at FROM users WHERE id = ?";
    FIND_BY_NUMBER = "SELECT id, number, name, roles, epoch, created_at, last_login_at, disabled_at FROM users WHERE number = ?";
    FIND_BY_IDENTIFIER = "SELECT u.id, u.number, u.name, u.roles, u.epoch, u.created_at, u.last_login_at, u.disabled_at FROM identifiers i JOIN users u ON u.id = i.user_id WHERE i.normalised = ?";
    FIND_BY_SESSION = "SELECT u.id, u.number, u.name, u.roles, u.epoch, u.created_at, u.last_login_at, u.disabled_at FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = ?";
    /// One row for each identifier, and one for a user without any.
    LISTED_AFTER = "SELECT u.id, u.number, u.name, i.kind, i.value FROM (SELECT id, number, name FROM users WHERE number > ? ORDER BY number LIMIT ?) u LEFT JOIN identifiers i ON i.user_id = u.id ORDER BY u.number, i.created_at, i.normalised";
    LIST_AFTER = "SELECT id, number, name, roles, epoch, created_at, last_login_at, disabled_at FROM users WHERE id > ? ORDER BY id LIMIT ?";
    /// By the smallest of a user's identifiers that lies in the range, so that nobody comes twice.
    FOUND_FROM = "SELECT i.normalised, u.id, u.number, u.name, u.roles, u.epoch, u.created_at, u.last_login_at, u.disabled_at FROM identifiers i JOIN users u ON u.id = i.user_id WHERE i.normalised >= ? AND i.normalised < ? AND NOT EXISTS (SELECT 1 FROM identifiers j WHERE j.user_id = i.user_id AND j.normalised >= ? AND j.normalised < i.normalised) ORDER BY i.normalised LIMIT ?";
    FOUND_AFTER = "SELECT i.normalised, u.id, u.number, u.name, u.roles, u.epoch, u.created_at, u.last_login_at, u.disabled_at FROM identifiers i JOIN users u ON u.id = i.user_id WHERE i.normalised > ? AND i.normalised < ? AND NOT EXISTS (SELECT 1 FROM identifiers j WHERE j.user_id = i.user_id AND j.normalised >= ? AND j.normalised < i.normalised) ORDER BY i.normalised LIMIT ?";
    INSERT = "INSERT INTO users (id, number, name, roles, epoch, created_at) VALUES (?, ?, ?, ?, ?, ?)";
    LOCK = "UPDATE users SET epoch = epoch WHERE id = ?";
    LOCK_ACTIVE = "UPDATE users SET epoch = epoch WHERE id = ? AND disabled_at IS NULL";
    LOG_IN = "UPDATE users SET last_login_at = ? WHERE id = ? AND epoch = ? AND disabled_at IS NULL";
    BUMP_EPOCH = "UPDATE users SET epoch = epoch + 1 WHERE id = ?";
    BUMP_EPOCH_FROM = "UPDATE users SET epoch = epoch + 1 WHERE id = ? AND epoch = ? AND disabled_at IS NULL";
    RENAME = "UPDATE users SET name = ? WHERE id = ?";
    SET_ROLES = "UPDATE users SET roles = ? WHERE id = ?";
    DISABLE = "UPDATE users SET disabled_at = ? WHERE id = ? AND disabled_at IS NULL";
    ENABLE = "UPDATE users SET disabled_at = NULL WHERE id = ? AND disabled_at IS NOT NULL";
    DELETE = "DELETE FROM users WHERE id = ?";
}

/// The user with this id.
pub async fn find(db: &Db, id: &str) -> Result<Option<User>, DbError> {
    db.find(FIND, &params![id]).await
}

/// As [`find`], inside a change; what is read after a lock is what will be written.
pub async fn find_in(tx: &mut Tx<'_>, id: &str) -> Result<Option<User>, DbError> {
    tx.find(FIND, &params![id]).await
}

/// As [`find_in`], with a shared lock on the row until the transaction ends.
pub async fn find_shared(tx: &mut Tx<'_>, id: &str) -> Result<Option<User>, DbError> {
    tx.find_shared(FIND, &params![id]).await
}

/// The user with this number.
pub async fn find_by_number(db: &Db, number: i64) -> Result<Option<User>, DbError> {
    db.find(FIND_BY_NUMBER, &params![number]).await
}

/// The user with this identifier, by its normalised key.
pub async fn find_by_identifier(db: &Db, normalised: &str) -> Result<Option<User>, DbError> {
    db.find(FIND_BY_IDENTIFIER, &params![normalised]).await
}

/// The user whose session this is.
pub async fn find_by_session(db: &Db, session_id: &str) -> Result<Option<User>, DbError> {
    db.find(FIND_BY_SESSION, &params![session_id]).await
}

/// At most `limit` users in the order of their numbers, after the one with number `after`.
pub async fn listed_after(db: &Db, after: i64, limit: i64) -> Result<Vec<Listed>, DbError> {
    let rows: Vec<ListedRow> = db.list(LISTED_AFTER, &params![after, limit]).await?;
    let mut users: Vec<Listed> = Vec::new();
    for (id, number, name, kind, value) in rows {
        if users.last().is_none_or(|user| user.number != number) {
            users.push(Listed { id, number, name, identifiers: Vec::new() });
        }
        if let (Some(user), Some(kind), Some(value)) = (users.last_mut(), kind, value) {
            user.identifiers.push((kind, value));
        }
    }
    Ok(users)
}

/// At most `limit` users in the order of their ids, after the one with id `after`.
pub async fn list_after(db: &Db, after: &str, limit: i64) -> Result<Vec<User>, DbError> {
    db.list(LIST_AFTER, &params![after, limit]).await
}

/// At most `limit` users who have an identifier whose normalised key begins with `prefix`, in the
/// order of these keys, after the key `after`, if there is one.
pub async fn found_by_prefix(
    db: &Db,
    prefix: &str,
    (after, limit): (Option<&str>, i64),
) -> Result<Vec<Found>, DbError> {
    // No identifier has the last code point in it, and all databases compare code by code.
    let end = format!("{prefix}\u{10FFFF}");
    match after {
        None => db.list(FOUND_FROM, &params![prefix, end, prefix, limit]).await,
        Some(after) => db.list(FOUND_AFTER, &params![after, end, prefix, limit]).await,
    }
}

/// Adds a user who has not logged in yet.
pub async fn insert(tx: &mut Tx<'_>, user: &User) -> Result<(), DbError> {
    let User { id, number, name, roles, epoch, created_at, .. } = user;
    let values = params![id, *number, name.as_deref(), roles.join(" "), *epoch, *created_at];
    tx.execute(INSERT, &values).await.map(drop)
}

/// Locks the user's row until the change ends; false where there is no such user.
pub async fn lock(tx: &mut Tx<'_>, id: &str) -> Result<bool, DbError> {
    tx.execute_one(LOCK, &params![id]).await
}

/// As [`lock`], and false also for a disabled user.
pub async fn lock_active(tx: &mut Tx<'_>, id: &str) -> Result<bool, DbError> {
    tx.execute_one(LOCK_ACTIVE, &params![id]).await
}

/// Locks the row of a user who logs in; false where the user was disabled, deleted, or had all
/// sessions ended since `user` was read.
pub async fn log_in(tx: &mut Tx<'_>, user: &User, now: Time) -> Result<bool, DbError> {
    tx.execute_one(LOG_IN, &params![now, &user.id, user.epoch]).await
}

/// Locks the row and makes every login that began before fail; false where there is no such user.
pub async fn bump_epoch(tx: &mut Tx<'_>, id: &str) -> Result<bool, DbError> {
    tx.execute_one(BUMP_EPOCH, &params![id]).await
}

/// As [`bump_epoch`]; false where the user was disabled, deleted, or had all sessions ended since
/// `user` was read.
pub async fn bump_epoch_from(tx: &mut Tx<'_>, user: &User) -> Result<bool, DbError> {
    tx.execute_one(BUMP_EPOCH_FROM, &params![&user.id, user.epoch]).await
}

/// Changes the display name.
pub async fn rename(tx: &mut Tx<'_>, id: &str, name: Option<&str>) -> Result<bool, DbError> {
    tx.execute_one(RENAME, &params![name, id]).await
}

/// Changes the roles.
pub async fn set_roles(tx: &mut Tx<'_>, id: &str, roles: &[String]) -> Result<bool, DbError> {
    tx.execute_one(SET_ROLES, &params![roles.join(" "), id]).await
}

/// Disables; false where it was already.
pub async fn disable(tx: &mut Tx<'_>, id: &str, now: Time) -> Result<bool, DbError> {
    tx.execute_one(DISABLE, &params![now, id]).await
}

/// Enables; false where it was already.
pub async fn enable(tx: &mut Tx<'_>, id: &str) -> Result<bool, DbError> {
    tx.execute_one(ENABLE, &params![id]).await
}

/// Removes the row, after what refers to it.
pub async fn delete(tx: &mut Tx<'_>, id: &str) -> Result<(), DbError> {
    tx.execute(DELETE, &params![id]).await.map(drop)
}
