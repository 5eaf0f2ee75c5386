//! From SQLite over PostgreSQL and MariaDB back to SQLite.

use std::fs::File;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::Path;

use countersign_server::db::Kind;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::Value as Json;

use super::{move_between, sample, url};
use crate::database::TestDatabase;
use crate::program::Place;

/// How many users take the journey: 2,000 unless `COUNTERSIGN_TEST_MOVE_USERS` says otherwise.
fn users() -> u32 {
    let wanted = std::env::var("COUNTERSIGN_TEST_MOVE_USERS");
    wanted.map_or(2_000, |users| users.parse().expect("a number of users"))
}

/// Writes every row of every table that moves as a line of JSON, in the order of the keys.
fn export(database: &Path, file: &Path) {
    let connection = Connection::open(database).expect("it is there");
    let mut out = BufWriter::new(File::create(file).expect("there is room"));
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' \
                 AND name NOT IN ('migrations', 'nodes', 'changes', 'leases') ORDER BY name";
    let mut tables = connection.prepare(names).expect("SQLite knows its tables");
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).expect("they can be read");
    for table in tables.map(|table| table.expect("a name")) {
        let mut select =
            connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).expect("a table");
        let columns: Vec<String> = select.column_names().map(str::to_owned).collect();
        let mut rows = select.query([]).expect("it can be read");
        while let Some(row) = rows.next().expect("it can be read") {
            let value = |at: usize| match row.get_ref(at).expect("a column") {
                ValueRef::Null => Json::Null,
                ValueRef::Integer(number) => number.into(),
                ValueRef::Text(text) => str::from_utf8(text).expect("UTF-8").into(),
                other => panic!("{other:?}"),
            };
            let members = columns.iter().enumerate().map(|(at, name)| (name.clone(), value(at)));
            let line = serde_json::json!({ table.as_str(): members.collect::<Json>() });
            writeln!(out, "{line}").expect("there is room");
        }
    }
    out.flush().expect("there is room");
}

/// Whether two files hold the same bytes; how many.
fn same_bytes(one: &Path, other: &Path) -> u64 {
    let [mut one, mut other] =
        [one, other].map(|path| File::open(path).expect("it was just written"));
    let [length, other_length] = [&one, &other].map(|file| file.metadata().expect("a file").len());
    assert_eq!(length, other_length);
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    for at in (0..length).step_by(left.len()) {
        let size = usize::try_from(length - at).unwrap_or(usize::MAX).min(left.len());
        one.read_exact(&mut left[..size]).expect("as long as it is");
        other.read_exact(&mut right[..size]).expect("as long as it is");
        assert!(left[..size] == right[..size], "they differ after byte {at}");
    }
    length
}

#[tokio::test(flavor = "multi_thread")]
async fn all_comes_back_from_a_journey_through_every_database_byte_for_byte() {
    let (place, users) = (Place::new(), users());
    sample::fill(&place, users);
    let before = place.folder.path().join("before.jsonl");
    export(&place.data_dir().join("countersign.db"), &before);
    let mut stops = vec![];
    for kind in [Kind::Postgres, Kind::MySql, Kind::Sqlite] {
        stops.extend(TestDatabase::on_database(kind).await);
    }
    let mut from = url(&place.data_dir());
    let mut checksums: Option<Json> = None;
    for stop in &stops {
        let moved = move_between(&place, &from, &stop.url).json();
        assert_eq!(checksums.get_or_insert_with(|| moved.clone()), &moved);
        from.clone_from(&stop.url);
    }
    let rows = |table: &str| {
        let tables = checksums.as_ref().and_then(|it| it["tables"].as_array()).expect("a list");
        let found = tables.iter().find(|it| it["table"] == table).expect("it was moved");
        found["rows"].as_u64().expect("a number")
    };
    let users = u64::from(users);
    assert_eq!((rows("users"), rows("sessions")), (users + 1, 2 * users));
    assert!(rows("events") > 3 * users);
    let after = place.folder.path().join("after.jsonl");
    export(Path::new(from.trim_start_matches("sqlite:")), &after);
    let bytes = same_bytes(&before, &after);
    assert!(bytes > 1000 * users, "{bytes}");
}
