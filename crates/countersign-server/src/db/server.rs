//! PostgreSQL and MySQL/MariaDB, through sqlx's pools.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPoolOptions};
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::query::Query;
use sqlx::{
    AssertSqlSafe, Connection as _, Database, Encode, Executor as _, MySql, MySqlPool, PgPool,
    Postgres, Row as _, SqlSafeStr, Type,
};
use tokio::time::timeout;
use url::Url;

use super::columns::Columns;
use super::{DbError, DbOptions, Kind, Row, Sql, Value};

/// An idle connection older than this is asked whether it still lives before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// The parameters of a URL that name files, of both servers.
const TLS_FILES: [&str; 8] =
    ["sslrootcert", "ssl-root-cert", "sslca", "ssl-ca", "sslcert", "ssl-cert", "sslkey", "ssl-key"];
/// MySQL closes a connection that had no work for so long.
const IDLE: Duration = Duration::from_mins(1);
/// How many connections are tried before they are all taken for dead.
const DEAD_CONNECTIONS: usize = 3;

/// One server's connections, and how long to wait for it.
pub(super) struct Server {
    pool: Pool,
    /// A single connection, which no request uses.
    watcher: Pool,
    /// Whether the watcher's connection was answered last.
    answers: AtomicBool,
    /// The host and the port, for errors and the log.
    address: String,
    wait: Duration,
    answer: Duration,
    watch: Duration,
    session: Session,
}

/// What lasts on a connection from one transaction to the next.
enum Session {
    /// Prepared statements and settings.
    Kept,
    /// Nothing: each transaction begins with its settings, and each read is in one, since the
    /// connection to the database is another's in between.
    Pooled {
        /// Begins a transaction with its settings.
        begin: String,
    },
}

impl Session {
    fn is_kept(&self) -> bool {
        matches!(self, Self::Kept)
    }
}

enum Pool {
    Postgres(PgPool),
    MySql(MySqlPool),
}

enum Connection {
    Postgres(PoolConnection<Postgres>),
    MySql(PoolConnection<MySql>),
}

/// The same work on either server's connection.
macro_rules! on {
    ($connection:expr, $bound:ident => $work:expr) => {
        match $connection {
            Connection::Postgres($bound) => $work,
            Connection::MySql($bound) => $work,
        }
    };
}

impl Server {
    pub(super) async fn postgres(options: &DbOptions) -> Result<Self, DbError> {
        check_tls_files(&options.url)?;
        let connect: PgConnectOptions = options.url.parse()?;
        // No table has floats, and poolers refuse startup parameters that they do not know.
        let connect = connect.extra_float_digits(None);
        let address = match connect.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", connect.get_host(), connect.get_port()),
        };
        reach(&address, options, PgConnection::connect_with(&connect)).await?;
        let isolation = format!("ISOLATION LEVEL READ COMMITTED{}", access(options));
        // A lock is waited for no longer than a connection; a node that died in a transaction
        // does not keep its locks.
        let timeouts = |set: &str| {
            let [lock, idle] = [options.busy_timeout, options.answer_timeout];
            let (lock, idle) = (lock.as_millis(), idle.as_millis());
            format!(
                "{set} lock_timeout = {lock}; {set} idle_in_transaction_session_timeout = {idle}"
            )
        };
        let (session, settings) = if options.prepared_statements {
            let characteristics = "SET SESSION CHARACTERISTICS AS TRANSACTION";
            (Session::Kept, Some(format!("{characteristics} {isolation}; {}", timeouts("SET"))))
        } else {
            let begin = format!("BEGIN {isolation}; {}", timeouts("SET LOCAL"));
            (Session::Pooled { begin }, None)
        };
        let pools = pool_options::<Postgres>(PgPoolOptions::new(), options)
            .after_connect(move |connection, _| {
                let settings = settings.clone().map(AssertSqlSafe);
                Box::pin(async move {
                    match settings {
                        Some(settings) => connection.execute(settings).await.map(drop),
                        None => Ok(()),
                    }
                })
            })
            .before_acquire(|connection, state| {
                Box::pin(async move {
                    if state.idle_for > TRUSTED_IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            });
        let watcher = pools.clone().max_connections(1).connect_lazy_with(connect.clone());
        let pool = Pool::Postgres(pools.connect_with(connect).await?);
        Ok(Self::new((pool, Pool::Postgres(watcher)), session, address, options))
    }

    pub(super) async fn mysql(options: &DbOptions) -> Result<Self, DbError> {
        check_tls_files(&options.url)?;
        let connect: MySqlConnectOptions = options.url.parse()?;
        let connect = connect.charset("utf8mb4").collation("utf8mb4_bin");
        let address = match connect.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", connect.get_host(), connect.get_port()),
        };
        reach(&address, options, MySqlConnection::connect_with(&connect)).await?;
        // Without STRICT_ALL_TABLES a text that is too long is cut and kept. A node that died in a
        // transaction, or whose COMMIT is held up on its way, does not keep its locks; MySQL knows
        // only the time of connections without work, in a transaction or not.
        let settings = format!(
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED{}; \
             SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), \
             SESSION innodb_lock_wait_timeout = {}, SESSION wait_timeout = {} \
             /*M!100300 , SESSION idle_transaction_timeout = {} */",
            access(options),
            options.busy_timeout.as_secs().max(1),
            options.answer_timeout.max(IDLE).as_secs(),
            options.answer_timeout.as_secs().max(1),
        );
        let pools = pool_options::<MySql>(MySqlPoolOptions::new(), options)
            .after_connect(move |connection, _| {
                let settings = AssertSqlSafe(settings.clone());
                Box::pin(async move { connection.execute(settings).await.map(drop) })
            })
            .before_acquire(|connection, state| {
                Box::pin(async move {
                    if state.idle_for > TRUSTED_IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            });
        let watcher = pools.clone().max_connections(1).connect_lazy_with(connect.clone());
        let pool = Pool::MySql(pools.connect_with(connect).await?);
        Ok(Self::new((pool, Pool::MySql(watcher)), Session::Kept, address, options))
    }

    fn new(
        (pool, watcher): (Pool, Pool),
        session: Session,
        address: String,
        options: &DbOptions,
    ) -> Self {
        let DbOptions { busy_timeout, answer_timeout, watch_timeout, .. } = *options;
        Self {
            pool,
            watcher,
            answers: AtomicBool::new(true),
            address,
            wait: busy_timeout,
            answer: answer_timeout,
            watch: watch_timeout,
            session,
        }
    }

    /// The host and the port.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn kind(&self) -> Kind {
        match self.pool {
            Pool::Postgres(_) => Kind::Postgres,
            Pool::MySql(_) => Kind::MySql,
        }
    }

    /// A connection, for as long as the caller keeps it.
    pub(super) async fn lease(&self) -> Result<Lease, DbError> {
        match self.lease_from(&self.pool).await {
            Err(sqlx::Error::PoolTimedOut) => Err(self.no_connection()),
            lease => Ok(lease?),
        }
    }

    async fn lease_from(&self, pool: &Pool) -> Result<Lease, sqlx::Error> {
        let connection = match pool {
            Pool::Postgres(pool) => Connection::Postgres(pool.acquire().await?),
            Pool::MySql(pool) => Connection::MySql(pool.acquire().await?),
        };
        Ok(Lease { connection: Some(connection), is_kept: self.session.is_kept() })
    }

    /// Why no connection was to be had in time: all are in use, unless the server does not answer.
    fn no_connection(&self) -> DbError {
        if self.answers.load(Ordering::Relaxed) {
            DbError::Busy("no connection came free in time")
        } else {
            too_late()
        }
    }

    /// A connection in a transaction. Nothing has been done on it yet, so that a dead one, as all
    /// are once after the server was restarted, costs only another try.
    pub(super) async fn begin(&self) -> Result<Lease, DbError> {
        let begin_text = match &self.session {
            Session::Kept => "BEGIN",
            Session::Pooled { begin } => begin,
        };
        let mut waits_for_pool = true;
        let begin = async {
            let mut last = None;
            for _ in 0..DEAD_CONNECTIONS {
                let mut lease = self.lease().await?;
                waits_for_pool = false;
                match lease.raw(begin_text).await {
                    Ok(()) => return Ok(lease),
                    Err(error) => last = Some(error),
                }
            }
            Err(last.map_or_else(too_late, DbError::from))
        };
        match timeout(self.wait, begin).await {
            Ok(lease) => lease,
            Err(_) if waits_for_pool => Err(self.no_connection()),
            Err(_) => Err(too_late()),
        }
    }

    /// The first row, soon or not at all.
    pub(super) async fn find(&self, sql: Sql, params: &[Value]) -> Result<Option<Row>, DbError> {
        first(self.rows(self.wait, sql, params).await)
    }

    pub(super) async fn list(&self, sql: Sql, params: &[Value]) -> Result<Vec<Row>, DbError> {
        self.rows(self.answer, sql, params).await
    }

    /// Reads rows, on another connection if the first is dead.
    async fn rows(
        &self,
        patience: Duration,
        sql: Sql,
        params: &[Value],
    ) -> Result<Vec<Row>, DbError> {
        let mut waits_for_pool = true;
        let list = async {
            let mut tries = 1;
            loop {
                let mut lease = self.lease().await?;
                waits_for_pool = false;
                let rows = self.read(&mut lease, sql, params).await;
                match lease.release(rows) {
                    Err(DbError::Unavailable(_)) if tries < DEAD_CONNECTIONS => tries += 1,
                    rows => return rows,
                }
            }
        };
        match timeout(patience, list).await {
            Ok(rows) => rows,
            Err(_) if waits_for_pool => Err(self.no_connection()),
            Err(_) => Err(too_late()),
        }
    }

    /// Reads rows on the watcher's connection. One that does not answer soon is closed, and another
    /// is tried, once.
    pub(super) async fn watch(&self, sql: Sql, params: &[Value]) -> Result<Vec<Row>, DbError> {
        let rows = self.try_watch(sql, params).await;
        self.answers.store(!matches!(rows, Err(DbError::Unavailable(_))), Ordering::Relaxed);
        rows
    }

    async fn try_watch(&self, sql: Sql, params: &[Value]) -> Result<Vec<Row>, DbError> {
        let mut failed = too_late();
        for _ in 0..2 {
            let mut lease = self.lease_from(&self.watcher).await?;
            match timeout(self.watch, self.read(&mut lease, sql, params)).await {
                Ok(rows) => match lease.release(rows) {
                    Err(error @ DbError::Unavailable(_)) => failed = error,
                    rows => return rows,
                },
                Err(_) => failed = too_late(),
            }
        }
        Err(failed)
    }

    /// Reads rows outside of a write. An unnamed statement is prepared and run in two steps: without
    /// a transaction, a pooler may send the second one to another connection, where it would run
    /// another client's statement.
    async fn read(
        &self,
        lease: &mut Lease,
        sql: Sql,
        params: &[Value],
    ) -> Result<Vec<Row>, DbError> {
        let Session::Pooled { begin } = &self.session else { return lease.list(sql, params).await };
        lease.raw(begin).await?;
        let rows = lease.list(sql, params).await;
        lease.raw(if rows.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
        rows
    }

    /// Whether two connections to PostgreSQL at a time reach the same process of the server.
    ///
    /// # Errors
    /// [`DbError::Pooler`] where they then share the names of prepared statements too.
    pub(super) async fn is_pooled_by_transaction(&self) -> Result<bool, DbError> {
        let (Pool::Postgres(pool), Session::Kept) = (&self.pool, &self.session) else {
            return Ok(false);
        };
        let options = pool.connect_options();
        let look = async {
            let mut one = PgConnection::connect_with(&options).await?;
            let mut other = PgConnection::connect_with(&options).await?;
            let is_shared = backend(&mut one).await? == backend(&mut other).await?;
            if is_shared {
                for connection in [&mut one, &mut other] {
                    sqlx::query("SELECT 1").execute(connection).await?;
                }
            }
            one.close().await?;
            other.close().await?;
            Ok::<_, DbError>(is_shared)
        };
        // Where there is no room for two more, a pooler by session keeps one of them waiting, and the
        // server refuses it.
        match timeout(self.wait, look).await {
            Ok(Ok(is_shared)) => Ok(is_shared),
            Ok(Err(DbError::Pooler)) => Err(DbError::Pooler),
            Ok(Err(_)) | Err(_) => Ok(false),
        }
    }

    pub(super) async fn prepare(&self, sql: Sql) -> Result<(), DbError> {
        let mut lease = self.lease().await?;
        let text = lease.text(sql);
        let prepared =
            on!(lease.connection()?, c => c.prepare(text.into_sql_str()).await.map(drop));
        lease.release(prepared.map_err(DbError::from))
    }

    /// How long a statement may take.
    pub(super) fn answer_timeout(&self) -> Duration {
        self.answer
    }

    pub(super) async fn close(&self) {
        tokio::join!(self.pool.close(), self.watcher.close());
    }
}

impl Pool {
    async fn close(&self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::MySql(pool) => pool.close().await,
        }
    }
}

/// Connects once without the pool, which tries again until its time is up and then does not say
/// why.
async fn reach<C: sqlx::Connection>(
    address: &str,
    options: &DbOptions,
    connect: impl Future<Output = Result<C, sqlx::Error>>,
) -> Result<(), DbError> {
    let refused = |error: DbError| match error {
        DbError::Unavailable(message) => DbError::Unavailable(format!("{address}: {message}")),
        error => error,
    };
    let connection = timeout(options.busy_timeout, connect).await.unwrap_or_else(|_| {
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "no answer")))
    });
    let connection = connection.map_err(|error| refused(error.into()))?;
    // Whether the server hears the farewell does not matter.
    let _farewell = connection.close().await;
    Ok(())
}

/// Refuses a URL that names a file for TLS which cannot be read: sqlx's error does not name it.
fn check_tls_files(url: &str) -> Result<(), DbError> {
    let Ok(url) = Url::parse(url) else { return Ok(()) };
    for (name, path) in url.query_pairs() {
        let is_file = TLS_FILES.contains(&&*name) && !path.contains("-----BEGIN");
        if is_file && let Err(error) = File::open(&*path) {
            return Err(DbError::Configuration(format!("{name}: {path}: {error}")));
        }
    }
    Ok(())
}

/// What is added to the isolation level, in the words of both servers.
fn access(options: &DbOptions) -> &'static str {
    if options.read_only { ", READ ONLY" } else { "" }
}

fn pool_options<DB: Database>(pool: PoolOptions<DB>, options: &DbOptions) -> PoolOptions<DB> {
    pool.max_connections(options.max_connections)
        .acquire_timeout(options.busy_timeout)
        .test_before_acquire(false)
}

pub(super) fn too_late() -> DbError {
    DbError::Unavailable("no answer in time".to_owned())
}

/// A connection taken from the pool. It is closed, not given back, unless [`Lease::give_back`] is
/// reached: whoever drops a future half-way leaves a transaction or half an answer on it.
pub(super) struct Lease {
    connection: Option<Connection>,
    /// Whether prepared statements stay on it.
    is_kept: bool,
}

/// The first of the rows.
pub(super) fn first(rows: Result<Vec<Row>, DbError>) -> Result<Option<Row>, DbError> {
    rows.map(|rows| rows.into_iter().next())
}

impl Drop for Lease {
    fn drop(&mut self) {
        match self.connection.take() {
            Some(Connection::Postgres(connection)) => drop(connection.detach()),
            Some(Connection::MySql(connection)) => drop(connection.detach()),
            None => {}
        }
    }
}

impl Lease {
    /// Gives the connection back; it is as it was when it was taken.
    pub(super) fn give_back(mut self) {
        drop(self.connection.take());
    }

    /// Gives the connection back, unless the result says that it is not fit for it.
    pub(super) fn release<T>(self, result: Result<T, DbError>) -> Result<T, DbError> {
        if !result.as_ref().is_err_and(DbError::loses_connection) {
            self.give_back();
        }
        result
    }

    fn connection(&mut self) -> Result<&mut Connection, DbError> {
        self.connection.as_mut().ok_or_else(too_late)
    }

    fn text(&self, sql: Sql) -> &'static str {
        match self.connection {
            Some(Connection::Postgres(_)) => sql.numbered(),
            _ => sql.text(),
        }
    }

    pub(super) async fn list(&mut self, sql: Sql, params: &[Value]) -> Result<Vec<Row>, DbError> {
        let (text, is_kept) = (self.text(sql), self.is_kept);
        on!(self.connection()?, c => {
            let rows = query(text, params).persistent(is_kept).fetch_all(&mut **c).await?;
            rows.iter().map(Columns::values).collect()
        })
    }

    /// As [`Lease::list`], with a shared lock on each row until the transaction ends.
    pub(super) async fn list_shared(
        &mut self,
        sql: Sql,
        params: &[Value],
    ) -> Result<Vec<Row>, DbError> {
        let lock = match self.connection {
            Some(Connection::Postgres(_)) => "FOR SHARE",
            // MariaDB has no `FOR SHARE`.
            _ => "LOCK IN SHARE MODE",
        };
        let text = AssertSqlSafe(format!("{} {lock}", self.text(sql)));
        let is_kept = self.is_kept;
        on!(self.connection()?, c => {
            let rows = query(text, params).persistent(is_kept).fetch_all(&mut **c).await?;
            rows.iter().map(Columns::values).collect()
        })
    }

    pub(super) async fn execute(&mut self, sql: Sql, params: &[Value]) -> Result<u64, DbError> {
        let (text, is_kept) = (self.text(sql), self.is_kept);
        on!(self.connection()?, c => {
            Ok(query(text, params).persistent(is_kept).execute(&mut **c).await?.rows_affected())
        })
    }

    /// Runs a statement without placeholders, unprepared.
    pub(super) async fn raw(&mut self, text: &str) -> Result<(), sqlx::Error> {
        let Some(connection) = &mut self.connection else {
            return Err(sqlx::Error::PoolClosed);
        };
        let text = AssertSqlSafe(text.to_owned());
        on!(connection, c => sqlx::raw_sql(text).execute(&mut **c).await.map(drop))
    }
}

/// The number of the server's process that answers.
async fn backend(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    let row = sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await?;
    row.try_get(0)
}

fn query<DB: Database>(text: impl SqlSafeStr, params: &[Value]) -> Query<'static, DB, DB::Arguments>
where
    Value: Type<DB> + for<'q> Encode<'q, DB>,
{
    params.iter().fold(sqlx::query(text), Query::bind)
}
