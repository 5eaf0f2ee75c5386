//! Who waits until a copy was written.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long an answer waits for Redis.
const PATIENCE: Duration = Duration::from_millis(300);

/// How many users are waited for at most. Marks of changes that nobody waits for stay until this
/// node tries the copy, and another node may try it instead.
const CAPACITY: usize = 10_000;

/// The users whose copies this node has marked and not tried yet, each with how often
/// it was marked.
#[derive(Default)]
pub(super) struct Waiting {
    marks: Mutex<HashMap<String, u64>>,
    tried: Notify,
}

impl Waiting {
    /// The user's copy was marked.
    pub(super) fn add(&self, user_id: String) {
        let mut marks = self.marks.lock();
        if marks.len() >= CAPACITY {
            // To wait is a courtesy to the client; the outbox still has every copy.
            marks.clear();
            self.tried.notify_waiters();
        }
        *marks.entry(user_id).or_default() += 1;
    }

    /// How often the users' copies were marked so far.
    pub(super) fn marks(&self) -> HashMap<String, u64> {
        self.marks.lock().clone()
    }

    /// The copies of these users were tried, as they were when there were so many `marks`.
    pub(super) fn tried<'a>(
        &self,
        marks: &HashMap<String, u64>,
        users: impl Iterator<Item = &'a str>,
    ) {
        let mut waiting = self.marks.lock();
        for user_id in users {
            if waiting.get(user_id) == marks.get(user_id) {
                waiting.remove(user_id);
            }
        }
        drop(waiting);
        self.tried.notify_waiters();
    }

    /// Waits a moment until the user's copy was tried.
    pub(super) async fn wait(&self, user_id: &str) {
        let until_tried = async {
            loop {
                // Made before the look, so that nothing is missed between the two.
                let tried = self.tried.notified();
                if !self.marks.lock().contains_key(user_id) {
                    return;
                }
                tried.await;
            }
        };
        if timeout(PATIENCE, until_tried).await.is_err() {
            self.marks.lock().remove(user_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_that_nobody_waits_for_are_bounded() {
        let waiting = Waiting::default();
        for number in 0..=CAPACITY {
            waiting.add(number.to_string());
        }
        assert_eq!(waiting.marks().into_keys().collect::<Vec<_>>(), [CAPACITY.to_string()]);
    }

    #[test]
    fn who_was_marked_again_meanwhile_goes_on_waiting() {
        let waiting = Waiting::default();
        waiting.add("alice".to_owned());
        waiting.add("bob".to_owned());
        let marks = waiting.marks();
        waiting.add("alice".to_owned());
        waiting.tried(&marks, ["alice", "bob"].into_iter());
        assert_eq!(waiting.marks().keys().collect::<Vec<_>>(), ["alice"]);
        waiting.tried(&waiting.marks(), ["alice"].into_iter());
        assert!(waiting.marks().is_empty());
    }
}
