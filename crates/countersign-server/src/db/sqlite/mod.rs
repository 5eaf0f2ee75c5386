//! SQLite: one thread that writes, in groups; a few connections that read.

mod files;
mod readers;
mod writer;

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Rows, ToSql, params_from_iter};

pub(super) use readers::Readers;
pub(super) use writer::{Job, Writer};

use super::{DbError, DbOptions, Row, Sql, Value};

/// As many statements as the service has, so that each is prepared once a connection.
const STATEMENTS_KEPT: usize = 512;

/// An open SQLite file.
pub(super) struct Sqlite {
    path: PathBuf,
    pub(super) readers: Arc<Readers>,
    pub(super) writer: Writer,
}

impl Sqlite {
    pub(super) fn open(path: PathBuf, options: &DbOptions) -> Result<Self, DbError> {
        // A write is tried four times, and all of them together take no longer than the timeout.
        let writer = if options.read_only {
            find_file(&path)?;
            open_reader(&path, options.busy_timeout)?
        } else {
            create_private(&path)?;
            open_writer(&path, options.busy_timeout / 4)?
        };
        // Whoever has read keeps other processes from deleting the write-ahead log at their end.
        writer.execute_batch("SELECT 1 FROM sqlite_schema LIMIT 1")?;
        let files = files::OpenFiles::of(&path)?;
        let writer = Writer::start(writer, files, options.busy_timeout * 2)?;
        let readers = Arc::new(Readers::open(&path, options)?);
        Ok(Self { path, readers, writer })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that the file is in, where SQLite keeps its write-ahead log.
    pub(super) fn folder(&self) -> &Path {
        let folder = self.path.parent().filter(|folder| *folder != Path::new(""));
        folder.unwrap_or(Path::new("."))
    }

    /// A connection of its own for migrations, which waits longer for the lock.
    pub(super) fn migrator(&self) -> Result<Connection, DbError> {
        open_writer(&self.path, super::migrate::LOCK_TIMEOUT)
    }
}

/// Creates the file for its owner alone; SQLite gives its companions the same mode.
fn create_private(path: &Path) -> Result<(), DbError> {
    let mut file = OpenOptions::new();
    file.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    file.open(path).map(drop).map_err(|error| {
        let message = format!("cannot open the database {}: {error}", path.display());
        // A folder that is mounted late is there at the next start.
        match error.kind() {
            io::ErrorKind::NotFound => DbError::Unavailable(message),
            _ => DbError::Configuration(message),
        }
    })
}

fn find_file(path: &Path) -> Result<(), DbError> {
    if path.is_file() {
        return Ok(());
    }
    Err(DbError::Configuration(format!("there is no database {}", path.display())))
}

fn open_writer(path: &Path, busy_timeout: Duration) -> Result<Connection, DbError> {
    let connection = open(path, busy_timeout)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        let path = path.display();
        return Err(DbError::Configuration(format!(
            "{path}: SQLite cannot keep a write-ahead log there (journal mode is {mode})"
        )));
    }
    // FULL: a commit is on the disk before it is answered. The log is cut back after a burst.
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 67108864",
    )?;
    Ok(connection)
}

fn open_reader(path: &Path, busy_timeout: Duration) -> Result<Connection, DbError> {
    let connection = open(path, busy_timeout)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

fn open(path: &Path, busy_timeout: Duration) -> Result<Connection, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY")?;
    Ok(connection)
}

pub(super) fn find(
    connection: &Connection,
    sql: Sql,
    params: &[Value],
) -> Result<Option<Row>, DbError> {
    let mut statement = connection.prepare_cached(sql.text())?;
    next(&mut statement.query(params_from_iter(params))?)
}

pub(super) fn list(
    connection: &Connection,
    sql: Sql,
    params: &[Value],
) -> Result<Vec<Row>, DbError> {
    let mut statement = connection.prepare_cached(sql.text())?;
    let mut rows = statement.query(params_from_iter(params))?;
    std::iter::from_fn(|| next(&mut rows).transpose()).collect()
}

pub(super) fn execute(connection: &Connection, sql: Sql, params: &[Value]) -> Result<u64, DbError> {
    let mut statement = connection.prepare_cached(sql.text())?;
    Ok(statement.execute(params_from_iter(params))? as u64)
}

fn next(rows: &mut Rows<'_>) -> Result<Option<Row>, DbError> {
    let Some(row) = rows.next()? else { return Ok(None) };
    let columns = row.as_ref().column_count();
    let values = (0..columns).map(|index| column(row, index)).collect::<Result<_, _>>()?;
    Ok(Some(Row::new(values)))
}

fn column(row: &rusqlite::Row<'_>, index: usize) -> Result<Value, DbError> {
    let wrong = DbError::Column { index, expected: "text or an integer" };
    match row.get_ref(index)? {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Int(number)),
        ValueRef::Text(text) => std::str::from_utf8(text).map(Value::from).map_err(|_| wrong),
        ValueRef::Real(_) | ValueRef::Blob(_) => Err(wrong),
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}
