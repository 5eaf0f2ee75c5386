//! The one place that reads the time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the time comes from: the machine, or a test's hand. Cheap to clone; clones of a manual
/// clock move together.
///
/// ```
/// use std::time::Duration;
///
/// let clock = countersign::Clock::manual(1_800_000_000);
/// clock.advance(Duration::from_secs(900));
/// assert_eq!(clock.unix_seconds(), 1_800_000_900);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    /// Unix time in milliseconds.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's wall clock and its monotonic clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// Both clocks stand still at this Unix time, in seconds, until [`Clock::advance`] or
    /// [`Clock::turn_back`].
    pub fn manual(unix_seconds: i64) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(unix_seconds.saturating_mul(1000)))))
    }

    /// The wall clock: whole seconds of Unix time, as tokens carry them.
    pub fn unix_seconds(&self) -> i64 {
        self.unix_millis().div_euclid(1000)
    }

    /// The wall clock: Unix time in milliseconds.
    #[expect(clippy::disallowed_methods, reason = "this is the one file that may")]
    pub fn unix_millis(&self) -> i64 {
        match &self.0 {
            Source::System => match SystemTime::now().duration_since(UNIX_EPOCH) {
                Ok(after) => millis(after),
                Err(before) => -millis(before.duration()),
            },
            Source::Manual(now) => now.load(Ordering::SeqCst),
        }
    }

    /// The monotonic clock: time since an arbitrary moment that does not change while the process
    /// runs.
    #[expect(clippy::disallowed_methods, reason = "this is the one file that may")]
    pub fn monotonic(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        match &self.0 {
            Source::System => START.elapsed(),
            Source::Manual(now) => {
                Duration::from_millis(u64::try_from(now.load(Ordering::SeqCst)).unwrap_or(0))
            }
        }
    }

    /// Moves a manual clock; the machine's goes by itself.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            now.fetch_add(millis(by), Ordering::SeqCst);
        }
    }

    /// Moves a manual clock back, as a time server may do with the machine's wall clock.
    pub fn turn_back(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            now.fetch_sub(millis(by), Ordering::SeqCst);
        }
    }
}

/// As Unix time counts.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
