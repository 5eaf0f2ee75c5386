//! Whether the list of tables and columns is what the migrations make.

use std::collections::BTreeMap;

use countersign_server::db::{Db, DbOptions, Kind};
use countersign_server::tables::inventory::TABLES;
use rusqlite::Connection;

use super::database::TestDatabase;

/// Every column of every table but the migrations' own, and the place in the key of those that
/// are in it.
fn columns(connection: &Connection) -> BTreeMap<String, Vec<(String, i64)>> {
    let mut statement = connection
        .prepare(
            "SELECT m.name, c.name, c.pk FROM sqlite_master m JOIN pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND m.name <> 'migrations' ORDER BY c.cid",
        )
        .expect("SQLite knows its tables");
    let mut tables: BTreeMap<String, Vec<(String, i64)>> = BTreeMap::new();
    let mut rows = statement.query([]).expect("they can be read");
    while let Some(row) = rows.next().expect("they can be read") {
        let (table, column, key) = row.try_into().expect("two names and a number");
        tables.entry(table).or_default().push((column, key));
    }
    tables
}

#[tokio::test]
async fn every_table_and_column_that_a_migration_makes_is_listed_with_its_key() {
    let database = TestDatabase::on_database(Kind::Sqlite).await.expect("SQLite is always there");
    let db = Db::connect(DbOptions::new(&database.url)).await.expect("a new database");
    db.migrate().await.expect("an empty database can be migrated");
    let path = database.url.trim_start_matches("sqlite:");
    let mut made = columns(&Connection::open(path).expect("it was just made"));
    for table in TABLES {
        let mut made = made.remove(table.name).unwrap_or_default();
        let mut listed: Vec<_> = table.columns.iter().map(|name| ((*name).to_owned(), 0)).collect();
        for (at, (_, key)) in listed.iter_mut().take(table.key).enumerate() {
            *key = i64::try_from(at).expect("a key is short") + 1;
        }
        made.sort();
        listed.sort();
        assert_eq!(listed, made, "{}", table.name);
    }
    assert!(made.is_empty(), "tables that a migration makes and nobody lists: {made:?}");
}
