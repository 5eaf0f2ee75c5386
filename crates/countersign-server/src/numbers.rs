//! Numbers that no two nodes give, of which this node takes a block at a time.

use std::ops::Range;

use tokio::sync::Mutex;

use crate::db::{Db, DbError};
use crate::tables::counter;

/// What is left of the block that this node took.
pub struct Numbers {
    counter: &'static str,
    left: Mutex<Range<i64>>,
    size: i64,
}

impl Numbers {
    /// Takes `size` numbers of the counter of this name at a time.
    pub fn in_blocks_of(size: i64, counter: &'static str) -> Self {
        Self { counter, left: Mutex::new(0..0), size }
    }

    /// Drops what is left of the block: somebody came along with a number of it.
    pub async fn forget(&self) {
        *self.left.lock().await = 0..0;
    }

    /// The next number, which no other node has or will get.
    pub async fn next(&self, db: &Db) -> Result<i64, DbError> {
        let mut left = self.left.lock().await;
        if let Some(number) = left.next() {
            return Ok(number);
        }
        let first = counter::take_block(db, self.counter, self.size).await?;
        *left = first + 1..first + self.size;
        Ok(first)
    }
}
