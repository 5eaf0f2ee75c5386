//! What is not moved.

use countersign_server::db::Kind;

use super::{Moving, move_between, url};
use crate::program::{Place, Ran, finish};

async fn moving() -> Moving {
    let moving = Moving::on_database(Kind::Sqlite).await.expect("SQLite is always there");
    moving.source.json(&["user", "create", "--username", "alice"]);
    moving
}

#[track_caller]
fn refused(ran: &Ran, code: i32, why: &str) {
    assert_eq!(ran.code, Some(code), "{ran:?}");
    assert!(ran.stderr.contains(why) && ran.stdout.is_empty(), "{why}: {ran:?}");
}

#[tokio::test]
async fn a_source_that_a_server_uses_is_refused_until_it_has_ended() {
    let moving = moving().await;
    let server = moving.source.serve().await;
    refused(&moving.run(), 1, "uses the source");
    server.terminate();
    assert_eq!(server.end().await, Some(0));
    moving.run().json();
}

#[tokio::test]
async fn a_source_whose_server_was_killed_is_refused_until_it_is_forgotten() {
    let moving = moving().await;
    moving.source.serve().await.kill();
    refused(&moving.run(), 1, "uses the source");
    let sleep = "UPDATE nodes SET seen_at = seen_at - 60000 WHERE ended_at IS NULL";
    assert_eq!(moving.source.database().execute(sleep, []), Ok(1));
    moving.run().json();
}

#[tokio::test]
async fn a_source_of_another_schema_is_refused() {
    let moving = moving().await;
    let database = moving.source.database();
    let last = "DELETE FROM migrations WHERE version = (SELECT MAX(version) FROM migrations)";
    database.execute_batch(&format!("BEGIN; {last}")).expect("SQL");
    database.execute_batch("COMMIT").expect("SQL");
    refused(&moving.run(), 1, "older than this program's");
    let newer = "INSERT INTO migrations VALUES (10000, '10000_future.sql', 'done')";
    database.execute(newer, []).expect("SQL");
    refused(&moving.run(), 1, "newer than this program");
}

#[tokio::test]
async fn a_target_that_holds_anything_is_refused_and_not_touched() {
    let moving = moving().await;
    let other = Place::new();
    other.json(&["user", "create", "--username", "bob"]);
    let ran = move_between(&moving.source, &moving.source_url(), &url(&other.data_dir()));
    refused(&ran, 1, "the target is not empty");
    assert_eq!(other.json(&["user", "list"])["users"].as_array().map(Vec::len), Some(1));
    let ran = move_between(&moving.source, &moving.source_url(), &moving.source_url());
    refused(&ran, 1, "the target is not empty");
}

#[tokio::test]
async fn a_source_that_is_not_there_is_not_made() {
    let moving = moving().await;
    let folder = moving.source.folder.path();
    let ran = move_between(&moving.source, "sqlite:nothing.db", &moving.target.url);
    refused(&ran, 2, "--from: there is no database nothing.db");
    assert!(!folder.join("nothing.db").exists());
    let target = moving.target.url.trim_start_matches("sqlite:");
    assert!(!std::path::Path::new(target).exists(), "nor is the target");
}

#[tokio::test]
async fn a_url_with_a_password_comes_by_the_environment_alone() {
    let moving = moving().await;
    let secret = "postgres://alice:tigerpass@127.0.0.1:1/db";
    for (from, to, flag) in [
        (secret, moving.target.url.as_str(), "--from: "),
        (moving.source_url().as_str(), secret, "--to: "),
    ] {
        let mut arguments = moving.source.command(crate::program::binary());
        arguments.args(["move", "--from", from, "--to", to]);
        let ran = finish(arguments, "");
        refused(&ran, 2, flag);
        assert!(ran.stderr.contains("COUNTERSIGN_MOVE_"), "{ran:?}");
        assert!(!ran.stderr.contains("tigerpass"), "{ran:?}");
    }
    let mut from = moving.source.command(crate::program::binary());
    from.args(["move", "--to", &moving.target.url]);
    refused(&finish(from, ""), 2, "COUNTERSIGN_MOVE_FROM");

    let mut both = moving.source.command(crate::program::binary());
    both.args(["move", "--json"]).env("COUNTERSIGN_MOVE_FROM", moving.source_url());
    both.env("COUNTERSIGN_MOVE_TO", &moving.target.url);
    assert_eq!(finish(both, "").json()["tables"][0]["rows"], 1);

    let mut variable = moving.source.command(crate::program::binary());
    variable.args(["move", "--from", &moving.source_url()]).env("COUNTERSIGN_MOVE_TO", secret);
    let ran = finish(variable, "");
    refused(&ran, 1, "--to: ");
    assert!(!ran.stderr.contains("tigerpass"), "{ran:?}");
}
