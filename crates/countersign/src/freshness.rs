//! How old what is known from elsewhere may be before it is no longer relied on.

use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Clock;
#[cfg(feature = "remote")]
use crate::clock::millis;

/// When something that is fed from elsewhere, such as a [`RevocationSet`](crate::RevocationSet), was
/// last known to be complete.
///
/// It counts from the moment before the last successful read was sent, by the monotonic and the wall
/// clock, whichever says older: one stands still while a machine sleeps, the other is moved.
///
/// ```
/// use std::time::Duration;
/// use countersign::{Clock, Freshness};
///
/// let clock = Clock::manual(1_800_000_000);
/// let freshness = Freshness::new(clock.clone(), Duration::from_secs(5));
/// assert!(!freshness.is_fresh(), "nothing was read yet");
///
/// let before = freshness.moment();
/// // … read the feed …
/// freshness.confirm(before);
/// assert!(freshness.is_fresh());
///
/// clock.advance(Duration::from_secs(6));
/// assert!(!freshness.is_fresh());
/// ```
#[derive(Debug)]
pub struct Freshness {
    clock: Clock,
    max_staleness: Duration,
    last: Mutex<Option<Moment>>,
}

/// A moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    wall_millis: i64,
    monotonic: Duration,
}

#[cfg(feature = "remote")]
impl Moment {
    pub(crate) fn after(self, time: Duration) -> Self {
        let wall_millis = self.wall_millis.saturating_add(millis(time));
        Self { wall_millis, monotonic: self.monotonic.saturating_add(time) }
    }

    pub(crate) fn before(self, time: Duration) -> Self {
        let wall_millis = self.wall_millis.saturating_sub(millis(time));
        // Before the machine's clock began it stands at its beginning; the wall clock goes on back.
        Self { wall_millis, monotonic: self.monotonic.saturating_sub(time) }
    }
}

impl Freshness {
    /// Not fresh until the first [`Freshness::confirm`], and then for `max_staleness`.
    pub fn new(clock: Clock, max_staleness: Duration) -> Self {
        Self { clock, max_staleness, last: Mutex::new(None) }
    }

    /// This moment: to be taken before a read is sent.
    pub fn moment(&self) -> Moment {
        Moment { wall_millis: self.clock.unix_millis(), monotonic: self.clock.monotonic() }
    }

    /// The moment, or this one by the clock by which it would lie ahead.
    #[cfg(feature = "remote")]
    pub(crate) fn no_later_than_now(&self, moment: Moment) -> Moment {
        let now = self.moment();
        Moment {
            wall_millis: moment.wall_millis.min(now.wall_millis),
            monotonic: moment.monotonic.min(now.monotonic),
        }
    }

    /// A read that was sent after `moment` succeeded.
    pub fn confirm(&self, moment: Moment) {
        *self.last.lock() = Some(moment);
    }

    /// The age of what is known; `None` before the first read.
    pub fn age(&self) -> Option<Duration> {
        let last = (*self.last.lock())?;
        Some(self.since(last))
    }

    /// The time since `moment`, by whichever clock says more.
    pub fn since(&self, moment: Moment) -> Duration {
        let now = self.moment();
        let wall = now.wall_millis.saturating_sub(moment.wall_millis);
        let wall = Duration::from_millis(u64::try_from(wall).unwrap_or(0));
        wall.max(now.monotonic.saturating_sub(moment.monotonic))
    }

    /// Whether what is known may be relied on.
    pub fn is_fresh(&self) -> bool {
        self.age().is_some_and(|age| age <= self.max_staleness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_bound_is_not_fresh() {
        let clock = Clock::manual(1_000);
        let freshness = Freshness::new(clock.clone(), Duration::from_secs(5));
        assert!(!freshness.is_fresh(), "nothing was read yet");
        let before = freshness.moment();
        clock.advance(Duration::from_secs(3));
        freshness.confirm(before);
        clock.advance(Duration::from_secs(2));
        assert!(freshness.is_fresh());
        clock.advance(Duration::from_millis(1));
        assert!(!freshness.is_fresh(), "it counts from before the read was sent");
    }
}
