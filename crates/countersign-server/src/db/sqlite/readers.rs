//! The connections that read. Reads by key run where they are asked for (a few microseconds);
//! lists get a thread, and connections of their own, so that they do not stand in the way.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::open_reader;
use crate::db::server::too_late;
use crate::db::{DbError, DbOptions, Row, Sql, Value};

const POINT_READERS: usize = 4;
const LIST_READERS: usize = 2;

/// Connections that see what is committed and change nothing.
pub(in crate::db) struct Readers {
    points: Lane,
    lists: Lane,
    listing: Arc<Semaphore>,
    /// Reads and never writes, since `data_version` counts what *other* connections committed.
    watcher: Mutex<Connection>,
    wait: Duration,
    watch: Duration,
}

struct Lane {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Lane {
    fn open(path: &Path, busy_timeout: Duration, count: usize) -> Result<Self, DbError> {
        let open = |_| open_reader(path, busy_timeout).map(Mutex::new);
        let connections = (0..count).map(open).collect::<Result<_, _>>()?;
        Ok(Self { connections, next: AtomicUsize::new(0) })
    }

    fn with<T>(&self, read: impl FnOnce(&Connection) -> T) -> T {
        let idle = self.connections.iter().find_map(Mutex::try_lock);
        let connection = idle.unwrap_or_else(|| {
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            self.connections[turn % self.connections.len()].lock()
        });
        read(&connection)
    }
}

impl Readers {
    pub(super) fn open(path: &Path, options: &DbOptions) -> Result<Self, DbError> {
        let busy_timeout = options.busy_timeout;
        Ok(Self {
            points: Lane::open(path, busy_timeout, POINT_READERS)?,
            lists: Lane::open(path, busy_timeout, LIST_READERS)?,
            listing: Arc::new(Semaphore::new(LIST_READERS)),
            watcher: Mutex::new(open_reader(path, busy_timeout)?),
            wait: busy_timeout,
            watch: options.watch_timeout,
        })
    }

    pub(in crate::db) fn find(&self, sql: Sql, params: &[Value]) -> Result<Option<Row>, DbError> {
        self.points.with(|connection| super::find(connection, sql, params))
    }

    pub(in crate::db) async fn list(
        self: &Arc<Self>,
        sql: Sql,
        params: &[Value],
    ) -> Result<Vec<Row>, DbError> {
        let full = || DbError::Busy("too many lists are being read");
        let permit = tokio::time::timeout(self.wait, Arc::clone(&self.listing).acquire_owned());
        let permit = permit.await.ok().and_then(Result::ok).ok_or_else(full)?;
        let (readers, params) = (Arc::clone(self), params.to_vec());
        let list = move || {
            // The permit belongs to the work: it goes on when nobody waits for it any more.
            let _permit = permit;
            readers.lists.with(|connection| super::list(connection, sql, &params))
        };
        tokio::task::spawn_blocking(list)
            .await
            .unwrap_or_else(|error| Err(DbError::Unavailable(error.to_string())))
    }

    pub(in crate::db) fn prepare(&self, sql: Sql) -> Result<(), DbError> {
        self.points.with(|connection| Ok(connection.prepare(sql.text()).map(drop)?))
    }

    /// Reads rows on the watcher. A read that takes long, as on a disk that hangs, goes on until it
    /// ends, and later ones fail at once.
    pub(in crate::db) async fn watch(
        self: &Arc<Self>,
        sql: Sql,
        params: &[Value],
    ) -> Result<Vec<Row>, DbError> {
        let (readers, params) = (Arc::clone(self), params.to_vec());
        let list = move || {
            let watcher = readers.watcher()?;
            super::list(&watcher, sql, &params)
        };
        match tokio::time::timeout(self.watch, tokio::task::spawn_blocking(list)).await {
            Ok(Ok(rows)) => rows,
            Ok(Err(error)) => Err(DbError::Unavailable(error.to_string())),
            Err(_) => Err(too_late()),
        }
    }

    fn watcher(&self) -> Result<MutexGuard<'_, Connection>, DbError> {
        self.watcher.try_lock().ok_or_else(too_late)
    }

    pub(in crate::db) fn data_version(&self) -> Result<i64, DbError> {
        let watcher = self.watcher()?;
        let mut statement = watcher.prepare_cached("PRAGMA data_version")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }
}
