//! Brings the schema up to date.
//!
//! A migration is one statement in a file `N_name.sql`, in SQL that all databases take. Columns are
//! `VARCHAR(n)`, `TEXT` and `BIGINT`; foreign keys stand at table level. The runner adds what makes
//! text compare byte by byte everywhere: `COLLATE "C"` to each text column on PostgreSQL, the
//! engine, character set and collation to each `CREATE TABLE` on MySQL. SQLite does so by itself.
//!
//! All runs under a lock, so that nodes may start at once. On SQLite and PostgreSQL it is one
//! transaction: a run that is interrupted leaves nothing. MySQL commits each DDL statement by
//! itself; there a migration is marked `begun` before and `done` after, and the next run finishes
//! one that is begun: such a statement is atomic (in `InnoDB`), so it is run again, and is done if the
//! database then says that what it makes is there, or that what it drops is not.

use std::time::Duration;

use super::server::Lease;
use super::{Db, DbError, FromRow, Kind, Row, Sql, Store, Value, sqlite, tx};
use crate::db::migrations::MIGRATIONS;
use crate::{params, sql};

/// How long to wait for another node that migrates.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_mins(1);

/// One step of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its number; they count up from 1.
    pub version: u32,
    /// The name of its file.
    pub name: &'static str,
    /// One statement.
    pub sql: &'static str,
}

impl Migration {
    /// The migration in the file `name`, whose number stands before the first `_`.
    ///
    /// # Panics
    /// While compiling, when `name` does not begin so.
    pub const fn new(name: &'static str, sql: &'static str) -> Self {
        let bytes = name.as_bytes();
        let (mut version, mut at) = (0, 0);
        while bytes[at] != b'_' {
            assert!(bytes[at].is_ascii_digit(), "a migration is called `N_name.sql`");
            version = version * 10 + (bytes[at] - b'0') as u32;
            at += 1;
        }
        assert!(version > 0, "migrations are numbered from 1");
        Self { version, name, sql }
    }
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The migrations it applied, in order.
    pub applied: Vec<&'static str>,
    /// The schema's version now.
    pub version: u32,
}

/// How far the database's schema is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Its version; 0 when it is empty.
    pub version: u32,
    /// What `migrate` would apply.
    pub pending: Vec<&'static str>,
}

const LIST: Sql = sql!("SELECT version, name, state FROM migrations ORDER BY version");
const BEGUN: Sql = sql!("INSERT INTO migrations (version, name, state) VALUES (?, ?, 'begun')");
const NOT_BEGUN: Sql = sql!("DELETE FROM migrations WHERE version = ? AND state = 'begun'");
const DONE: Sql = sql!("UPDATE migrations SET state = 'done' WHERE version = ?");
/// MySQL's locks are the whole server's, so that the name tells which database is meant. It may have
/// 64 characters. MySQL 9.6 has no `MD5` any longer.
const LOCK: Sql =
    sql!("SELECT GET_LOCK(LEFT(CONCAT('countersign ', SHA2(DATABASE(), 256)), 64), ?)");

/// The table of the marks.
const MARKS: &str = "CREATE TABLE IF NOT EXISTS migrations (\
     version BIGINT NOT NULL PRIMARY KEY, name VARCHAR(200) NOT NULL, state VARCHAR(10) NOT NULL)";

type Mark = (u32, String, String);

impl Db {
    /// Brings the schema up to date with this binary.
    ///
    /// # Errors
    /// [`DbError::Schema`] when the database is newer than this binary, or is not ours.
    pub async fn migrate(&self) -> Result<Migrated, DbError> {
        self.apply(MIGRATIONS).await
    }

    /// As [`Db::migrate`], with another list.
    ///
    /// # Errors
    /// As [`Db::migrate`].
    pub async fn apply(&self, migrations: &[Migration]) -> Result<Migrated, DbError> {
        let mut session = Session::open(self).await?;
        session.begin().await?;
        session.raw(&session.dialect(MARKS)).await?;
        let marks: Vec<Mark> = session.list(LIST, &[]).await?;
        let schema = compare(&marks, migrations)?;
        for migration in migrations.iter().filter(|each| schema.pending.contains(&each.name)) {
            let resumed = marks.iter().any(|(version, ..)| *version == migration.version);
            tracing::info!(migration = migration.name, resumed, "migrating");
            session.apply(migration, resumed).await.map_err(|error| explain(migration, error))?;
        }
        session.commit().await?;
        let last = migrations.iter().map(|migration| migration.version).max();
        Ok(Migrated { applied: schema.pending, version: last.unwrap_or(0) })
    }

    /// How far the schema is, without changing it.
    ///
    /// # Errors
    /// As [`Db::migrate`].
    pub async fn schema(&self) -> Result<Schema, DbError> {
        let marks = match self.list(LIST, &[]).await {
            Err(DbError::Statement { code, message }) if is_missing(&code, &message) => Vec::new(),
            marks => marks?,
        };
        compare(&marks, MIGRATIONS)
    }
}

fn is_missing(code: &str, message: &str) -> bool {
    matches!(code, "42P01" | "1146") || message.starts_with("no such table")
}

fn explain(migration: &Migration, error: DbError) -> DbError {
    match error {
        error if error.is_unavailable() => error,
        error => DbError::Schema(format!("migration {} failed: {error}", migration.name)),
    }
}

/// What is still to be done, or why nothing may be.
fn compare(marks: &[Mark], migrations: &[Migration]) -> Result<Schema, DbError> {
    for (version, name, _) in marks {
        match migrations.iter().find(|migration| migration.version == *version) {
            Some(ours) if ours.name == name => {}
            Some(ours) => {
                let ours = ours.name;
                return Err(DbError::Schema(format!(
                    "the database was migrated by another program: its migration {version} is \
                     `{name}`, ours is `{ours}`"
                )));
            }
            None => {
                let known = migrations.iter().map(|migration| migration.version).max().unwrap_or(0);
                return Err(DbError::Schema(format!(
                    "the database is newer than this program: it has migration `{name}`, this \
                     program knows {known}; start the program that migrated it, or a newer one"
                )));
            }
        }
    }
    let done = |migration: &&Migration| {
        marks.iter().any(|(version, _, state)| *version == migration.version && state == "done")
    };
    let pending = migrations.iter().filter(|migration| !done(migration));
    Ok(Schema {
        version: migrations.iter().filter(done).map(|each| each.version).max().unwrap_or(0),
        pending: pending.map(|migration| migration.name).collect(),
    })
}

/// The one connection that migrates. Dropped without `commit`, it is closed, and with it its lock
/// and its transaction are gone.
enum Session {
    Sqlite(rusqlite::Connection),
    Server(Kind, Lease),
}

impl Session {
    async fn open(db: &Db) -> Result<Self, DbError> {
        match &db.inner.store {
            Store::Sqlite(sqlite) => Ok(Self::Sqlite(sqlite.migrator()?)),
            Store::Server(server) => Ok(Self::Server(server.kind(), server.lease().await?)),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Sqlite(_) => Kind::Sqlite,
            Self::Server(kind, _) => *kind,
        }
    }

    async fn begin(&mut self) -> Result<(), DbError> {
        let seconds = LOCK_TIMEOUT.as_secs();
        match self.kind() {
            Kind::Sqlite => self.raw("BEGIN IMMEDIATE").await,
            Kind::Postgres => {
                self.raw("BEGIN").await?;
                self.raw(&format!("SET LOCAL lock_timeout = '{seconds}s'")).await?;
                self.raw("SET LOCAL idle_in_transaction_session_timeout = 0").await?;
                self.raw("SELECT pg_advisory_xact_lock(7166194221)").await
            }
            Kind::MySql => match self.list::<Option<i64>>(LOCK, &params![seconds]).await?.first() {
                Some(Some(1)) => Ok(()),
                _ => Err(DbError::Unavailable("another node is migrating".to_owned())),
            },
        }
    }

    async fn commit(mut self) -> Result<(), DbError> {
        match self.kind() {
            // The lock goes with the connection, which is not given back.
            Kind::MySql => Ok(()),
            Kind::Sqlite | Kind::Postgres => self.raw("COMMIT").await,
        }
    }

    async fn apply(&mut self, migration: &Migration, resumed: bool) -> Result<(), DbError> {
        let statement = self.dialect(single(migration)?);
        let version = params![migration.version];
        if !resumed {
            self.execute(BEGUN, &params![migration.version, migration.name]).await?;
        }
        // MySQL commits a DDL statement by itself, and only that.
        let in_transaction = self.kind() == Kind::MySql && !is_ddl(&statement);
        if in_transaction {
            self.raw("BEGIN").await?;
        }
        match self.raw(&statement).await {
            Err(error) if resumed && is_done_already(&error) => {}
            Err(error) if self.kind() == Kind::MySql => {
                // It was refused, not interrupted: the next run must not take it for begun.
                self.raw("ROLLBACK").await?;
                self.execute(NOT_BEGUN, &version).await?;
                return Err(error);
            }
            result => result?,
        }
        self.execute(DONE, &version).await?;
        if in_transaction { self.raw("COMMIT").await } else { Ok(()) }
    }

    /// The statement as this database needs it.
    fn dialect(&self, statement: &str) -> String {
        match self.kind() {
            Kind::Postgres => with_collation(statement),
            Kind::MySql if starts_with(statement, "CREATE TABLE") => {
                format!("{statement} ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
            }
            Kind::Sqlite | Kind::MySql => statement.to_owned(),
        }
    }

    async fn raw(&mut self, statement: &str) -> Result<(), DbError> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(statement)?),
            Self::Server(_, lease) => Ok(lease.raw(statement).await?),
        }
    }

    async fn execute(&mut self, sql: Sql, params: &[Value]) -> Result<u64, DbError> {
        match self {
            Self::Sqlite(connection) => sqlite::execute(connection, sql, params),
            Self::Server(_, lease) => lease.execute(sql, params).await,
        }
    }

    async fn list<T: FromRow>(&mut self, sql: Sql, params: &[Value]) -> Result<Vec<T>, DbError> {
        let rows: Vec<Row> = match self {
            Self::Sqlite(connection) => sqlite::list(connection, sql, params)?,
            Self::Server(_, lease) => lease.list(sql, params).await?,
        };
        tx::read_all(rows)
    }
}

/// The migration's statement without comments and its final semicolon.
fn single(migration: &Migration) -> Result<&'static str, DbError> {
    let mut rest = migration.sql.trim();
    while let Some(comment) = rest.strip_prefix("--") {
        rest = comment.split_once('\n').map_or("", |(_, after)| after.trim_start());
    }
    let statement = rest.trim_end_matches(';').trim_end();
    if statement.is_empty() || statement.contains(';') || statement.contains("--") {
        let wrong = "a migration is one statement, with comments above it only";
        return Err(DbError::Schema(format!("{}: {wrong}", migration.name)));
    }
    Ok(statement)
}

fn starts_with(statement: &str, words: &str) -> bool {
    statement.get(..words.len()).is_some_and(|start| start.eq_ignore_ascii_case(words))
}

fn is_ddl(statement: &str) -> bool {
    ["CREATE", "ALTER", "DROP", "RENAME"].iter().any(|word| starts_with(statement, word))
}

/// MySQL's ways to say that there is such a table, column or index, or that there is none to drop.
fn is_done_already(error: &DbError) -> bool {
    matches!(error, DbError::Statement { code, .. }
        if ["1050", "1060", "1061", "1051", "1091"].contains(&code.as_str()))
}

/// Gives each `VARCHAR(n)` and `TEXT` the byte-wise collation.
fn with_collation(statement: &str) -> String {
    let mut out = String::with_capacity(statement.len() * 2);
    let mut rest = statement;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic()) {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = rest[start..].find(|c| !is_word(c)).map_or(rest.len(), |length| start + length);
        let word = &rest[start..end];
        let end = if word.eq_ignore_ascii_case("VARCHAR") {
            rest[end..].find(')').map_or(end, |length| end + length + 1)
        } else {
            end
        };
        out.push_str(&rest[..end]);
        if ["VARCHAR", "TEXT"].iter().any(|text| word.eq_ignore_ascii_case(text)) {
            out.push_str(" COLLATE \"C\"");
        }
        rest = &rest[end..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_is_numbered_by_its_name() {
        let migration = Migration::new("12_users.sql", "SELECT 1");
        assert_eq!((migration.version, migration.name), (12, "12_users.sql"));
    }

    #[test]
    fn text_columns_get_the_byte_wise_collation() {
        assert_eq!(
            with_collation("CREATE TABLE t (a VARCHAR(9) NOT NULL, text_b BIGINT, c text)"),
            "CREATE TABLE t (a VARCHAR(9) COLLATE \"C\" NOT NULL, text_b BIGINT, \
             c text COLLATE \"C\")"
        );
        assert_eq!(with_collation("DROP TABLE t1"), "DROP TABLE t1");
    }

    #[test]
    fn a_file_with_two_statements_is_refused() {
        let good = Migration::new("1_a.sql", "-- why; it is\n-- so\nDROP TABLE a;\n");
        assert_eq!(single(&good), Ok("DROP TABLE a"));
        for bad in ["DROP TABLE a; DROP TABLE b", "", "-- nothing", "DROP -- x\n TABLE a"] {
            assert!(single(&Migration::new("1_a.sql", bad)).is_err(), "{bad}");
        }
    }
}
