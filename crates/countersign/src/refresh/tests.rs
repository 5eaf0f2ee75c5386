//! The refresh rule: its four cases at their borders, and against a model of honest clients, whose
//! answers get lost, and of a thief.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Decision, Rotation, Windows, decide};

const WINDOWS: Windows = Windows {
    reuse_grace: Duration::from_millis(GRACE),
    unused_successor: Duration::from_millis(HOUR),
};
const GRACE: u64 = 10_000;
const HOUR: u64 = 3_600_000;
const ROTATED: i64 = 1_000_000;
/// Tabs that refresh at once do so within this many milliseconds.
const SPREAD: u64 = 2_000;

fn later(at: i64, millis: u64) -> i64 {
    at + i64::try_from(millis).expect("a test's time")
}

/// Generation 7, made from 4: 5 and 6 are void.
fn row(used: u64) -> Rotation {
    Rotation { current: 7, presented: Some(4), rotated_at: Some(ROTATED), used }
}

fn after(presented: u64, used: u64, millis: u64) -> Decision {
    decide(row(used), presented, later(ROTATED, millis), WINDOWS)
}

fn advanced(presented: u64, used: u64, millis: u64) -> Decision {
    let rotated_at = Some(later(ROTATED, millis));
    Decision::Advance(Rotation { current: 8, presented: Some(presented), rotated_at, used })
}

#[test]
fn the_current_generation_advances_whenever_it_comes() {
    for millis in [0, GRACE, GRACE + 1, HOUR, HOUR + 1, 1000 * HOUR] {
        for used in [0, 7] {
            assert_eq!(after(7, used, millis), advanced(7, used, millis), "{millis} ms");
        }
    }
    let begun = Rotation::BEGUN;
    let first = Rotation { current: 1, presented: Some(0), rotated_at: Some(ROTATED), used: 0 };
    assert_eq!(decide(begun, 0, ROTATED, WINDOWS), Decision::Advance(first));
}

#[test]
fn the_predecessor_gets_the_same_pair_for_exactly_ten_seconds() {
    for used in [0, 7] {
        for millis in [0, 1, GRACE - 1, GRACE] {
            assert_eq!(after(4, used, millis), Decision::Repeat, "{millis} ms");
        }
    }
    assert_eq!(after(4, 7, GRACE + 1), Decision::Reuse);
    let early = decide(row(7), 4, ROTATED - 5_000, WINDOWS);
    assert_eq!(early, Decision::Repeat, "another node's clock is behind");
}

#[test]
fn the_predecessor_of_an_unused_pair_gets_another_for_exactly_an_hour() {
    for used in [0, 4, 6] {
        for millis in [GRACE + 1, HOUR - 1, HOUR] {
            assert_eq!(after(4, used, millis), advanced(4, used, millis), "{millis} ms");
        }
        assert_eq!(after(4, used, HOUR + 1), Decision::Reuse);
    }
}

#[test]
fn a_rotation_beyond_the_leeway_in_the_future_has_no_grace() {
    let at = |used, ahead: i64| decide(row(used), 4, ROTATED - ahead, WINDOWS);
    for used in [0, 7] {
        assert_eq!(at(used, 30_000), Decision::Repeat, "another node's clock is a little ahead");
    }
    for ahead in [30_001, later(0, HOUR), later(0, 1000 * HOUR)] {
        let rotated_at = Some(ROTATED - ahead);
        let another = Rotation { current: 8, presented: Some(4), rotated_at, used: 6 };
        assert_eq!(at(6, ahead), Decision::Advance(another), "{ahead} ms: a lost answer");
        assert_eq!(at(7, ahead), Decision::Reuse, "{ahead} ms: the successor was used");
    }
}

#[test]
fn what_was_never_the_last_one_presented_is_reuse_at_any_time() {
    for presented in [0, 3, 5, 6, 8, u64::MAX] {
        for millis in [0, GRACE, GRACE + 1, HOUR, HOUR + 1] {
            for used in [0, 7] {
                assert_eq!(after(presented, used, millis), Decision::Reuse, "{presented}");
            }
        }
    }
    let begun = Rotation::BEGUN;
    assert_eq!(decide(begun, 1, ROTATED, WINDOWS), Decision::Reuse);
}

/// The session's row, the notes on their way to it, and the time.
struct Server {
    now: i64,
    row: Rotation,
    notes: Vec<(i64, u64)>,
    ended: bool,
}

impl Server {
    fn new() -> Self {
        Self { now: ROTATED, row: Rotation::BEGUN, notes: Vec::new(), ended: false }
    }

    fn pass(&mut self, millis: u64) {
        self.now = later(self.now, millis);
    }

    /// The generation whose pair is answered; `None` where the session is over.
    fn present(&mut self, generation: u64) -> Option<u64> {
        if self.ended {
            return None;
        }
        let known = self.notes.iter().filter(|(at, _)| *at <= self.now).map(|(_, used)| *used);
        self.row.used = known.max().unwrap_or(0);
        match decide(self.row, generation, self.now, WINDOWS) {
            Decision::Advance(row) => {
                assert_eq!(row.current, self.row.current + 1, "one on, whoever asks");
                self.row = row;
            }
            Decision::Repeat => {}
            Decision::Reuse => self.ended = true,
        }
        (!self.ended).then_some(self.row.current)
    }

    /// An access token is used, and this server hears of it `lag` milliseconds later.
    fn note(&mut self, generation: u64, lag: u64) {
        self.notes.push((later(self.now, lag), generation));
    }

    fn since_rotation(&self) -> u64 {
        u64::try_from(self.now - self.row.rotated_at.unwrap_or(0)).unwrap_or(0)
    }

    /// All but the current generation and the one it was made from are reuse.
    fn assert_only_one_generation_lives(&self) {
        for generation in 0..=self.row.current + 1 {
            let alive = generation == self.row.current || Some(generation) == self.row.presented;
            let decision = decide(self.row, generation, self.now, WINDOWS);
            assert!(alive || decision == Decision::Reuse, "{generation} of {:?}", self.row);
        }
    }
}

/// The tabs of one browser refresh at once, each with what their storage holds.
#[derive(Clone, Debug)]
struct Attempt {
    pause: u64,
    /// Of each tab, how long after the first it asks and whether its answer gets lost.
    tabs: Vec<(u64, bool)>,
    /// Whether the new access token is used, and how late that is known.
    noted: Option<u64>,
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let pause = prop_oneof![0..6_000_u64, GRACE + 1..HOUR - 60_000, HOUR..20 * HOUR];
    let tab = (0..=SPREAD, prop::bool::weighted(0.4));
    let noted = prop::option::weighted(0.8, 0..=1_000_u64);
    (pause, vec(tab, 1..4), noted).prop_map(|(pause, mut tabs, noted)| {
        tabs.sort_unstable();
        Attempt { pause, tabs, noted }
    })
}

/// Honest tabs ask again within the hour, and do not ask at once on both sides of the grace's end.
fn wait_honestly(server: &mut Server, pause: u64, was_lost: bool) {
    server.pass(if was_lost { pause % (HOUR - 60_000) } else { pause });
    let since = server.since_rotation();
    if since <= GRACE && since + SPREAD > GRACE {
        server.pass(GRACE + 1 - since);
    }
}

#[derive(Clone, Debug)]
struct Step {
    by_thief: bool,
    /// Beyond the grace.
    pause: u64,
    lost: bool,
    noted: Option<u64>,
}

fn step(pause: impl Strategy<Value = u64>) -> impl Strategy<Value = Step> {
    let noted = prop::option::of(0..=1_000_u64);
    (any::<bool>(), pause, prop::bool::weighted(0.4), noted)
        .prop_map(|(by_thief, pause, lost, noted)| Step { by_thief, pause, lost, noted })
}

/// What the honest client and the thief hold. Nothing of the thief's gets lost.
struct Holders {
    honest: u64,
    thief: u64,
}

impl Holders {
    fn take(&mut self, server: &mut Server, step: &Step) {
        server.pass(step.pause);
        let held = if step.by_thief { &mut self.thief } else { &mut self.honest };
        let Some(answered) = server.present(*held) else { return };
        if step.by_thief || !step.lost {
            *held = answered;
            if let Some(lag) = step.noted {
                server.note(answered, lag);
            }
        }
        server.assert_only_one_generation_lives();
    }
}

/// An honest client's life up to the theft, without losses.
fn lived(refreshes: u64, copied_before: u64) -> (Server, Holders) {
    let mut server = Server::new();
    for generation in 0..refreshes {
        server.pass(HOUR / 2);
        assert_eq!(server.present(generation), Some(generation + 1));
        server.note(generation + 1, 500);
    }
    server.pass(GRACE + 1);
    let thief = refreshes.saturating_sub(copied_before);
    (server, Holders { honest: refreshes, thief })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn without_a_thief_no_session_is_ended(attempts in vec(attempt(), 1..40)) {
        let (mut server, mut stored, mut was_lost) = (Server::new(), 0, false);
        for Attempt { pause, tabs, noted } in attempts {
            wait_honestly(&mut server, pause, was_lost);
            let (began, held) = (server.now, stored);
            was_lost = true;
            for (offset, lost) in tabs {
                server.now = later(began, offset);
                let answered = server.present(held);
                prop_assert!(answered.is_some(), "{held} was taken for reuse: {:?}", server.row);
                server.assert_only_one_generation_lives();
                if let Some(answered) = answered.filter(|_| !lost) {
                    (stored, was_lost) = (answered, false);
                    if let Some(lag) = noted {
                        server.note(answered, lag);
                    }
                }
            }
            server.now = later(began, SPREAD);
        }
    }

    /// Both go on, each more than the grace after the other, and nothing need be noted.
    #[test]
    fn a_theft_is_found_by_the_second_round(
        refreshes in 0..5_u64,
        copied_before in 0..3_u64,
        steps in vec(step(GRACE + 1..2 * HOUR), 1..30),
    ) {
        let (mut server, mut holders) = lived(refreshes, copied_before);
        let (mut rounds, mut came) = (0, (false, false));
        for step in steps {
            holders.take(&mut server, &step);
            if step.by_thief { came.0 = true } else { came.1 = true }
            if came == (true, true) {
                (rounds, came) = (rounds + 1, (false, false));
            }
            prop_assert!(rounds < 2 || server.ended, "{:?}", server.row);
        }
    }

    /// Within the grace, too, where both may be given the same pair.
    #[test]
    fn a_thief_and_a_client_never_both_hold_a_current_generation_of_their_own(
        refreshes in 0..5_u64,
        copied_before in 0..3_u64,
        steps in vec(step(prop_oneof![0..GRACE, GRACE + 1..HOUR]), 1..30),
    ) {
        let (mut server, mut holders) = lived(refreshes, copied_before);
        for step in steps {
            holders.take(&mut server, &step);
            let current = server.row.current;
            prop_assert!(holders.honest <= current && holders.thief <= current);
            if holders.honest != holders.thief {
                let older = holders.honest.min(holders.thief);
                prop_assert!(older < current, "{older} and {current} are both current");
            }
        }
    }
}
