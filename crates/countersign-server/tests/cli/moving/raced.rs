//! What happens to the two databases while a move is at work.

use std::path::Path;
use std::sync::Once;

use countersign_server::clock::Clock;
use countersign_server::db::{Db, DbError, DbOptions, Kind};
use countersign_server::operations::moving::{MoveError, Source};
use countersign_server::{params, sql};
use rusqlite::Connection;

use super::{Moving, sample};

/// A move whose databases `meddle` is given once, when the sessions are copied.
async fn move_and(meddle: impl Fn(&Connection, &Connection) + Sync) -> (Moving, MoveError) {
    let moving = Moving::on_database(Kind::Sqlite).await.expect("SQLite is always there");
    sample::fill(&moving.source, 2_000);
    let connect = async |url: String| Db::connect(DbOptions::new(url)).await.expect("a database");
    let from = connect(moving.source_url()).await;
    let to = connect(moving.target.url.clone()).await;
    let source = Source::new(from, Clock::System.now()).await.expect("nobody uses it");
    let target = moving.target.url.trim_start_matches("sqlite:");
    let once = Once::new();
    let moved = source
        .move_to(&to, "a run".to_owned(), &|progress| {
            if progress.table == "sessions" {
                let target = Connection::open(Path::new(target)).expect("it is there");
                once.call_once(|| meddle(&moving.source.database(), &target));
            }
        })
        .await;
    let error = moved.expect_err("something went wrong");
    (moving, error)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_moves_into_one_database_the_later_goes_on() {
    let taken_over = "UPDATE settings SET value = REPLACE(value, 'a run', 'another run') \
                      WHERE name = 'move'";
    let (moving, error) = move_and(|_, target| {
        assert_eq!(target.execute(taken_over, []), Ok(1));
    })
    .await;
    assert!(matches!(error, MoveError::Overtaken), "{error}");
    moving.run().json();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_was_used_meanwhile_is_not_taken_for_moved() {
    let joined = "INSERT INTO nodes (id, started_at, seen_at, ended_at) VALUES ('x', 1, 2, 3)";
    let (moving, error) = move_and(|source, _| {
        assert_eq!(source.execute(joined, []), Ok(1));
    })
    .await;
    assert!(matches!(error, MoveError::SourceUsed), "{error}");
    assert_eq!(moving.target_place().run(&["user", "list"], "").code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_written_at_the_source_meanwhile_is_missed_at_the_end() {
    let renamed = "UPDATE users SET name = 'x' WHERE number = 1000";
    let (_, error) = move_and(|source, _| {
        assert_eq!(source.execute(renamed, []), Ok(1));
    })
    .await;
    assert!(matches!(error, MoveError::Differs { table: "users", .. }), "{error}");
}

on_each_database! {
    async fn what_is_opened_to_be_read_cannot_be_written(moving: Moving) {
        let options = DbOptions::new(&moving.target.url);
        let db = Db::connect(options.clone()).await.expect("an empty database");
        db.migrate().await.expect("it can be migrated");
        let reader = Db::connect(DbOptions { read_only: true, ..options }).await.expect("it is there");
        let insert = sql!("INSERT INTO settings (name, value) VALUES (?, '')");
        let write = async |db: &Db, name: &'static str| {
            let written: Result<u64, DbError> = db.write("write", move |tx| {
                Box::pin(async move { tx.execute(insert, &params![name]).await })
            }).await;
            written
        };
        assert_eq!(write(&db, "a").await, Ok(1));
        assert!(write(&reader, "b").await.is_err());
        let names: Vec<String> = reader.list(sql!("SELECT name FROM settings"), &[]).await.expect("read");
        assert_eq!(names, ["a"]);
    }
}
