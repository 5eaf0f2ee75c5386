//! Every store that is here keeps every rule.

use countersign::sessions::MemoryStore;
use countersign::test::session_store;

use crate::issuing::sqlite::SqliteStore;

#[tokio::test(flavor = "multi_thread")]
async fn the_store_in_memory_keeps_the_rules() {
    session_store::check(async || MemoryStore::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_in_sqlite_keeps_the_rules() {
    session_store::check(async || SqliteStore::open(":memory:").unwrap()).await;
}
