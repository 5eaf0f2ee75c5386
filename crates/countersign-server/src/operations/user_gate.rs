//! Writes that lock one user's row wait for each other before they take a connection: whoever waits
//! for a row keeps one, and a single user could take them all.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::Error;

/// How long a write waits for those before it. It may then wait two seconds for a connection and two for
/// the row, and every request is answered within five.
const PATIENCE: Duration = Duration::from_secs(1);
/// When to try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Lets a few writes at a time pass for each user. Clones are the same one.
#[derive(Clone)]
pub struct UserGate(Arc<Gate>);

struct Gate {
    users: Mutex<HashMap<String, Arc<Semaphore>>>,
    at_a_time: usize,
    patience: Duration,
}

/// A write that has passed, until this is dropped.
pub struct Passed {
    gate: UserGate,
    user_id: String,
    permit: Option<OwnedSemaphorePermit>,
}

impl UserGate {
    /// Lets so many writes pass at a time for each user.
    pub fn new(at_a_time: usize) -> Self {
        Self::with_patience(at_a_time, PATIENCE)
    }

    fn with_patience(at_a_time: usize, patience: Duration) -> Self {
        Self(Arc::new(Gate { users: Mutex::default(), at_a_time, patience }))
    }

    /// Waits for the user's earlier writes.
    ///
    /// # Errors
    /// [`Error::Overloaded`] where they take long.
    pub async fn pass(&self, user_id: &str) -> Result<Passed, Error> {
        let mut passed = Passed { gate: self.clone(), user_id: user_id.to_owned(), permit: None };
        let places = {
            let mut users = self.0.users.lock();
            let places = users.entry(user_id.to_owned());
            Arc::clone(places.or_insert_with(|| Arc::new(Semaphore::new(self.0.at_a_time))))
        };
        let permit = timeout(self.0.patience, places.acquire_owned()).await;
        let too_many = Error::Overloaded { retry_after: RETRY_AFTER };
        passed.permit = Some(permit.ok().and_then(Result::ok).ok_or(too_many)?);
        Ok(passed)
    }
}

impl Drop for Passed {
    fn drop(&mut self) {
        self.permit = None;
        let mut users = self.gate.0.users.lock();
        // Each other write of the user's, passed or waiting, has the semaphore as well.
        if users.get(&self.user_id).is_some_and(|places| Arc::strong_count(places) == 1) {
            users.remove(&self.user_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn one_user_s_writes_wait_for_each_other_and_not_for_ever() {
        let gate = UserGate::with_patience(2, Duration::from_millis(50));
        let first = gate.pass("a").await;
        let second = gate.pass("a").await;
        assert!(gate.pass("b").now_or_never().is_some_and(|passed| passed.is_ok()));
        let mut third = Box::pin(gate.pass("a"));
        assert!(third.as_mut().now_or_never().is_none());
        drop(first);
        assert!(third.await.is_ok());
        let (third, fourth) = (gate.pass("a").await, gate.pass("a").await);
        assert!(third.is_ok());
        assert!(matches!(fourth, Err(Error::Overloaded { .. })));
        drop((second, third, fourth));
        assert!(gate.0.users.lock().is_empty());
    }
}
