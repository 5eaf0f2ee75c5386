//! Refusals for too much work are answered one after another. Clients that try again at once
//! would otherwise take the processor from the hash lane, whose threads give way to all others.

use std::time::Duration;

use parking_lot::Mutex;

use crate::app::App;
use crate::clock::Clock;
use crate::error::{Error, Result};

/// The time between two refusals: 500 a second.
const INTERVAL: Duration = Duration::from_millis(2);
/// No refusal waits longer.
const LONGEST: Duration = Duration::from_secs(5);

/// When the last refusal is answered, by the monotonic clock.
#[derive(Default)]
pub(crate) struct RefusalPacing(Mutex<Duration>);

impl RefusalPacing {
    /// How long the next refusal waits.
    fn delay(&self, now: Duration) -> Duration {
        let mut last = self.0.lock();
        *last = last.saturating_add(INTERVAL).clamp(now, now.saturating_add(LONGEST));
        last.saturating_sub(now)
    }
}

impl App {
    /// Waits for the turn of a refusal for too much work; gives every other result at once.
    pub(super) async fn pace_refusals<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(
            Error::Overloaded { .. }
            | Error::TooManyAttempts { .. }
            | Error::TooManyRequests { .. },
        ) = result
        {
            tokio::time::sleep(self.refusal_pacing.delay(Clock::System.monotonic())).await;
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_paced_and_none_waits_long() {
        let pacing = RefusalPacing::default();
        let now = Duration::from_hours(1);
        let delays: Vec<Duration> = (0..5000).map(|_| pacing.delay(now)).collect();
        assert_eq!(delays[..3], [0, 1, 2].map(|turn| turn * INTERVAL));
        assert!(delays.is_sorted());
        assert_eq!(delays.last(), Some(&LONGEST));
        assert_eq!(pacing.delay(now + LONGEST), INTERVAL, "one is still being told");
        assert_eq!(pacing.delay(now + 2 * LONGEST), Duration::ZERO);
    }
}
