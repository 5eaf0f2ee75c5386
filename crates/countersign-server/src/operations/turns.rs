//! Attempts on one account take turns: what is under way is not counted yet, and many at once would
//! all be looked at before the first of them failed.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many attempts on one account are under way on this node at a time: as many as may fail
/// before the next has to wait.
const AT_A_TIME: usize = 5;

/// Whose turn it is, for each account that somebody tries.
#[derive(Clone, Default)]
pub struct Turns(Arc<Mutex<HashMap<String, Arc<Semaphore>>>>);

/// A turn, which ends when it is dropped.
pub struct Turn {
    turns: Turns,
    account: String,
    permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// Waits for a turn on this account.
    pub async fn take(&self, account: &str) -> Turn {
        let mut turn = Turn { turns: self.clone(), account: account.to_owned(), permit: None };
        let places = {
            let mut accounts = self.0.lock();
            let places = accounts.entry(account.to_owned());
            places.or_insert_with(|| Arc::new(Semaphore::new(AT_A_TIME))).clone()
        };
        // The semaphore is never closed; without a permit the turn would only not be counted.
        turn.permit = places.acquire_owned().await.ok();
        turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.permit = None;
        let mut accounts = self.turns.0.lock();
        // Whoever else has a turn or waits for one holds the account's semaphore as well.
        if accounts.get(&self.account).is_some_and(|places| Arc::strong_count(places) == 1) {
            accounts.remove(&self.account);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn the_sixth_attempt_waits_and_no_account_is_remembered_after_the_last() {
        let turns = Turns::default();
        let mut taken = Vec::new();
        for _ in 0..AT_A_TIME {
            taken.push(turns.take("a").await);
        }
        let mut sixth = Box::pin(turns.take("a"));
        assert!(sixth.as_mut().now_or_never().is_none());
        assert!(turns.take("b").now_or_never().is_some(), "another account's turn");
        taken.pop();
        drop(sixth.await);
        drop(taken);
        assert!(turns.0.lock().is_empty());
    }

    #[tokio::test]
    async fn who_stops_waiting_leaves_nothing_behind() {
        let turns = Turns::default();
        let mut taken = Vec::new();
        for _ in 0..AT_A_TIME {
            taken.push(turns.take("a").await);
        }
        assert!(turns.take("a").now_or_never().is_none());
        drop(taken);
        assert!(turns.0.lock().is_empty());
    }
}
