//! When clients that were refused should come back.

use std::time::Duration;

/// Nobody is told to come back sooner.
const SHORTEST: Duration = Duration::from_secs(1);
/// Nobody is told to stay away for longer: whoever refuses to wait must not keep others away.
const LONGEST: Duration = Duration::from_secs(30);

/// Gives each refused client a time of its own, as far apart as the work of one takes, so that
/// those who come back do so as fast as they can be served.
#[derive(Default)]
pub(super) struct Backoff {
    /// The time that the last one was given, by the monotonic clock.
    last: Duration,
}

impl Backoff {
    /// How long the client that is refused now should wait: until `queue`, the time that the work
    /// in the queue takes, has passed, and behind those that were refused before, `each` apart.
    pub(super) fn refuse(&mut self, now: Duration, queue: Duration, each: Duration) -> Duration {
        let next = self.last.saturating_add(each).max(now.saturating_add(queue));
        self.last = next.min(now.saturating_add(LONGEST));
        self.last.saturating_sub(now).max(SHORTEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: Duration = Duration::from_millis(10);
    const QUEUE: Duration = Duration::from_secs(2);

    #[test]
    fn the_more_are_refused_the_longer_they_wait_up_to_a_bound() {
        let mut backoff = Backoff::default();
        let now = Duration::from_hours(1);
        let waits: Vec<Duration> = (0..5000).map(|_| backoff.refuse(now, QUEUE, HASH)).collect();
        assert_eq!((waits[0], waits[100]), (QUEUE, QUEUE + 100 * HASH));
        assert!(waits.is_sorted());
        assert_eq!(waits.last(), Some(&LONGEST));
    }

    #[test]
    fn whoever_is_refused_after_a_pause_waits_for_the_queue_alone() {
        let mut backoff = Backoff::default();
        for _ in 0..100 {
            backoff.refuse(Duration::from_secs(100), QUEUE, HASH);
        }
        let later = Duration::from_secs(110);
        assert_eq!(backoff.refuse(later, QUEUE, HASH), QUEUE);
        assert_eq!(backoff.refuse(later, Duration::ZERO, HASH), QUEUE + HASH);
        let much_later = Duration::from_secs(200);
        assert_eq!(backoff.refuse(much_later, Duration::ZERO, HASH), SHORTEST);
    }
}
