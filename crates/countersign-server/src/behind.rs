//! Whether what is kept in memory of a table is behind the table.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, MutexGuard};

/// How often a table changed, as far as this node has heard, and how much of that was read. A new
/// one has read nothing yet.
#[derive(Debug)]
pub struct Behind {
    heard: AtomicU64,
    read: AtomicU64,
    reading: Mutex<()>,
}

impl Default for Behind {
    fn default() -> Self {
        Self { heard: AtomicU64::new(1), read: AtomicU64::new(0), reading: Mutex::default() }
    }
}

impl Behind {
    /// The table changed.
    pub fn mark_changed(&self) {
        self.heard.fetch_add(1, Ordering::AcqRel);
    }

    /// The turn to read the table, once nobody else reads it; `None` where there is nothing new.
    pub async fn turn(&self) -> Option<Turn<'_>> {
        if self.is_settled() {
            return None;
        }
        let one_at_a_time = self.reading.lock().await;
        if self.is_settled() {
            return None;
        }
        let heard = self.heard.load(Ordering::Acquire);
        Some(Turn { behind: self, heard, _one_at_a_time: one_at_a_time })
    }

    fn is_settled(&self) -> bool {
        self.read.load(Ordering::Acquire) == self.heard.load(Ordering::Acquire)
    }
}

/// A turn to read the table. Where it is dropped before it is done, somebody else reads again.
#[derive(Debug)]
pub struct Turn<'a> {
    behind: &'a Behind,
    heard: u64,
    _one_at_a_time: MutexGuard<'a, ()>,
}

impl Turn<'_> {
    /// What was read is in its place.
    pub fn done(self) {
        self.behind.read.store(self.heard, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn what_changes_while_the_table_is_read_is_read_in_the_next_turn() {
        let behind = Behind::default();
        let turn = behind.turn().await.expect("nothing was read yet");
        behind.mark_changed();
        turn.done();
        behind.turn().await.expect("it changed meanwhile").done();
        assert!(behind.turn().await.is_none(), "all that was heard of was read");
    }

    #[tokio::test]
    async fn whoever_comes_while_the_table_is_read_waits_and_reads_only_what_is_new() {
        let behind = Behind::default();
        for changed in [false, true] {
            behind.mark_changed();
            let turn = behind.turn().await.expect("there is something new");
            let mut second = Box::pin(behind.turn());
            assert!(second.as_mut().now_or_never().is_none(), "one reads at a time");
            if changed {
                behind.mark_changed();
            }
            turn.done();
            assert_eq!(second.await.is_some(), changed);
        }
    }

    #[tokio::test]
    async fn a_turn_that_came_to_nothing_is_taken_again() {
        let behind = Behind::default();
        drop(behind.turn().await.expect("nothing was read yet"));
        behind.turn().await.expect("nothing was read yet").done();
        assert!(behind.turn().await.is_none());
    }
}
