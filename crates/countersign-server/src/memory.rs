//! Memory that was freed goes back to the system.

use std::hint::black_box;
use std::time::Duration;

/// mimalloc manages more than this as a page of its own.
const PAGE: usize = 4 * 1024 * 1024;

/// Lets the allocator return memory that was freed. mimalloc looks for such memory when a thread frees
/// a page, which an idle server never does, so what a flood took would stay with it. The page allocated
/// here is never written to, and costs no memory.
pub(crate) async fn return_freed() {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        drop(black_box(Vec::<u8>::with_capacity(PAGE)));
    }
}
