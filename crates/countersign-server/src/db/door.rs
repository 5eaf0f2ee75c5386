//! The one door through which every write goes: a task of its own, at most three retries, one
//! place that commits or rolls back, and counts by name.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use opentelemetry::context::FutureExt as _;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::Instrument as _;

use super::error::server_code;
use super::server::{Lease, Server, too_late};
use super::sqlite::{Job, Writer};
use super::tx::Endings;
use super::{AsDbError, Db, DbError, Ended, Store, Tx};
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::traces::Part;

const RETRIES: u32 = 3;

/// What has gone through the door under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteCount {
    /// The name given to `write`.
    pub name: &'static str,
    /// Writes, retried or not, good or not.
    pub count: u64,
    /// Runs beyond the first.
    pub retries: u64,
    /// Writes that answered `Err`.
    pub failures: u64,
    /// The time they took, waiting included.
    pub total: Duration,
}

#[derive(Default)]
struct Counter {
    count: AtomicU64,
    retries: AtomicU64,
    failures: AtomicU64,
    micros: AtomicU64,
}

/// The counters of all names.
#[derive(Default)]
pub(super) struct Door {
    counters: Mutex<BTreeMap<&'static str, Arc<Counter>>>,
}

impl Door {
    fn counter(&self, name: &'static str) -> Arc<Counter> {
        Arc::clone(self.counters.lock().entry(name).or_default())
    }

    pub(super) fn counts(&self) -> Vec<WriteCount> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = self.counters.lock();
        let count = |(name, counter): (&&'static str, &Arc<Counter>)| WriteCount {
            name,
            count: read(&counter.count),
            retries: read(&counter.retries),
            failures: read(&counter.failures),
            total: Duration::from_micros(read(&counter.micros)),
        };
        counters.iter().map(count).collect()
    }
}

impl Counter {
    fn note(&self, took: Duration, retries: u32, failed: bool) {
        let add = |counter: &AtomicU64, more| counter.fetch_add(more, Ordering::Relaxed);
        add(&self.count, 1);
        add(&self.retries, u64::from(retries));
        add(&self.failures, u64::from(failed));
        add(&self.micros, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }
}

/// A closure that `write` takes. An alias, to say its bounds once.
pub(super) trait Change<T, E>:
    for<'t, 'c> FnMut(&'t mut Tx<'c>) -> BoxFuture<'t, Result<T, E>> + Send + 'static
{
}

impl<F, T, E> Change<T, E> for F where
    F: for<'t, 'c> FnMut(&'t mut Tx<'c>) -> BoxFuture<'t, Result<T, E>> + Send + 'static
{
}

/// How one run of a closure went.
struct Attempt<T, E> {
    result: Result<T, E>,
    retry: bool,
}

impl<T, E: From<DbError>> Attempt<T, E> {
    fn failed(error: DbError) -> Self {
        Self { retry: error.is_retryable(), result: Err(E::from(error)) }
    }
}

impl Db {
    /// Runs `change` in a transaction and commits it; an `Err` rolls it back.
    ///
    /// The change goes on when whoever waits for it is gone. It may run up to four times, so it
    /// owns what it needs, does nothing but SQL, and awaits only its transaction. On SQLite it
    /// shares a commit with others, but neither sees nor suffers their failures.
    ///
    /// # Errors
    /// What `change` answers; else the [`DbError`] that kept it from being committed.
    pub async fn write<T, E, F>(&self, name: &'static str, change: F) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx<'_>) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + AsDbError + Send + 'static,
    {
        let db = self.clone();
        let work = async move { db.keep_trying(name, change).await };
        match tokio::spawn(work.in_current_span().with_current_context()).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => Err(E::from(DbError::Panicked { name })),
            Err(_) => Err(E::from(too_late())),
        }
    }

    async fn keep_trying<T, E, F>(&self, name: &'static str, mut change: F) -> Result<T, E>
    where
        F: Change<T, E>,
        T: Send + 'static,
        E: From<DbError> + AsDbError + Send + 'static,
    {
        let started = Clock::System.monotonic();
        let mut part = Part::write(self.kind().system(), name);
        let mut retries = 0;
        let result = loop {
            let attempt = match &self.inner.store {
                Store::Server(server) => attempt(server, name, &mut change).await,
                Store::Sqlite(sqlite) => {
                    match submit(&sqlite.writer, started, (name, change)).await {
                        Ok((again, attempt)) => {
                            change = again;
                            attempt
                        }
                        Err(error) => break Err(E::from(error)),
                    }
                }
            };
            if !attempt.retry || retries == RETRIES {
                break attempt.result;
            }
            retries += 1;
            tracing::debug!(name, retries, "a write is run again");
            tokio::time::sleep(jitter(retries)).await;
        };
        let took = Clock::System.monotonic().saturating_sub(started);
        self.inner.door.counter(name).note(took, retries, result.is_err());
        part.retried(retries);
        match &result {
            Ok(_) => self.inner.condition.committed(),
            Err(error) => {
                if let Some(error) = error.as_db_error() {
                    self.inner.condition.failed(error);
                    part.failed();
                }
            }
        }
        result
    }
}

/// A random pause, twice as long each time, so that two that collided do not meet again.
fn jitter(retries: u32) -> Duration {
    Duration::from_micros(500 + Entropy::System.below(4_000 << retries))
}

/// Runs the closure once. What it answers counts only if no statement of it failed.
async fn run<T, E: From<DbError> + AsDbError>(
    tx: &mut Tx<'_>,
    name: &'static str,
    change: &mut impl Change<T, E>,
) -> Attempt<T, E> {
    let outcome = AssertUnwindSafe(async { change(tx).await }).catch_unwind().await;
    let failed = tx.failed();
    match outcome {
        Err(_) => Attempt::failed(DbError::Panicked { name }),
        Ok(Ok(value)) => match failed {
            Some(error) => Attempt::failed(error.clone()),
            None => Attempt { result: Ok(value), retry: false },
        },
        Ok(Err(error)) => {
            let cause = failed.or(error.as_db_error());
            Attempt { retry: cause.is_some_and(DbError::is_retryable), result: Err(error) }
        }
    }
}

/// One run on PostgreSQL or MySQL, from BEGIN to COMMIT or ROLLBACK.
async fn attempt<T, E: From<DbError> + AsDbError>(
    server: &Server,
    name: &'static str,
    change: &mut impl Change<T, E>,
) -> Attempt<T, E> {
    let mut endings = Endings::new();
    let mut lease = match server.begin().await {
        Ok(lease) => lease,
        Err(error) => return Attempt::failed(error),
    };
    let mut tx = Tx::server(&mut lease, &mut endings);
    // A connection that does not answer is closed, with the lease: then nothing was committed.
    let Ok(attempt) = timeout(server.answer_timeout(), run(&mut tx, name, change)).await else {
        return Attempt::failed(too_late());
    };
    let is_lost = tx.failed().is_some_and(DbError::loses_connection);
    let Ok(value) = attempt.result else {
        if !is_lost
            && let Ok(Ok(())) = timeout(server.answer_timeout(), lease.raw("ROLLBACK")).await
        {
            lease.give_back();
        }
        endings.tell(Ended::RolledBack);
        return attempt;
    };
    match commit(server, lease, &mut endings).await {
        Ok(()) => Attempt { result: Ok(value), retry: false },
        Err(error) => Attempt::failed(error),
    }
}

async fn commit(server: &Server, mut lease: Lease, endings: &mut Endings) -> Result<(), DbError> {
    endings.committing();
    let answer = timeout(server.answer_timeout(), lease.raw("COMMIT")).await;
    let (ended, result) = match answer {
        Ok(Ok(())) => {
            lease.give_back();
            (Ended::Committed, Ok(()))
        }
        Ok(Err(error)) => (after_failed_commit(&error), Err(error.into())),
        Err(_) => (Ended::Unknown, Err(too_late())),
    };
    endings.tell(ended);
    result
}

/// A server that refuses to commit for a conflict or a constraint has rolled back; of any other
/// failure nobody knows when it came.
fn after_failed_commit(error: &sqlx::Error) -> Ended {
    let code = error.as_database_error().map(server_code).unwrap_or_default();
    match code.as_str() {
        "1213" => Ended::RolledBack,
        code if code.starts_with("40") && code != "40003" => Ended::RolledBack,
        code if code.starts_with("23") => Ended::RolledBack,
        _ => Ended::Unknown,
    }
}

/// One run on SQLite, in whatever group the writer puts it. Gives the closure back. Whoever has
/// waited for too long since `started` is told so; the writer still runs the closure.
async fn submit<T, E, F>(
    writer: &Writer,
    started: Duration,
    (name, change): (&'static str, F),
) -> Result<(F, Attempt<T, E>), DbError>
where
    F: Change<T, E>,
    T: Send + 'static,
    E: From<DbError> + AsDbError + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let waiting = Waiting { name, change, attempt: None, endings: Endings::new(), reply };
    let gone = |_| DbError::Unavailable("the database writer is gone".to_owned());
    let run = async {
        writer.send(Box::new(waiting)).await?;
        answer.await.map_err(gone)
    };
    timeout(writer.patience_left(started), run).await.unwrap_or_else(|_| {
        writer.check_disk()?;
        Err(too_late())
    })
}

/// A change on its way through SQLite's writer.
struct Waiting<T, E, F> {
    name: &'static str,
    change: F,
    attempt: Option<Attempt<T, E>>,
    endings: Endings,
    reply: oneshot::Sender<(F, Attempt<T, E>)>,
}

impl<T, E, F> Job for Waiting<T, E, F>
where
    F: Change<T, E>,
    T: Send,
    E: From<DbError> + AsDbError + Send,
{
    fn run(&mut self, connection: &mut rusqlite::Connection) -> bool {
        let mut tx = Tx::sqlite(connection, &mut self.endings);
        let run = pin!(run(&mut tx, self.name, &mut self.change));
        // SQLite answers at once, so a closure that is not done waits for something else.
        let attempt = match run.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(attempt) => attempt,
            Poll::Pending => Attempt::failed(DbError::Pending { name: self.name }),
        };
        self.attempt.insert(attempt).result.is_ok()
    }

    fn fail(&mut self, error: &DbError) {
        if self.attempt.as_ref().is_none_or(|attempt| attempt.result.is_ok()) {
            self.attempt = Some(Attempt::failed(error.clone()));
        }
    }

    fn end(&mut self, ended: Ended) {
        self.endings.tell(ended);
    }

    fn answer(self: Box<Self>) {
        let attempt = self.attempt.unwrap_or_else(|| Attempt::failed(too_late()));
        // Nobody may be waiting any more; the change is done all the same.
        let _ = self.reply.send((self.change, attempt));
    }
}
