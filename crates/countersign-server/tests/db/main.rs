//! What storage promises, on each of the three databases.

#[macro_use(on_each_database)]
extern crate countersign_test_support;

mod basics;
mod inventory;
mod migrations;
mod removed;
mod sqlite;
mod writes;

use countersign_server::db::{Db, DbOptions, Kind, Migration};
use countersign_server::sql;
use countersign_test_support::database;
use database::TestDatabase;

const SCHEMA: &[Migration] = &[Migration::new(
    "1_things.sql",
    "CREATE TABLE things (id VARCHAR(64) NOT NULL PRIMARY KEY, number BIGINT, note TEXT)",
)];

sql! {
    INSERT = "INSERT INTO things (id, number, note) VALUES (?, ?, ?)";
    UPDATE = "UPDATE things SET number = ? WHERE id = ?";
    FIND = "SELECT id, number, note FROM things WHERE id = ?";
    COUNT = "SELECT COUNT(*) FROM things";
    PAGE = "SELECT id FROM things WHERE number > ? ORDER BY id LIMIT ?";
    LIST = "SELECT id FROM things ORDER BY id";
    NUMBERS = "SELECT number FROM things ORDER BY id";
}

/// A database with the table `things`.
struct Things {
    db: Db,
    database: TestDatabase,
}

impl Things {
    async fn on_database(kind: Kind) -> Option<Self> {
        let database = TestDatabase::on_database(kind).await?;
        let options = DbOptions { max_connections: 2, ..DbOptions::new(&database.url) };
        let db = Db::connect(options).await.expect("the database was just created");
        db.apply(SCHEMA).await.expect("an empty database can be migrated");
        Some(Self { db, database })
    }

    async fn count(&self) -> i64 {
        let count = self.db.find(COUNT, &[]).await.expect("the table can be read");
        count.expect("a count is a row")
    }
}
