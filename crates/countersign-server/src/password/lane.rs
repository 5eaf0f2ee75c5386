//! The hash lane: a few threads of low priority that do all password hashing, behind one bounded
//! queue, so that a storm of logins takes neither the memory nor the time of everything else.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use opentelemetry::Context;
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::Password;
use super::argon2id::{Bench, Cost, InvalidCost, Meter};
use super::backoff::Backoff;
use super::formats::Stored;
use super::queue::{Queue, Ticket, WorkClass};
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::network;
use crate::traces::Part;

/// How a lane is built and what a hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneOptions {
    /// How many threads; 0 for as many as there are cores.
    pub lanes: usize,
    /// How many requests may wait.
    pub queue: usize,
    /// Argon2's memory, in KiB.
    pub memory_kib: u32,
    /// Argon2's iterations.
    pub iterations: u32,
    /// Argon2's degree of parallelism, which a lane computes one after the other.
    pub parallelism: u32,
}

impl Default for LaneOptions {
    fn default() -> Self {
        Self { lanes: 0, queue: 256, memory_kib: 19 * 1024, iterations: 2, parallelism: 1 }
    }
}

/// Why a lane could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaneError {
    /// The cost is out of bounds.
    #[error(transparent)]
    Cost(#[from] InvalidCost),
    /// The system gave no thread.
    #[error("no thread for hashing could be started")]
    Thread(#[source] io::Error),
}

/// There is no room in the queue, or the place was given to another network that had fewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords wait to be checked")]
pub struct Overloaded {
    /// When to try again: the more are refused, the later.
    pub retry_after: Duration,
}

/// Whether a password is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Right {
        /// Whether it should be hashed anew, since the stored hash was made otherwise than now.
        upgrade: bool,
        /// Whether all of it was compared. Some other systems' hashes look at the beginning only.
        whole: bool,
    },
    /// It is not, or there is nothing it could be right for.
    Wrong,
}

/// The one way to hash and verify passwords. Clones share the same threads, which end with the last
/// of them; what waits then is answered with [`Overloaded`].
#[derive(Clone)]
pub struct HashLane {
    shared: Arc<Shared>,
    _threads: Arc<Threads>,
}

impl HashLane {
    /// Starts the threads.
    pub fn new(options: LaneOptions, entropy: Entropy) -> Result<Self, LaneError> {
        let shared = Shared::new(options, entropy)?;
        let threads = Threads::start(&shared, lanes(options.lanes)).map_err(LaneError::Thread)?;
        Ok(Self { shared, _threads: Arc::new(threads) })
    }

    /// Refuses a request early, before it costs anything, if the queue has no room for any of
    /// these classes of work.
    pub fn check_room(&self, classes: &[WorkClass], address: IpAddr) -> Result<(), Overloaded> {
        let networks = network::around(address);
        let mut state = self.shared.state.lock();
        if !state.closed && classes.iter().any(|class| state.queue.has_room(*class, &networks)) {
            return Ok(());
        }
        Err(state.refuse())
    }

    /// Takes a place in the queue, which a request holds while it reads what it needs.
    ///
    /// A full queue gives the place of the newest request of the network that has most of them, and
    /// refuses where that is the caller's own.
    pub fn enter(&self, class: WorkClass, address: IpAddr) -> Result<Place, Overloaded> {
        let mut state = self.shared.state.lock();
        if state.closed {
            return Err(state.refuse());
        }
        let ticket = state.queue.push(class, network::around(address), None);
        let ticket = ticket.ok_or_else(|| state.refuse())?;
        Ok(Place { shared: Arc::clone(&self.shared), ticket })
    }

    /// The PHC string to store for a new password of a caller who has proved who they are.
    pub async fn hash(&self, password: Password, address: IpAddr) -> Result<String, Overloaded> {
        self.enter(WorkClass::KnownAccount, address)?.hash(password).await
    }

    /// How many requests wait, those that only hold a place included.
    pub fn waiting(&self) -> usize {
        self.shared.state.lock().queue.len()
    }

    /// How many hashes were computed since the start, those for unknown users included.
    pub fn hashes(&self) -> u64 {
        self.shared.meter.hashes()
    }

    /// How long those whose work began had waited for it since the start, added up.
    pub fn waited(&self) -> Duration {
        self.shared.meter.waited()
    }

    /// How much memory the threads keep.
    pub fn memory_kib(&self) -> u64 {
        self.shared.meter.memory_kib()
    }
}

/// A place in the queue; dropping it before the work began gives it back.
pub struct Place {
    shared: Arc<Shared>,
    ticket: Ticket,
}

impl Place {
    /// The PHC string to store for a new password.
    pub async fn hash(self, password: Password) -> Result<String, Overloaded> {
        self.submit(|answer| (password, Work::Hash(answer))).await
    }

    /// Whether the password is that of the stored hash.
    ///
    /// Without one (an unknown user), and with one that cannot be read, a hash of the configured
    /// cost is computed all the same and the password is wrong.
    pub async fn verify(
        self,
        password: Password,
        hash: Option<String>,
    ) -> Result<Verdict, Overloaded> {
        let stored = hash.and_then(|hash| Stored::parse(&hash).ok()).map(Box::new);
        self.submit(|answer| (password, Work::Verify(stored, answer))).await
    }

    async fn submit<T>(
        &self,
        work: impl FnOnce(oneshot::Sender<T>) -> (Password, Work),
    ) -> Result<T, Overloaded> {
        let (sender, answer) = oneshot::channel();
        let (password, work) = work(sender);
        let task = Task::new(password, work, &self.shared.cost);
        {
            let mut state = self.shared.state.lock();
            match state.queue.get_mut(&self.ticket) {
                Some(place) => *place = Some(task),
                None => return Err(state.refuse()),
            }
            self.shared.ready.notify_one();
        }
        answer.await.map_err(|_| self.shared.state.lock().refuse())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let given_back = self.shared.state.lock().queue.remove(&self.ticket);
        drop(given_back);
    }
}

fn lanes(configured: usize) -> usize {
    match configured {
        0 => thread::available_parallelism().map_or(1, usize::from),
        lanes => lanes,
    }
}

struct Shared {
    state: Mutex<State>,
    ready: Condvar,
    cost: Cost,
    meter: Meter,
    entropy: Entropy,
}

struct State {
    /// Places, and in them the work of those that are ready for it.
    queue: Queue<Option<Task>>,
    /// Whether a thread computes with more memory than it keeps. One at a time does, so that rows of
    /// another system cannot make every thread take 256 MiB at once; the others do other work.
    large_runs: bool,
    /// How many threads there are.
    lanes: u32,
    /// How long a piece of work took lately.
    work_time: Duration,
    backoff: Backoff,
    closed: bool,
}

impl State {
    fn refuse(&mut self) -> Overloaded {
        let each = self.work_time / self.lanes.max(1);
        let waiting = u32::try_from(self.queue.len()).unwrap_or(u32::MAX);
        let now = Clock::System.monotonic();
        let retry_after = self.backoff.refuse(now, each.saturating_mul(waiting), each);
        Overloaded { retry_after }
    }

    /// Takes the work of the place whose turn it is.
    fn take(&mut self) -> Option<Task> {
        let large_runs = self.large_runs;
        let is_ready = |task: &Task| !(large_runs && task.is_large);
        let task = self.queue.pop(|place| place.as_ref().is_some_and(is_ready)).flatten()?;
        self.large_runs |= task.is_large;
        Some(task)
    }
}

impl Shared {
    fn new(options: LaneOptions, entropy: Entropy) -> Result<Arc<Self>, InvalidCost> {
        let LaneOptions { queue, memory_kib, iterations, parallelism, .. } = options;
        let state = State {
            queue: Queue::new(queue),
            large_runs: false,
            lanes: u32::try_from(lanes(options.lanes)).unwrap_or(u32::MAX),
            work_time: Duration::ZERO,
            backoff: Backoff::default(),
            closed: false,
        };
        Ok(Arc::new(Self {
            state: Mutex::new(state),
            ready: Condvar::new(),
            cost: Cost::new(memory_kib, iterations, parallelism)?,
            meter: Meter::default(),
            entropy,
        }))
    }

    /// Waits for work; `None` when the lane ends.
    fn next(&self) -> Option<Task> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(task) = state.take() {
                return Some(task);
            }
            self.ready.wait(&mut state);
        }
    }

    fn work(&self) {
        yield_to_others();
        let mut bench = Bench::new(&self.cost, &self.meter);
        while let Some(task) = self.next() {
            let (began, is_large) = (Clock::System.monotonic(), task.is_large);
            self.meter.note_wait(began.saturating_sub(task.since));
            task.run(&mut bench, &self.entropy);
            self.finish(Clock::System.monotonic().saturating_sub(began), is_large);
        }
    }

    /// Notes how long a piece of work took, and lets the next large one begin.
    fn finish(&self, took: Duration, is_large: bool) {
        let mut state = self.state.lock();
        state.work_time = (state.work_time * 7 + took) / 8;
        if is_large {
            state.large_runs = false;
            self.ready.notify_one();
        }
    }

    fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.queue.clear();
        self.ready.notify_all();
    }
}

/// Lowers the priority of this thread. Without it the lane works as well, and others wait longer.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(10) {
        tracing::debug!(%error, "a hash thread keeps the priority of the process");
    }
}

struct Threads {
    shared: Arc<Shared>,
    handles: Vec<JoinHandle<()>>,
}

impl Threads {
    fn start(shared: &Arc<Shared>, lanes: usize) -> io::Result<Self> {
        let mut threads = Self { shared: Arc::clone(shared), handles: Vec::new() };
        for lane in 0..lanes {
            let shared = Arc::clone(shared);
            let builder = thread::Builder::new().name(format!("hash-{lane}"));
            threads.handles.push(builder.spawn(move || shared.work())?);
        }
        Ok(threads)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.close();
        for handle in self.handles.drain(..) {
            if handle.join().is_err() {
                tracing::error!("a hash thread had panicked");
            }
        }
    }
}

struct Task {
    password: Password,
    work: Work,
    /// Whether it takes more memory than a thread keeps.
    is_large: bool,
    /// When it came, by the monotonic clock.
    since: Duration,
    /// Its wait, and what it is a part of.
    traced: (Part, Context),
}

enum Work {
    Hash(oneshot::Sender<String>),
    /// Without a stored hash that can be read, the password is wrong.
    Verify(Option<Box<Stored>>, oneshot::Sender<Verdict>),
}

impl Task {
    fn new(password: Password, work: Work, cost: &Cost) -> Self {
        let traced = (Part::of("password wait"), Context::current());
        let is_large = match &work {
            Work::Verify(Some(stored), _) => stored.is_large(cost),
            Work::Verify(None, _) | Work::Hash(_) => false,
        };
        Self { password, work, is_large, since: Clock::System.monotonic(), traced }
    }

    /// Does the work. An answer that nobody waits for any more is dropped.
    fn run(self, bench: &mut Bench<'_>, entropy: &Entropy) {
        let (wait, context) = self.traced;
        drop(wait);
        let _context = context.attach();
        let _part = Part::of("password hash");
        match self.work {
            Work::Hash(answer) => match bench.hash(self.password.expose().as_bytes(), entropy) {
                Ok(hash) => {
                    let _ = answer.send(hash);
                }
                Err(error) => tracing::error!(%error, "a password could not be hashed"),
            },
            Work::Verify(stored, answer) => {
                let _ = answer.send(verify(&self.password, stored.as_deref(), bench));
            }
        }
    }
}

fn verify(password: &Password, stored: Option<&Stored>, bench: &mut Bench<'_>) -> Verdict {
    if let Some(stored) = stored {
        return stored.check(password, bench);
    }
    // As often as it would have been tried.
    for text in password.readings() {
        bench.waste(text.as_bytes());
    }
    Verdict::Wrong
}

#[cfg(test)]
mod tests;
