//! The clock that all nodes share: the database server's. With SQLite, the clocks of the processes
//! that used the file before this one did.
//!
//! Every node compares its own clock with the shared one, at start and every few seconds. A node
//! whose clock differs by [`LIMIT`] answers 503 instead of serving: it would reject good tokens, mint
//! tokens that other nodes reject, and miss the reuse of refresh tokens.

mod difference;
mod peers;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

pub use self::difference::{Difference, LIMIT, Level, WARNING};
use self::peers::Peers;
use crate::app::ticks;
use crate::clock::{Clock, Time};
use crate::db::{Db, DbError, Kind};
use crate::tables::node;

/// How often the task checks whether a measurement is due.
const TICK: Duration = Duration::from_secs(1);
/// How often the database server is asked for its time.
const INTERVAL: Duration = Duration::from_secs(5);
/// A wall clock that moved by more against the monotonic one was set: it is compared at once.
const STEP_MILLIS: u64 = 500;
/// After this time, a process on SQLite that has found no other clock deletes by its own.
const TRUSTED_AFTER: Duration = Duration::from_hours(24);
/// How long a process that joins waits for the other processes on a SQLite file to write their time.
/// They notice it sooner; processes that were killed do not answer.
const ANSWER: Duration = Duration::from_secs(1);
/// How often it reads whether they have written it.
const LOOK: Duration = Duration::from_millis(50);
/// How often the database is asked in one measurement, as long as its answers are slow.
const SAMPLES: usize = 3;
/// A time that was read within so many milliseconds is precise enough.
const PRECISE_MILLIS: i64 = 100;

/// Compares this machine's clock with the one that all nodes share. Cheap to clone.
#[derive(Clone)]
pub struct SharedClock(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    state: Mutex<State>,
    /// Of two looks at the other processes the older must not be taken for the newer.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    measured: Option<Measured>,
    /// The monotonic time of the last attempt.
    attempted: Option<Duration>,
    /// SQLite only, from the first look on.
    peers: Option<Peers>,
    /// SQLite only: the last time that any process wrote before this one began, and the monotonic time
    /// at which that was read.
    begun: Option<(Time, Duration)>,
    reported: Level,
}

/// A difference, and the moment of its measurement by both clocks of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Measured {
    difference: Difference,
    wall: Time,
    monotonic: Duration,
}

impl Measured {
    /// How far the wall clock was set since: it counts beside the monotonic clock, which nobody sets.
    fn moved(&self, wall: Time, monotonic: Duration) -> i64 {
        let start = |wall: Time, monotonic| wall.minus(monotonic).0;
        start(wall, monotonic).saturating_sub(start(self.wall, self.monotonic))
    }
}

impl SharedClock {
    /// Knows nothing until the first [`SharedClock::measure`].
    pub fn new(db: Db, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            db,
            clock,
            state: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        }))
    }

    /// Compares both clocks now.
    ///
    /// # Errors
    /// When the database does not tell.
    pub async fn measure(&self) -> Result<(), DbError> {
        let Inner { db, clock, state, .. } = &*self.0;
        state.lock().attempted = Some(clock.monotonic());
        if let Some(shared) = clock.shared() {
            let now = clock.now();
            self.keep(Difference::between(shared, (now, now)));
        } else if db.kind() == Kind::Sqlite {
            self.observe_peers().await?;
        } else if let Some(difference) = compare(db, clock).await? {
            self.keep(difference);
        }
        Ok(())
    }

    /// On SQLite, waits until the processes that were there before this one joined have written their
    /// time, or for a second.
    ///
    /// # Errors
    /// When the database does not tell.
    pub async fn hear_peers(&self) -> Result<(), DbError> {
        let hear = async {
            while !self.are_peers_judged() {
                tokio::time::sleep(LOOK).await;
                self.measure().await?;
            }
            Ok(())
        };
        tokio::time::timeout(ANSWER, hear).await.unwrap_or(Ok(()))
    }

    fn are_peers_judged(&self) -> bool {
        self.0.state.lock().peers.as_ref().is_none_or(Peers::are_judged)
    }

    fn keep(&self, difference: Difference) {
        let (wall, monotonic) = (self.0.clock.now(), self.0.clock.monotonic());
        self.0.state.lock().measured = Some(Measured { difference, wall, monotonic });
    }

    async fn observe_peers(&self) -> Result<(), DbError> {
        let _looking = self.0.looking.lock().await;
        if self.0.state.lock().peers.is_none() {
            return self.find_peers().await;
        }
        let rows = node::running(&self.0.db).await?;
        let (wall, monotonic) = (self.0.clock.now(), self.0.clock.monotonic());
        let mut state = self.0.state.lock();
        let measured = state.peers.as_mut().and_then(|peers| {
            peers.observe(&rows, (wall, monotonic));
            peers.measured()
        });
        let is_excessive = |measured: Measured| measured.difference.level() == Level::Excessive;
        // A clock that was found wrong is not right because the process has ended that showed it.
        if measured.is_some() || !state.measured.is_some_and(is_excessive) {
            state.measured = measured;
        }
        Ok(())
    }

    /// The first look, before this process has a row.
    async fn find_peers(&self) -> Result<(), DbError> {
        let rows = node::list(&self.0.db).await?;
        let monotonic = self.0.clock.monotonic();
        let mut state = self.0.state.lock();
        state.begun = rows.iter().map(|row| row.seen_at).max().map(|latest| (latest, monotonic));
        let running = rows.into_iter().filter(|row| row.ended_at.is_none());
        let running = running.map(|row| (row.id, row.seen_at)).collect();
        state.peers = Some(Peers::new(running, monotonic));
        Ok(())
    }

    /// Whether other processes may take this one's clock for right: on SQLite, one that refuses to serve
    /// writes no time.
    pub fn may_tell(&self) -> bool {
        self.0.db.kind() != Kind::Sqlite || self.excess().is_none()
    }

    /// How far this machine's clock is from the shared one now, as far as that is known: as of the
    /// last measurement, and how far the wall clock was set since.
    pub fn difference(&self) -> Option<Difference> {
        let measured = self.0.state.lock().measured?;
        let moved = measured.moved(self.0.clock.now(), self.0.clock.monotonic());
        Some(measured.difference.plus(moved))
    }

    /// The difference, if it is too large for this node to serve.
    pub fn excess(&self) -> Option<Difference> {
        self.difference().filter(|difference| difference.level() == Level::Excessive)
    }

    /// The shared time, as far as it is known. A small difference is not corrected: then this
    /// machine's clock is as good, and does not jump from one measurement to the next.
    pub fn now(&self) -> Time {
        let now = self.0.clock.now();
        let off = self.difference().filter(|difference| difference.level() != Level::Small);
        off.map_or(now, |difference| difference.correct(now))
    }

    /// The shared time at the earliest, measured now: for deleting what no longer matters. `None`
    /// while it is unknown, which it may be for a while after a start on SQLite.
    ///
    /// A single process on SQLite has nothing to compare with. For a day after its start, it counts from
    /// the last time that a process wrote before it: its clock may be ahead, and be set right soon.
    ///
    /// # Errors
    /// When the database does not tell.
    pub async fn earliest(&self) -> Result<Option<Time>, DbError> {
        self.measure().await?;
        if !self.are_peers_judged() {
            return Ok(None);
        }
        let now = self.0.clock.now();
        let now = self.difference().map_or(now, |difference| difference.correct(now));
        let Some((latest, since)) = self.0.state.lock().begun else { return Ok(Some(now)) };
        let running = self.0.clock.monotonic().saturating_sub(since);
        let is_trusted = running >= TRUSTED_AFTER;
        Ok(Some(if is_trusted { now } else { now.min(latest.plus(running)) }))
    }

    /// Measures again and again, and logs a clock that is wrong. Runs until it is dropped.
    pub(crate) async fn watch(&self) {
        let mut ticks = ticks(TICK);
        loop {
            ticks.tick().await;
            if self.is_due()
                && let Err(error) = self.measure().await
            {
                tracing::warn!(%error, "cannot compare this machine's clock with the database's");
            }
            self.report();
        }
    }

    fn is_due(&self) -> bool {
        let (wall, monotonic) = (self.0.clock.now(), self.0.clock.monotonic());
        let state = self.0.state.lock();
        if let Some(peers) = &state.peers {
            return peers.any();
        }
        let since = state.attempted.map(|last| monotonic.saturating_sub(last));
        let was_set =
            |measured: Measured| measured.moved(wall, monotonic).unsigned_abs() > STEP_MILLIS;
        since.is_none_or(|since| since >= INTERVAL) || state.measured.is_some_and(was_set)
    }

    /// Logs each change of the level.
    fn report(&self) {
        let Some(difference) = self.difference() else { return };
        let level = difference.level();
        if std::mem::replace(&mut self.0.state.lock().reported, level) == level {
            return;
        }
        match level {
            Level::Small => tracing::info!("this machine's clock agrees with the database's"),
            Level::Large => tracing::warn!("{}", difference.advice()),
            Level::Excessive => tracing::error!("{}; requests get 503", difference.advice()),
        }
    }
}

/// Asks the database server for its time. The answer was made between the question and its arrival.
///
/// # Errors
/// When the database does not tell.
pub async fn compare(db: &Db, clock: &Clock) -> Result<Option<Difference>, DbError> {
    let mut best: Option<Difference> = None;
    for _ in 0..SAMPLES {
        let asked = clock.monotonic();
        let Some(theirs) = db.time().await? else { return Ok(None) };
        let (now, took) = (clock.now(), clock.monotonic().saturating_sub(asked));
        let sample = Difference::between(theirs, (now.minus(took), now));
        if best.is_none_or(|best| sample.uncertainty() < best.uncertainty()) {
            best = Some(sample);
        }
        if sample.uncertainty() <= PRECISE_MILLIS {
            break;
        }
    }
    Ok(best)
}
