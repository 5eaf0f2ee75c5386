//! The numbers of this node's own changes, and which of them are still under way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use parking_lot::Mutex;

/// How long after a lost connection the database has certainly committed or rolled back what was
/// under way on it.
const DOUBT: Duration = Duration::from_mins(1);

/// Hands out `seq` and knows the floor: the smallest not yet known to be committed or rolled back.
#[derive(Default)]
pub(super) struct Log(Mutex<State>);

#[derive(Default)]
struct State {
    last: i64,
    under_way: BTreeSet<i64>,
    in_doubt: BTreeMap<i64, Duration>,
}

impl Log {
    /// The next number, and the floor as it is with it.
    pub(super) fn begin(&self) -> (i64, i64) {
        let mut state = self.0.lock();
        state.last += 1;
        let seq = state.last;
        state.under_way.insert(seq);
        (seq, state.under_way.first().copied().unwrap_or(seq))
    }

    /// The change with this number was committed or rolled back.
    pub(super) fn end(&self, seq: i64) {
        self.0.lock().under_way.remove(&seq);
    }

    /// Nobody knows yet what became of the change with this number. It keeps the floor down until
    /// it has certainly come to an end.
    pub(super) fn doubt(&self, seq: i64, monotonic: Duration) {
        self.0.lock().in_doubt.insert(seq, monotonic);
    }

    /// Lets go of doubts that are old enough.
    pub(super) fn settle(&self, monotonic: Duration) {
        let mut state = self.0.lock();
        let State { under_way, in_doubt, .. } = &mut *state;
        in_doubt.retain(|seq, since| {
            let open = monotonic.saturating_sub(*since) < DOUBT;
            if !open {
                under_way.remove(seq);
            }
            open
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_the_smallest_change_under_way() {
        let log = Log::default();
        assert_eq!(log.begin(), (1, 1));
        assert_eq!(log.begin(), (2, 1));
        log.end(1);
        assert_eq!(log.begin(), (3, 2));
        log.end(3);
        assert_eq!(log.begin(), (4, 2));
    }

    #[test]
    fn a_change_in_doubt_keeps_the_floor_down_until_it_has_certainly_ended() {
        let log = Log::default();
        let (seq, _) = log.begin();
        log.doubt(seq, Duration::ZERO);
        log.settle(Duration::from_secs(59));
        assert_eq!(log.begin(), (2, 1));
        log.settle(DOUBT);
        assert_eq!(log.begin(), (3, 2));
    }
}
