//! The revocations that this node learnt lately, in the order in which it did, for those who follow.

use std::collections::VecDeque;

use countersign::Revocation;
use parking_lot::Mutex;
use tokio::sync::watch;

/// How many are kept: who has missed more takes the snapshot.
const KEPT: usize = 65_536;

/// Counts what this node learns. A position is the number of what was learnt last.
pub struct News {
    state: Mutex<State>,
    last: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    log: VecDeque<Revocation>,
    /// The number before that of the first in the log.
    before: u64,
}

impl State {
    fn last(&self) -> u64 {
        self.before + self.log.len() as u64
    }
}

impl Default for News {
    fn default() -> Self {
        Self { state: Mutex::default(), last: watch::Sender::new(0) }
    }
}

impl News {
    /// This was just learnt.
    pub(super) fn tell(&self, revocation: Revocation) {
        let mut state = self.state.lock();
        if state.log.len() == KEPT {
            state.log.pop_front();
            state.before += 1;
        }
        state.log.push_back(revocation);
        self.last.send_replace(state.last());
    }

    /// More was learnt than is told: nobody can go on from here.
    pub(super) fn break_off(&self) {
        let mut state = self.state.lock();
        state.before = state.last() + 1;
        state.log.clear();
        self.last.send_replace(state.last());
    }

    /// The position of whoever knows all that this node does.
    pub fn last(&self) -> u64 {
        self.state.lock().last()
    }

    /// What came after `position`, at most `most`; `None` if that is not known any more, or never
    /// was a position.
    pub fn since(&self, position: u64, most: usize) -> Option<Vec<Revocation>> {
        let state = self.state.lock();
        if position > state.last() {
            return None;
        }
        let seen = usize::try_from(position.checked_sub(state.before)?).ok()?;
        Some(state.log.iter().skip(seen).take(most).copied().collect())
    }

    /// Changes whenever something was learnt.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use countersign::EndReason;

    use super::*;

    fn number(number: u64) -> Revocation {
        Revocation::session(&number.to_string(), EndReason::Logout, 0)
    }

    #[test]
    fn whoever_follows_hears_everything_once_and_in_order() {
        let news = News::default();
        assert_eq!(news.since(0, 10), Some(Vec::new()));
        for count in 1..=5 {
            news.tell(number(count));
        }
        assert_eq!((news.last(), *news.changes().borrow()), (5, 5));
        assert_eq!(news.since(3, 10), Some(vec![number(4), number(5)]));
        assert_eq!(news.since(0, 2), Some(vec![number(1), number(2)]));
        assert_eq!(news.since(5, 10), Some(Vec::new()));
        assert_eq!(news.since(6, 10), None, "nobody was ever there");
    }

    #[test]
    fn whoever_has_missed_too_much_is_told() {
        let news = News::default();
        let more = KEPT as u64 + 3;
        for count in 1..=more {
            news.tell(number(count));
        }
        assert_eq!(news.since(2, 1), None);
        assert_eq!(news.since(3, 1), Some(vec![number(4)]));
        let last = news.last();
        news.break_off();
        assert_eq!(news.since(last, 1), None);
        assert_eq!(news.since(news.last(), 1), Some(Vec::new()));
        assert!(news.last() > last, "no position comes twice");
    }
}
