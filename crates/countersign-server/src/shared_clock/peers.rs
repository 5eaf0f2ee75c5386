//! The processes that used a SQLite file before this one did, as a clock: the file has none of its
//! own. Each writes its time every ten seconds, and when another process joins.
//!
//! Only those that were there first count, so that of two processes whose clocks differ one serves:
//! the later one refuses.

use std::collections::HashMap;
use std::time::Duration;

use super::{Difference, Measured};
use crate::clock::Time;

/// A process that wrote nothing for so long has ended, or was killed.
const SILENCE: Duration = Duration::from_secs(35);
/// How long a write may wait for the lock, at least, after its time was read.
const WRITE: Duration = Duration::from_secs(2);

pub(super) struct Peers {
    elders: HashMap<String, Elder>,
    looked: Duration,
}

struct Elder {
    seen_at: Time,
    /// The monotonic time at which it was last seen to write, or at the first look.
    heard: Duration,
    measured: Option<Measured>,
}

impl Peers {
    /// The first look, before this process has a row.
    pub(super) fn new(rows: Vec<(String, Time)>, monotonic: Duration) -> Self {
        let elder = |(id, seen_at)| (id, Elder { seen_at, heard: monotonic, measured: None });
        Self { elders: rows.into_iter().map(elder).collect(), looked: monotonic }
    }

    /// A later look. A time that has changed was read after the look before, or shortly before it.
    pub(super) fn observe(&mut self, rows: &[(String, Time)], now: (Time, Duration)) {
        let (wall, monotonic) = now;
        let earliest = wall.minus(monotonic.saturating_sub(self.looked)).minus(WRITE);
        self.looked = monotonic;
        self.elders.retain(|id, elder| {
            let Some((_, seen_at)) = rows.iter().find(|(row, _)| row == id) else { return false };
            if elder.seen_at != *seen_at {
                let difference = Difference::between(*seen_at, (earliest, wall));
                let measured = Some(Measured { difference, wall, monotonic });
                *elder = Elder { seen_at: *seen_at, heard: monotonic, measured };
            }
            monotonic.saturating_sub(elder.heard) < SILENCE
        });
    }

    /// Whether there is a process to compare with.
    pub(super) fn any(&self) -> bool {
        !self.elders.is_empty()
    }

    /// Whether every one of them was seen to write, and none may still turn out to.
    pub(super) fn are_judged(&self) -> bool {
        self.elders.values().all(|elder| elder.measured.is_some())
    }

    /// The smallest difference: two of them may have clocks that differ, and the wrong one serves
    /// nobody.
    pub(super) fn measured(&self) -> Option<Measured> {
        let measured = self.elders.values().filter_map(|elder| elder.measured);
        measured.min_by_key(|measured| measured.difference.certain_millis().unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn row(id: &str, seen_at: i64) -> (String, Time) {
        (id.to_owned(), Time(seen_at))
    }

    /// A look so many milliseconds after the first, by a wall clock that is `ahead`.
    fn look(peers: &mut Peers, millis: u64, ahead: i64, rows: &[(String, Time)]) {
        let wall = Time(i64::try_from(millis).expect("a test's time") + ahead);
        peers.observe(rows, (wall, Duration::from_millis(millis)));
    }

    #[test]
    fn a_process_that_was_there_first_is_a_clock_once_it_writes() {
        for (ahead, level) in [
            (0, Level::Small),
            (HOUR, Level::Excessive),
            (-HOUR, Level::Excessive),
            (9_000, Level::Excessive),
            (-5_000, Level::Excessive),
        ] {
            let mut peers = Peers::new(vec![row("a", -4_000)], Duration::ZERO);
            look(&mut peers, 1_000, ahead, &[row("a", -4_000), row("own", ahead)]);
            assert!(peers.measured().is_none() && !peers.are_judged() && peers.any());
            look(&mut peers, 2_000, ahead, &[row("a", 2_000), row("own", ahead + 1_500)]);
            assert!(peers.are_judged());
            let level_now = peers.measured().expect("it wrote").difference.level();
            assert_eq!(level_now, level, "{ahead}");
        }
    }

    #[test]
    fn one_that_ended_was_killed_or_came_later_is_none() {
        let mut peers = Peers::new(vec![row("ended", -5), row("killed", -6)], Duration::ZERO);
        look(&mut peers, 1_000, 0, &[row("killed", -6), row("later", HOUR)]);
        assert!(!peers.are_judged(), "it may live");
        look(&mut peers, 35_000, 0, &[row("killed", -6), row("later", HOUR + 1)]);
        assert!(peers.are_judged() && !peers.any() && peers.measured().is_none());
    }

    #[test]
    fn of_two_that_differ_the_nearer_counts() {
        let mut peers = Peers::new(vec![row("a", 0), row("b", HOUR)], Duration::ZERO);
        look(&mut peers, 1_000, 0, &[row("a", 1_000), row("b", HOUR + 1_000)]);
        let nearest = peers.measured().expect("both wrote").difference;
        assert_eq!(nearest.level(), Level::Small);
    }
}
