//! Many users at a time, for the import and for lists: who holds what, and rows in one statement.

use std::collections::HashMap;

use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Sql, Tx, Value, params, sql};
use crate::identifier::Identifier;

use super::admin;
use super::event::Event;
use super::identifier::StoredIdentifier;
use super::import::Import;
use super::user::User;

/// How many rows or values one statement takes.
const WIDTH: usize = 50;

/// The text fifty times, with another between.
macro_rules! fifty {
    ($text:literal, $between:literal) => {
        concat!(
            fifty!(@ten $text, $between), $between, fifty!(@ten $text, $between), $between,
            fifty!(@ten $text, $between), $between, fifty!(@ten $text, $between), $between,
            fifty!(@ten $text, $between)
        )
    };
    (@ten $text:literal, $between:literal) => {
        concat!(
            $text, $between, $text, $between, $text, $between, $text, $between, $text, $between,
            $text, $between, $text, $between, $text, $between, $text, $between, $text
        )
    };
}

/// Who has something that only one user can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The user.
    pub user_id: String,
    /// The user's number.
    pub number: i64,
    /// What the user was imported from, if from anything.
    pub source: Option<String>,
    /// The identifier as the user wrote it, where it was looked for.
    pub identifier: Option<String>,
}

impl FromRow for Holder {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self {
            user_id: row.take()?,
            number: row.take()?,
            source: row.take()?,
            identifier: None,
        })
    }
}

/// A holder of an identifier, after its normalised key.
struct Named(String, Holder);

impl FromRow for Named {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        let (key, value) = (row.take()?, row.take()?);
        Ok(Self(key, Holder { identifier: Some(value), ..Holder::from_row(row)? }))
    }
}

// The arms of a union rather than `IN`: PostgreSQL keeps the plan that it made while the tables
// were small, and for a list of values that is to read them whole.
sql! {
    OF_NUMBERS = fifty!("SELECT u.id, u.number, m.source FROM users u LEFT JOIN imports m ON m.user_id = u.id WHERE u.number = ?", " UNION ALL ");
    OF_IDS = fifty!("SELECT u.id, u.number, m.source FROM users u LEFT JOIN imports m ON m.user_id = u.id WHERE u.id = ?", " UNION ALL ");
    OF_IDENTIFIERS = fifty!("SELECT i.normalised, i.value, u.id, u.number, m.source FROM identifiers i JOIN users u ON u.id = i.user_id LEFT JOIN imports m ON m.user_id = u.id WHERE i.normalised = ?", " UNION ALL ");
    REVOKED = fifty!("SELECT subject, until FROM revocations WHERE subject = ?", " UNION ALL ");
    IDENTIFIERS_OF = fifty!("SELECT user_id, created_at, kind, value, normalised, verified_at FROM identifiers WHERE user_id = ?", " UNION ALL ");
    EVENTS = fifty!("SELECT id, at, kind, outcome, reason, user_id, session_id, subject, actor, address, agent, occurrences FROM events WHERE id = ?", " UNION ALL ");
    PASSWORDS_OF = fifty!("SELECT user_id, expired_at FROM passwords WHERE user_id = ?", " UNION ALL ");
    USERS = concat!("INSERT INTO users (id, number, name, roles, epoch, created_at, last_login_at, disabled_at) VALUES ", fifty!("(?, ?, ?, ?, ?, ?, ?, ?)", ", "));
    USER = "INSERT INTO users (id, number, name, roles, epoch, created_at, last_login_at, disabled_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    IDENTIFIERS = concat!("INSERT INTO identifiers (normalised, kind, value, user_id, created_at) VALUES ", fifty!("(?, ?, ?, ?, ?)", ", "));
    IDENTIFIER = "INSERT INTO identifiers (normalised, kind, value, user_id, created_at) VALUES (?, ?, ?, ?, ?)";
    PASSWORDS = concat!("INSERT INTO passwords (user_id, form, hash, changed_at) VALUES ", fifty!("(?, ?, ?, ?)", ", "));
    PASSWORD = "INSERT INTO passwords (user_id, form, hash, changed_at) VALUES (?, ?, ?, ?)";
    IMPORTS = concat!("INSERT INTO imports (user_id, source, login_stamp) VALUES ", fifty!("(?, ?, ?)", ", "));
    IMPORT = "INSERT INTO imports (user_id, source, login_stamp) VALUES (?, ?, ?)";
}

/// Who has these numbers.
pub async fn holders_of_numbers(db: &Db, numbers: &[i64]) -> Result<Vec<Holder>, DbError> {
    find(db, OF_NUMBERS, numbers.iter().map(|number| Value::from(*number)).collect()).await
}

/// Who has these ids.
pub async fn holders_of_ids(db: &Db, ids: &[&str]) -> Result<Vec<Holder>, DbError> {
    find(db, OF_IDS, ids.iter().map(|id| Value::from(*id)).collect()).await
}

/// Who has the identifiers with these normalised keys, by key.
pub async fn holders_of_identifiers(
    db: &Db,
    keys: &[&str],
) -> Result<Vec<(String, Holder)>, DbError> {
    let keys = keys.iter().map(|key| Value::from(*key)).collect();
    let named: Vec<Named> = find(db, OF_IDENTIFIERS, keys).await?;
    Ok(named.into_iter().map(|Named(key, holder)| (key, holder)).collect())
}

/// Which of these are revoked already, and until when.
pub async fn revoked(db: &Db, subjects: &[String]) -> Result<Vec<(String, Time)>, DbError> {
    find(db, REVOKED, subjects.iter().map(Value::from).collect()).await
}

/// The events with these ids, each once.
pub async fn events(db: &Db, ids: &[&str]) -> Result<Vec<Event>, DbError> {
    find_once(db, EVENTS, ids).await
}

/// An identifier after its user and its age.
struct Owned(String, Time, StoredIdentifier);

impl FromRow for Owned {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self(row.take()?, row.take()?, StoredIdentifier::from_row(row)?))
    }
}

/// What the users with these ids are found by, by id; each user's oldest first.
pub async fn identifiers_of(
    db: &Db,
    user_ids: &[&str],
) -> Result<HashMap<String, Vec<StoredIdentifier>>, DbError> {
    let mut owned: Vec<Owned> = find_once(db, IDENTIFIERS_OF, user_ids).await?;
    owned.sort_by(|one, other| (one.1, &one.2.normalised).cmp(&(other.1, &other.2.normalised)));
    let mut identifiers: HashMap<String, Vec<StoredIdentifier>> = HashMap::new();
    for Owned(user_id, _, identifier) in owned {
        identifiers.entry(user_id).or_default().push(identifier);
    }
    Ok(identifiers)
}

/// Which of the users with these ids have a password, and whether it must be changed.
pub async fn passwords_of(db: &Db, user_ids: &[&str]) -> Result<HashMap<String, bool>, DbError> {
    let mut passwords = HashMap::new();
    for (user_id, expired_at) in
        find_once::<(String, Option<Time>)>(db, PASSWORDS_OF, user_ids).await?
    {
        *passwords.entry(user_id).or_default() |= expired_at.is_some();
    }
    Ok(passwords)
}

/// As [`find`], where each row comes once: what is missing to a whole statement is an id that nobody
/// has.
async fn find_once<T: FromRow>(db: &Db, sql: Sql, ids: &[&str]) -> Result<Vec<T>, DbError> {
    let mut values: Vec<Value> = ids.iter().map(|id| Value::from(*id)).collect();
    values.resize(values.len().next_multiple_of(WIDTH), Value::from(""));
    find(db, sql, values).await
}

/// Asks for all values, fifty at a time.
async fn find<T: FromRow>(db: &Db, sql: Sql, mut values: Vec<Value>) -> Result<Vec<T>, DbError> {
    // What is missing to a whole statement is asked for twice.
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_multiple_of(WIDTH), last);
    }
    let mut found = Vec::new();
    for values in values.chunks_exact(WIDTH) {
        found.extend(db.list::<T>(sql, values).await?);
    }
    Ok(found)
}

/// An imported user, with all that is written of one.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The account.
    pub user: User,
    /// What the user is found by, the oldest first.
    pub identifiers: Vec<Identifier>,
    /// The form and the hash of the password.
    pub password: Option<(&'static str, String)>,
    /// Where the user came from.
    pub import: Import,
}

/// Adds users with all that belongs to them; fails as a duplicate where somebody has any of it.
pub async fn insert(tx: &mut Tx<'_>, imported: &[Imported], now: Time) -> Result<(), DbError> {
    put(tx, (USERS, USER), imported.iter().map(|it| user(&it.user))).await?;
    for user in
        imported.iter().map(|it| &it.user).filter(|user| user.is_admin() && user.is_active())
    {
        admin::insert(tx, &user.id, now).await?;
    }
    put(tx, (IDENTIFIERS, IDENTIFIER), imported.iter().flat_map(identifiers)).await?;
    let passwords = imported.iter().filter_map(|it| {
        let (form, hash) = it.password.as_ref()?;
        Some(params![&it.user.id, *form, hash, now].to_vec())
    });
    put(tx, (PASSWORDS, PASSWORD), passwords).await?;
    let imports = imported.iter().map(|Imported { user, import, .. }| {
        params![&user.id, &import.source, import.login_stamp].to_vec()
    });
    put(tx, (IMPORTS, IMPORT), imports).await
}

fn user(user: &User) -> Vec<Value> {
    let User { id, number, name, roles, epoch, created_at, last_login_at, disabled_at } = user;
    let name = name.as_deref();
    let roles = roles.join(" ");
    params![id, *number, name, roles, *epoch, *created_at, *last_login_at, *disabled_at].to_vec()
}

/// A millisecond apart, so that they stay in their order.
fn identifiers(Imported { user, identifiers, .. }: &Imported) -> Vec<Vec<Value>> {
    let row = |(place, identifier): (i64, &Identifier)| {
        let Identifier { kind, value, key } = identifier;
        let created_at = Time(user.created_at.0.saturating_add(place));
        params![key, kind.as_str(), value, &user.id, created_at].to_vec()
    };
    (0..).zip(identifiers).map(row).collect()
}

/// Inserts all rows, fifty at a time and the rest one by one.
async fn put(
    tx: &mut Tx<'_>,
    (many, one): (Sql, Sql),
    rows: impl Iterator<Item = Vec<Value>> + Send,
) -> Result<(), DbError> {
    let rows: Vec<Vec<Value>> = rows.collect();
    let whole = rows.chunks_exact(WIDTH);
    let rest = whole.remainder();
    for rows in whole {
        tx.execute(many, &rows.concat()).await?;
    }
    for row in rest {
        tx.execute(one, row).await?;
    }
    Ok(())
}
