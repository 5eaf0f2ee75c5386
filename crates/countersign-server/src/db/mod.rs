//! Storage: the only part that knows that there are three databases.

mod clock;
mod columns;
mod condition;
mod door;
mod durability;
mod error;
pub mod foreign;
mod migrate;
pub mod migrations;
mod obstacles;
mod server;
mod sql;
mod sqlite;
mod tx;
mod value;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use crate::{params, sql};
pub use door::WriteCount;
pub use durability::Warning;
pub use error::{AsDbError, DbError};
pub use migrate::{Migrated, Migration, Schema};
pub use sql::Sql;
#[doc(hidden)]
pub use sql::{numbered, numbered_length};
pub use tx::{Ended, Tx};
pub use value::{FromRow, FromValue, Row, Value};

use crate::traces::Part;
use server::Server;
use sqlite::Sqlite;

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file on this machine.
    Sqlite,
    /// PostgreSQL, or what speaks its protocol.
    Postgres,
    /// MySQL or MariaDB.
    MySql,
}

impl Kind {
    /// Its name among systems (`db.system.name` of OpenTelemetry's conventions).
    pub fn system(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
            Self::MySql => "mysql",
        }
    }
}

/// Where the database is and how long it is waited for.
#[derive(Clone)]
pub struct DbOptions {
    /// `sqlite:PATH`, `postgres://…` or `mysql://…`, with what TLS it needs.
    pub url: String,
    /// How many connections to a server at most, beside the one of [`Db::watch`].
    pub max_connections: u32,
    /// How long a connection, a lock or a read by key is waited for.
    pub busy_timeout: Duration,
    /// How long a server may take over a list or a whole write; then its connection is closed.
    pub answer_timeout: Duration,
    /// How long a read by [`Db::watch`] may take; then it is tried on another connection, once.
    pub watch_timeout: Duration,
    /// Whether statements are prepared once for each connection, under a name; PostgreSQL only.
    /// Otherwise nothing outlives a transaction, neither a statement nor a setting.
    pub prepared_statements: bool,
    /// Whether every write is to be refused, and a SQLite file that is not there as well.
    pub read_only: bool,
}

impl DbOptions {
    /// The database at `url`, with the usual patience.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 10,
            busy_timeout: Duration::from_secs(2),
            answer_timeout: Duration::from_secs(10),
            watch_timeout: Duration::from_secs(1),
            prepared_statements: true,
            read_only: false,
        }
    }
}

impl fmt::Debug for DbOptions {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DbOptions")
            .field("max_connections", &self.max_connections)
            .field("busy_timeout", &self.busy_timeout)
            .field("answer_timeout", &self.answer_timeout)
            .field("watch_timeout", &self.watch_timeout)
            .field("prepared_statements", &self.prepared_statements)
            .field("read_only", &self.read_only)
            .finish_non_exhaustive()
    }
}

/// An open database. Clones are the same one.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    door: door::Door,
    condition: condition::Condition,
}

enum Store {
    Sqlite(Sqlite),
    Server(Server),
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Db").field(&self.kind()).finish()
    }
}

impl Db {
    /// Opens the database; a SQLite file is created where there is none, unless it is only read.
    ///
    /// # Errors
    /// [`DbError::Configuration`] when the URL is none of ours, [`DbError::Unavailable`] when
    /// nothing answers there.
    pub async fn connect(options: DbOptions) -> Result<Self, DbError> {
        let scheme = options.url.split(':').next().unwrap_or_default();
        let store = match scheme {
            "sqlite" => Store::Sqlite(open_sqlite(options).await?),
            "postgres" | "postgresql" => Store::Server(Server::postgres(&options).await?),
            "mysql" | "mariadb" => Store::Server(Server::mysql(&options).await?),
            _ => {
                let expected = "the database's URL begins with sqlite:, postgres:// or mysql://";
                return Err(DbError::Configuration(expected.to_owned()));
            }
        };
        let condition = condition::Condition::new(match &store {
            Store::Sqlite(sqlite) => sqlite.path().display().to_string(),
            Store::Server(server) => server.address().to_owned(),
        });
        let door = door::Door::default();
        Ok(Self { inner: Arc::new(Inner { store, door, condition }) })
    }

    /// The first row, if there is one. For reads by key: on SQLite it runs where it is called, and
    /// elsewhere all rows that match travel.
    ///
    /// # Errors
    /// Whatever the database says, or [`DbError::Column`].
    pub async fn find<T: FromRow>(&self, sql: Sql, params: &[Value]) -> Result<Option<T>, DbError> {
        let part = Part::read(self.kind().system(), sql.text());
        let row = part.unless_failed(match &self.inner.store {
            Store::Sqlite(sqlite) => sqlite.readers.find(sql, params),
            Store::Server(server) => server.find(sql, params).await,
        });
        self.noting(row)?.map(|mut row| T::from_row(&mut row)).transpose()
    }

    /// All rows. Also for a single row that takes long to find.
    ///
    /// # Errors
    /// Whatever the database says, or [`DbError::Column`].
    pub async fn list<T: FromRow>(&self, sql: Sql, params: &[Value]) -> Result<Vec<T>, DbError> {
        let part = Part::read(self.kind().system(), sql.text());
        let rows = part.unless_failed(match &self.inner.store {
            Store::Sqlite(sqlite) => sqlite.readers.list(sql, params).await,
            Store::Server(server) => server.list(sql, params).await,
        });
        tx::read_all(self.noting(rows)?)
    }

    fn noting<T>(&self, read: Result<T, DbError>) -> Result<T, DbError> {
        read.inspect_err(|error| self.inner.condition.failed(error))
    }

    /// Why the database cannot be used, as far as is known without asking it: the latest write was
    /// refused because it is read-only or full, its disk fails, it is damaged, or a file of SQLite
    /// is not the one that is open.
    pub fn problem(&self) -> Option<String> {
        let is_in_order = match &self.inner.store {
            Store::Sqlite(sqlite) => sqlite.writer.check_files().and(sqlite.writer.check_disk()),
            Store::Server(_) => Ok(()),
        };
        if let Err(error) = is_in_order {
            self.inner.condition.failed(&error);
        }
        self.inner.condition.problem()
    }

    /// All rows, on a connection that is kept for this: it waits for no request, and not long for
    /// the database.
    ///
    /// # Errors
    /// Whatever the database says, or [`DbError::Column`].
    pub async fn watch<T: FromRow>(&self, sql: Sql, params: &[Value]) -> Result<Vec<T>, DbError> {
        let rows = match &self.inner.store {
            Store::Sqlite(sqlite) => sqlite.readers.watch(sql, params).await,
            Store::Server(server) => server.watch(sql, params).await,
        };
        tx::read_all(self.noting(rows)?)
    }

    /// Asks the database whether it understands the statement.
    ///
    /// # Errors
    /// When it does not.
    pub async fn prepare(&self, sql: Sql) -> Result<(), DbError> {
        match &self.inner.store {
            Store::Sqlite(sqlite) => sqlite.readers.prepare(sql),
            Store::Server(server) => server.prepare(sql).await,
        }
    }

    /// Whether two connections share one of PostgreSQL's: a pooler in transaction mode stands before
    /// it, as far as can be seen. Not looked for where that is meant.
    ///
    /// # Errors
    /// [`DbError::Pooler`] where the pooler loses the names of statements.
    pub async fn is_pooled_by_transaction(&self) -> Result<bool, DbError> {
        match &self.inner.store {
            Store::Sqlite(_) => Ok(false),
            Store::Server(server) => server.is_pooled_by_transaction().await,
        }
    }

    /// SQLite: a number that changes whenever anything was committed, so that a reader knows
    /// whether to look. `None` elsewhere: always look.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn data_version(&self) -> Result<Option<i64>, DbError> {
        match &self.inner.store {
            Store::Sqlite(sqlite) => sqlite.readers.data_version().map(Some),
            Store::Server(_) => Ok(None),
        }
    }

    /// Tells a SQLite writer whether other processes use the file, to whom it then leaves the
    /// lock for a moment after each group.
    pub fn set_shared(&self, shared: bool) {
        if let Store::Sqlite(sqlite) = &self.inner.store {
            sqlite.writer.set_shared(shared);
        }
    }

    /// Which database it is.
    pub fn kind(&self) -> Kind {
        match &self.inner.store {
            Store::Sqlite(_) => Kind::Sqlite,
            Store::Server(server) => server.kind(),
        }
    }

    /// What has been written, by name.
    pub fn door(&self) -> Vec<WriteCount> {
        self.inner.door.counts()
    }

    /// Finishes the writes that were taken and closes the database; later ones fail.
    pub async fn close(&self) {
        match &self.inner.store {
            Store::Sqlite(sqlite) => sqlite.writer.close().await,
            Store::Server(server) => server.close().await,
        }
    }
}

async fn open_sqlite(options: DbOptions) -> Result<Sqlite, DbError> {
    let path = options.url.trim_start_matches("sqlite:");
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.starts_with(':') || path.contains('?') {
        let expected = "a SQLite database is `sqlite:` and the path of a file";
        return Err(DbError::Configuration(expected.to_owned()));
    }
    let path = PathBuf::from(path);
    tokio::task::spawn_blocking(move || Sqlite::open(path, &options))
        .await
        .unwrap_or_else(|error| Err(DbError::Unavailable(error.to_string())))
}
