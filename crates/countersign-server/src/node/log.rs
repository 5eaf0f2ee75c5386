//! The numbers of this node's own changes, and which of them are still under way.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;

use crate::tables::change::ChangeRow;

/// Hands out `seq` and knows the floor: the smallest not yet known to be committed or rolled back.
#[derive(Default)]
pub(super) struct Log(Mutex<State>);

#[derive(Default)]
struct State {
    last: i64,
    under_way: BTreeSet<i64>,
    in_doubt: BTreeMap<i64, ChangeRow>,
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
        let mut state = self.0.lock();
        state.under_way.remove(&seq);
        state.in_doubt.remove(&seq);
    }

    /// Whether this change was committed is unknown. It keeps the floor down until [`Log::end`].
    pub(super) fn doubt(&self, row: ChangeRow) {
        self.0.lock().in_doubt.insert(row.seq, row);
    }

    /// The changes of which it is unknown whether they were committed, the oldest first.
    pub(super) fn in_doubt(&self) -> Vec<ChangeRow> {
        self.0.lock().in_doubt.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;

    fn row(seq: i64, floor: i64) -> ChangeRow {
        ChangeRow { seq, floor, kind: "keys".into(), subject: String::new(), until: Time(0) }
    }

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
    fn a_change_in_doubt_keeps_the_floor_down_until_it_has_ended() {
        let log = Log::default();
        let (seq, floor) = log.begin();
        log.doubt(row(seq, floor));
        assert_eq!((log.begin(), log.in_doubt()), ((2, 1), vec![row(1, 1)]));
        log.end(seq);
        assert_eq!((log.begin(), log.in_doubt()), ((3, 2), Vec::new()));
    }
}
