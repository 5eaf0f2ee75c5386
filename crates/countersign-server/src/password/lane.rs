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
use super::formats::Stored;
use super::queue::Queue;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::traces::Part;

/// When a full queue is worth another try: it holds about so much work.
const RETRY_AFTER: Duration = Duration::from_secs(1);

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

/// There is no room in the queue, for this address or at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords wait to be checked")]
pub struct Overloaded {
    /// When to try again.
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

    /// The PHC string to store for a new password.
    ///
    /// Dropping the future before the work began takes the request out of the queue.
    pub async fn hash(&self, password: Password, address: IpAddr) -> Result<String, Overloaded> {
        self.shared.submit(address, |answer| Task::new(password, Work::Hash(answer))).await
    }

    /// Whether the password is that of the stored hash.
    ///
    /// Without one (an unknown user), and with one that cannot be read, a hash of the configured
    /// cost is computed all the same and the password is wrong.
    pub async fn verify(
        &self,
        password: Password,
        hash: Option<String>,
        address: IpAddr,
    ) -> Result<Verdict, Overloaded> {
        self.shared.submit(address, |answer| Task::new(password, Work::Verify(hash, answer))).await
    }

    /// How many requests wait.
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
    queue: Queue<Task>,
    closed: bool,
}

impl Shared {
    fn new(options: LaneOptions, entropy: Entropy) -> Result<Arc<Self>, InvalidCost> {
        let LaneOptions { queue, memory_kib, iterations, parallelism, .. } = options;
        Ok(Arc::new(Self {
            state: Mutex::new(State { queue: Queue::new(queue), closed: false }),
            ready: Condvar::new(),
            cost: Cost::new(memory_kib, iterations, parallelism)?,
            meter: Meter::default(),
            entropy,
        }))
    }

    async fn submit<T>(
        &self,
        address: IpAddr,
        task: impl FnOnce(oneshot::Sender<T>) -> Task,
    ) -> Result<T, Overloaded> {
        let overloaded = Overloaded { retry_after: RETRY_AFTER };
        let (sender, answer) = oneshot::channel();
        if !self.enqueue(address, task(sender)) {
            return Err(overloaded);
        }
        answer.await.map_err(|_| overloaded)
    }

    fn enqueue(&self, address: IpAddr, task: Task) -> bool {
        let mut state = self.state.lock();
        if !state.queue.has_room(address) {
            state.queue.retain(|task| !task.is_abandoned());
        }
        let room = !state.closed && state.queue.has_room(address);
        if room {
            state.queue.push(address, task);
            self.ready.notify_one();
        }
        room
    }

    /// Waits for a task that somebody still wants; `None` when the lane ends.
    fn next(&self) -> Option<Task> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return None;
            }
            match state.queue.pop() {
                Some(task) if task.is_abandoned() => {}
                Some(task) => {
                    self.meter.note_wait(Clock::System.monotonic().saturating_sub(task.since));
                    return Some(task);
                }
                None => self.ready.wait(&mut state),
            }
        }
    }

    fn work(&self) {
        yield_to_others();
        let mut bench = Bench::new(&self.cost, &self.meter);
        while let Some(task) = self.next() {
            task.run(&mut bench, &self.entropy);
        }
    }

    fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.queue.retain(|_| false);
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
    /// When it came, by the monotonic clock.
    since: Duration,
    /// Its wait, and what it is a part of.
    traced: (Part, Context),
}

enum Work {
    Hash(oneshot::Sender<String>),
    Verify(Option<String>, oneshot::Sender<Verdict>),
}

impl Task {
    fn new(password: Password, work: Work) -> Self {
        let traced = (Part::of("password wait"), Context::current());
        Self { password, work, since: Clock::System.monotonic(), traced }
    }

    fn is_abandoned(&self) -> bool {
        match &self.work {
            Work::Hash(answer) => answer.is_closed(),
            Work::Verify(_, answer) => answer.is_closed(),
        }
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
            Work::Verify(hash, answer) => {
                let _ = answer.send(verify(&self.password, hash.as_deref(), bench));
            }
        }
    }
}

fn verify(password: &Password, hash: Option<&str>, bench: &mut Bench<'_>) -> Verdict {
    let stored = hash.and_then(|hash| Stored::parse(hash).ok());
    let verdict = stored.and_then(|stored| stored.check(password, bench).ok());
    verdict.unwrap_or_else(|| {
        // As often as it would have been tried.
        for text in password.readings() {
            bench.waste(text.as_bytes());
        }
        Verdict::Wrong
    })
}

#[cfg(test)]
mod tests;
