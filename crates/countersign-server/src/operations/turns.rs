//! Bounds how many attempts on one account, and from one address, are under way on this node at a
//! time. The next ones wait a moment: most of those before them will succeed, and no longer count.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long an attempt waits for its turn.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whose turn it is, for each account and address that attempts are under way on.
#[derive(Clone)]
pub struct Turns {
    subjects: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
    patience: Duration,
}

/// A turn, which ends when it is dropped.
pub struct Turn {
    turns: Turns,
    subject: String,
    permit: Option<OwnedSemaphorePermit>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { subjects: Arc::default(), patience: PATIENCE }
    }
}

impl Turns {
    /// Waits for a turn on this account or address, of which `at_a_time` may be under way; `None`
    /// where none came in time.
    pub async fn take(&self, subject: &str, at_a_time: usize) -> Option<Turn> {
        let mut turn = Turn { turns: self.clone(), subject: subject.to_owned(), permit: None };
        let places = {
            let mut subjects = self.subjects.lock();
            let places = subjects.entry(subject.to_owned());
            places.or_insert_with(|| Arc::new(Semaphore::new(at_a_time))).clone()
        };
        // The semaphore is never closed.
        turn.permit = Some(timeout(self.patience, places.acquire_owned()).await.ok()?.ok()?);
        Some(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.permit = None;
        let mut subjects = self.turns.subjects.lock();
        // Whoever else has a turn or waits for one holds the semaphore as well.
        if subjects.get(&self.subject).is_some_and(|places| Arc::strong_count(places) == 1) {
            subjects.remove(&self.subject);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    async fn five(turns: &Turns) -> Vec<Turn> {
        let mut taken = Vec::new();
        for _ in 0..5 {
            taken.push(turns.take("a", 5).await.expect("a turn"));
        }
        taken
    }

    #[tokio::test]
    async fn the_sixth_attempt_waits_and_no_account_is_remembered_after_the_last() {
        let turns = Turns::default();
        let mut taken = five(&turns).await;
        let mut sixth = Box::pin(turns.take("a", 5));
        assert!(sixth.as_mut().now_or_never().is_none());
        assert!(turns.take("b", 5).now_or_never().is_some(), "another account's turn");
        taken.pop();
        assert!(sixth.await.is_some());
        drop(taken);
        assert!(turns.subjects.lock().is_empty());
    }

    #[tokio::test]
    async fn who_stops_waiting_leaves_nothing_behind() {
        let turns = Turns::default();
        let taken = five(&turns).await;
        assert!(turns.take("a", 5).now_or_never().is_none());
        drop(taken);
        assert!(turns.subjects.lock().is_empty());
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let turns = Turns { patience: Duration::from_millis(1), ..Turns::default() };
        let taken = five(&turns).await;
        assert!(turns.take("a", 5).await.is_none());
        drop(taken);
        assert!(turns.subjects.lock().is_empty());
    }
}
