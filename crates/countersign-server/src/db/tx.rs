//! The transaction that a write is given.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::server::{Lease, first};
use super::{DbError, FromRow, Row, Sql, Value, sqlite};

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its changes are durable.
    Committed,
    /// Nothing of it is left.
    RolledBack,
    /// The connection was lost while it was committed: either may be true.
    Unknown,
}

type AtEnd = Box<dyn FnOnce(Ended) + Send>;

/// What is to be told of the end. Dropped without [`Endings::tell`], it tells what is then true.
pub(super) struct Endings {
    waiting: Vec<AtEnd>,
    if_dropped: Ended,
}

impl Endings {
    pub(super) fn new() -> Self {
        Self { waiting: Vec::new(), if_dropped: Ended::RolledBack }
    }

    /// From here on nobody knows, until there is an answer.
    pub(super) fn committing(&mut self) {
        self.if_dropped = Ended::Unknown;
    }

    pub(super) fn tell(&mut self, ended: Ended) {
        for at_end in self.waiting.drain(..) {
            if catch_unwind(AssertUnwindSafe(|| at_end(ended))).is_err() {
                tracing::error!("a callback panicked at the end of a transaction");
            }
        }
    }
}

impl Drop for Endings {
    fn drop(&mut self) {
        self.tell(self.if_dropped);
    }
}

enum Connection<'c> {
    Sqlite(&'c mut rusqlite::Connection),
    Server(&'c mut Lease),
}

/// A transaction. Whoever gave it commits it or rolls it back.
///
/// A statement that fails ends it, on every database, as it does on PostgreSQL: each later one
/// fails alike and nothing is committed, whatever the closure answers.
pub struct Tx<'c> {
    connection: Connection<'c>,
    endings: &'c mut Endings,
    failed: Option<DbError>,
    met_end: Option<Arc<AtomicBool>>,
}

impl<'c> Tx<'c> {
    pub(super) fn sqlite(
        connection: &'c mut rusqlite::Connection,
        endings: &'c mut Endings,
    ) -> Self {
        Self { connection: Connection::Sqlite(connection), endings, failed: None, met_end: None }
    }

    pub(super) fn server(lease: &'c mut Lease, endings: &'c mut Endings) -> Self {
        Self { connection: Connection::Server(lease), endings, failed: None, met_end: None }
    }

    /// The failure that ended the transaction.
    pub(super) fn failed(&self) -> Option<&DbError> {
        self.failed.as_ref()
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// Whatever the database says, or [`DbError::Column`].
    pub async fn find<T: FromRow>(
        &mut self,
        sql: Sql,
        params: &[Value],
    ) -> Result<Option<T>, DbError> {
        self.starting()?;
        let row = match &mut self.connection {
            Connection::Sqlite(connection) => sqlite::find(connection, sql, params),
            Connection::Server(lease) => first(lease.list(sql, params).await),
        };
        self.noting(row)?.map(|mut row| T::from_row(&mut row)).transpose()
    }

    /// As [`Tx::find`], with a shared lock on the row until the transaction ends: others may read it and
    /// lock it the same way, but not change it.
    ///
    /// # Errors
    /// As [`Tx::find`].
    pub async fn find_shared<T: FromRow>(
        &mut self,
        sql: Sql,
        params: &[Value],
    ) -> Result<Option<T>, DbError> {
        self.starting()?;
        let row = match &mut self.connection {
            // Writes are serialized, so nobody else can change the row.
            Connection::Sqlite(connection) => sqlite::find(connection, sql, params),
            Connection::Server(lease) => first(lease.list_shared(sql, params).await),
        };
        self.noting(row)?.map(|mut row| T::from_row(&mut row)).transpose()
    }

    /// All rows.
    ///
    /// # Errors
    /// Whatever the database says, or [`DbError::Column`].
    pub async fn list<T: FromRow>(
        &mut self,
        sql: Sql,
        params: &[Value],
    ) -> Result<Vec<T>, DbError> {
        self.starting()?;
        let rows = match &mut self.connection {
            Connection::Sqlite(connection) => sqlite::list(connection, sql, params),
            Connection::Server(lease) => lease.list(sql, params).await,
        };
        read_all(self.noting(rows)?)
    }

    /// Changes rows; how many the statement matched, changed or not.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn execute(&mut self, sql: Sql, params: &[Value]) -> Result<u64, DbError> {
        self.starting()?;
        let matched = match &mut self.connection {
            Connection::Sqlite(connection) => sqlite::execute(connection, sql, params),
            Connection::Server(lease) => lease.execute(sql, params).await,
        };
        self.noting(matched)
    }

    /// Changes a single row; false where none matches, since another transaction ended it or what it
    /// belongs to. That is noted ([`Tx::note_end`]).
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn execute_one(&mut self, sql: Sql, params: &[Value]) -> Result<bool, DbError> {
        let matched = self.execute(sql, params).await? == 1;
        if !matched {
            self.note_end();
        }
        Ok(matched)
    }

    /// Calls `at_end` once the transaction has ended, before `write` returns. Each run of the
    /// closure has its own callbacks.
    pub fn at_end(&mut self, at_end: impl FnOnce(Ended) + Send + 'static) {
        self.endings.waiting.push(Box::new(at_end));
    }

    /// Has [`Tx::note_end`] noted in `met_end`.
    pub fn note_ends_in(&mut self, met_end: Arc<AtomicBool>) {
        self.met_end = Some(met_end);
    }

    /// Notes that the transaction found something ended, or left it out since it had ended, by what
    /// another transaction committed.
    pub fn note_end(&mut self) {
        if let Some(met_end) = &self.met_end {
            met_end.store(true, Ordering::SeqCst);
        }
    }

    /// Before each statement. Until there is an answer the transaction counts as failed, so that
    /// a closure that does not wait for it is not committed.
    fn starting(&mut self) -> Result<(), DbError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.failed = Some(DbError::Unavailable("a statement was not waited for".to_owned()));
        Ok(())
    }

    fn noting<T>(&mut self, result: Result<T, DbError>) -> Result<T, DbError> {
        self.failed = result.as_ref().err().cloned();
        result
    }
}

/// Reads each row as a `T`.
pub(super) fn read_all<T: FromRow>(rows: Vec<Row>) -> Result<Vec<T>, DbError> {
    rows.into_iter().map(|mut row| T::from_row(&mut row)).collect()
}
