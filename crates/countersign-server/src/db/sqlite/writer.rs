//! The thread that writes: it takes the changes that wait, runs each in a savepoint, commits them
//! all with one fsync, and answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::mpsc;

use super::files::OpenFiles;
use crate::clock::Clock;
use crate::db::{DbError, Ended};

/// How many changes are committed at once.
const GROUP: usize = 64;
/// How many changes may wait; beyond it their senders wait.
const QUEUE: usize = 1024;
/// How long another process is let at the file between two groups.
const OTHERS_TURN: Duration = Duration::from_millis(1);

/// A change that waits for the writer.
pub(in crate::db) trait Job: Send {
    /// Runs the change once; whether its work is to be kept.
    fn run(&mut self, connection: &mut Connection) -> bool;
    /// The transaction was lost with the change's work in it.
    fn fail(&mut self, error: &DbError);
    /// Tells the callbacks of the last run how it ended.
    fn end(&mut self, ended: Ended);
    /// Answers whoever waits for the change.
    fn answer(self: Box<Self>);
}

type Group = Vec<Box<dyn Job>>;

/// Why nothing of a group was done.
enum Lost {
    /// The write lock was not to be had: no change ran.
    Begin(DbError),
    /// SQLite rolled everything back, or could not commit it.
    Midway(DbError),
}

/// The way to the thread.
pub(in crate::db) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    state: Arc<State>,
    thread: Mutex<Option<JoinHandle<()>>>,
    patience: Duration,
}

/// What the thread and those who wait for it know.
struct State {
    /// Whether other processes use the file.
    shared: AtomicBool,
    files: OpenFiles,
    /// When the thread began with its group, in milliseconds of the monotonic clock; 0 without one.
    began: AtomicU64,
}

impl Writer {
    /// Starts the thread. A change is waited for as long as `patience`.
    pub(super) fn start(
        connection: Connection,
        files: OpenFiles,
        patience: Duration,
    ) -> Result<Self, DbError> {
        let (queue, mut waiting) = mpsc::channel(QUEUE);
        let (shared, began) = (AtomicBool::new(false), AtomicU64::new(0));
        let state = Arc::new(State { shared, files, began });
        let mut thread = Thread { connection, state: Arc::clone(&state) };
        let work = move || {
            let mut group = Vec::with_capacity(GROUP);
            while waiting.blocking_recv_many(&mut group, GROUP) > 0 {
                thread.state.began.store(millis(), Ordering::Relaxed);
                thread.serve(std::mem::take(&mut group));
                thread.state.began.store(0, Ordering::Relaxed);
                if thread.state.shared.load(Ordering::Relaxed) {
                    thread::sleep(OTHERS_TURN);
                }
            }
        };
        let thread = thread::Builder::new().name("database writer".to_owned()).spawn(work);
        let thread = thread.map_err(|error| DbError::Unavailable(error.to_string()))?;
        let (queue, thread) = (Mutex::new(Some(queue)), Mutex::new(Some(thread)));
        Ok(Self { queue, state, thread, patience })
    }

    /// Hands a change to the thread, once there is room for it.
    pub(in crate::db) async fn send(&self, job: Box<dyn Job>) -> Result<(), DbError> {
        let closed = || DbError::Unavailable("the database is closed".to_owned());
        let queue = self.queue.lock().clone().ok_or_else(closed)?;
        queue.send(job).await.map_err(|_| closed())
    }

    pub(in crate::db) fn set_shared(&self, shared: bool) {
        self.state.shared.store(shared, Ordering::Relaxed);
    }

    /// How much longer somebody waits who began to at `started`, by the monotonic clock.
    pub(in crate::db) fn patience_left(&self, started: Duration) -> Duration {
        self.patience.saturating_sub(Clock::System.monotonic().saturating_sub(started))
    }

    /// Refuses if a file at the database's path is not the one that is open.
    pub(in crate::db) fn check_files(&self) -> Result<(), DbError> {
        self.state.files.check()
    }

    /// Refuses if the thread has been at one group for so long that the disk must be at fault.
    pub(in crate::db) fn check_disk(&self) -> Result<(), DbError> {
        let began = self.state.began.load(Ordering::Relaxed);
        let hangs = began != 0 && millis().saturating_sub(began) * 2 > as_millis(self.patience);
        if hangs {
            return Err(DbError::Unwritable("the disk does not answer".to_owned()));
        }
        Ok(())
    }

    /// Takes no more changes and waits until those that were taken are answered.
    pub(in crate::db) async fn close(&self) {
        drop(self.queue.lock().take());
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join().is_ok()).await;
            if !matches!(joined, Ok(true)) {
                tracing::error!("the database writer did not end well");
            }
        }
    }
}

fn as_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The monotonic clock; never 0.
fn millis() -> u64 {
    as_millis(Clock::System.monotonic()).max(1)
}

/// What the thread works with.
struct Thread {
    connection: Connection,
    state: Arc<State>,
}

impl Thread {
    /// Commits the group and answers it. If it is lost as a whole its changes are run one by one,
    /// so that the one that SQLite choked on costs the others nothing.
    fn serve(&mut self, mut group: Group) {
        let files = &self.state.files;
        let committed = files.check().map_err(Lost::Begin);
        match committed.and_then(|()| commit(&mut self.connection, &mut group)) {
            Ok(kept) => {
                // Once more: what was committed into a file that is gone must not be acknowledged.
                let lost = files.check().err();
                for (job, kept) in group.iter_mut().zip(kept) {
                    job.end(if kept { Ended::Committed } else { Ended::RolledBack });
                    if let Some(lost) = &lost {
                        job.fail(lost);
                    }
                }
                group.into_iter().for_each(Job::answer);
            }
            Err(Lost::Midway(_)) if group.len() > 1 => {
                for mut job in group {
                    job.end(Ended::RolledBack);
                    self.serve(vec![job]);
                }
            }
            Err(Lost::Begin(error) | Lost::Midway(error)) => {
                for mut job in group {
                    job.end(Ended::RolledBack);
                    job.fail(&error);
                    job.answer();
                }
            }
        }
    }
}

/// Runs the group in one transaction; which changes it kept.
fn commit(connection: &mut Connection, group: &mut Group) -> Result<Vec<bool>, Lost> {
    roll_back(connection);
    batch(connection, "BEGIN IMMEDIATE").map_err(Lost::Begin)?;
    let kept = run_all(connection, group).and_then(|kept| {
        batch(connection, "COMMIT")?;
        Ok(kept)
    });
    kept.map_err(|error| {
        // After a failed COMMIT no process sees the changes, and the next commit overwrites them.
        roll_back(connection);
        Lost::Midway(error)
    })
}

fn run_all(connection: &mut Connection, group: &mut Group) -> Result<Vec<bool>, DbError> {
    let mut kept = Vec::with_capacity(group.len());
    for job in group {
        batch(connection, "SAVEPOINT change")?;
        let keep = job.run(connection);
        if connection.is_autocommit() {
            // Out of room, of memory or of luck with the disk, SQLite rolls everything back.
            // What ran now would run, and be kept, by itself.
            let lost = "SQLite rolled the whole transaction back".to_owned();
            return Err(DbError::Unavailable(lost));
        }
        batch(
            connection,
            if keep { "RELEASE change" } else { "ROLLBACK TO change; RELEASE change" },
        )?;
        kept.push(keep);
    }
    Ok(kept)
}

fn roll_back(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = batch(connection, "ROLLBACK")
    {
        tracing::error!(%error, "cannot roll back");
    }
}

fn batch(connection: &Connection, sql: &str) -> Result<(), DbError> {
    Ok(connection.execute_batch(sql)?)
}
