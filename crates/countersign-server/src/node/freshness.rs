//! How long ago this node was last in touch with the database.

use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::{Clock, Time};

/// Counts from the moment before the last successful read was sent, by the monotonic and the wall
/// clock, whichever says older: one stands still while a machine sleeps, the other is moved.
pub(super) struct Freshness {
    clock: Clock,
    max_staleness: Duration,
    last: Mutex<Option<Moment>>,
}

/// A moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    wall: Time,
    monotonic: Duration,
}

impl Freshness {
    pub(super) fn new(clock: Clock, max_staleness: Duration) -> Self {
        Self { clock, max_staleness, last: Mutex::new(None) }
    }

    pub(super) fn moment(&self) -> Moment {
        Moment { wall: self.clock.now(), monotonic: self.clock.monotonic() }
    }

    /// A read that was sent after `moment` succeeded.
    pub(super) fn confirm(&self, moment: Moment) {
        *self.last.lock() = Some(moment);
    }

    /// The age of what this node knows; `None` before the first read.
    pub(super) fn age(&self) -> Option<Duration> {
        Some(self.since((*self.last.lock())?))
    }

    /// The time since `moment`, by whichever clock says more.
    pub(super) fn since(&self, moment: Moment) -> Duration {
        let now = self.moment();
        now.wall.since(moment.wall).max(now.monotonic.saturating_sub(moment.monotonic))
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.age().is_some_and(|age| age <= self.max_staleness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_bound_is_not_fresh() {
        let clock = Clock::manual(Time(1_000_000));
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
