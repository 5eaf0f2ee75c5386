//! The tasks that keep things up to date.

use std::sync::Arc;

use tokio::task::AbortHandle;

/// What a task works on. The task ends when nobody needs it any more.
pub(super) struct Owner<T> {
    pub(super) work: Arc<T>,
    task: AbortHandle,
}

impl<T> Owner<T> {
    pub(super) fn new(work: Arc<T>, task: AbortHandle) -> Arc<Self> {
        Arc::new(Self { work, task })
    }
}

impl<T> Drop for Owner<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}
