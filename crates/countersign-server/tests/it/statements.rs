//! Every statement there is, on every database.

use countersign_server::tables::statements;

use crate::server::TestApp;

on_each_database! {
    async fn every_statement_prepares(server: TestApp) {
        for (table, name, sql) in statements() {
            let prepared = server.app.db.prepare(sql).await;
            assert!(prepared.is_ok(), "{table}::{name}: {prepared:?}");
        }
    }
}
