//! What becomes of an import that is killed.

use std::fmt::Write as _;

use countersign_server::db::{Db, DbOptions, Sql};
use countersign_server::sql;

use super::{Importing, counts};
use crate::program::until;

const COUNT: Sql = sql!("SELECT COUNT(*) FROM users");
const TOLD: Sql = sql!("SELECT occurrences FROM events WHERE kind = 'import'");
/// So many that an import cannot be done before it is looked at.
const USERS: i64 = 20_000;

on_each_database! {
    async fn an_import_that_is_killed_again_and_again_goes_on_and_repeats_nobody(
        importing: Importing
    ) {
        let mut lines = String::new();
        for number in 1..=USERS {
            writeln!(lines, r#"{{"number":{number},"email":"u{number}@x.org"}}"#).expect("a text");
        }
        let file = importing.file("users.jsonl", lines);
        let import = ["--from", "jsonl", "--source", file.to_str().expect("a path")];
        importing.place.json(&["user", "list"]);
        let db = Db::connect(DbOptions::new(&importing.url)).await.expect("it answers");
        let count = async || db.find::<i64>(COUNT, &[]).await.ok().flatten().unwrap_or(0);
        for _ in 0..3 {
            let before = count().await;
            let mut child = importing.command(&import).spawn().expect("the program starts");
            until(async || (count().await > before).then_some(())).await;
            child.kill().expect("it runs");
            child.wait().expect("it ends");
        }
        let there = count().await;
        assert!(there > 0 && there < USERS && there % 500 == 0, "whole batches: {there}");
        let users = importing.users(&import);
        let rest = [USERS - there, there, 0].map(|count| u64::try_from(count).expect("a count"));
        assert_eq!(counts(&users), rest);
        assert_eq!(count().await, USERS);
        let told: Vec<i64> = db.list(TOLD, &[]).await.expect("it answers");
        assert_eq!((told.len(), told.iter().sum()), (4, USERS), "an event tells what its run did");
        db.close().await;
    }
}
