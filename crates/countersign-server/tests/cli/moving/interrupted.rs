//! What becomes of a move that is killed.

use countersign_server::db::{Db, DbError, DbOptions, Sql};
use countersign_server::tables::setting;
use countersign_server::{params, sql};
use serde_json::Value as Json;

use super::{Moving, sample};
use crate::program::until;

const TAMPER: Sql = sql!("UPDATE users SET name = ? WHERE number = 1000");

/// So many that a move cannot be done before it is looked at.
const USERS: u32 = 4_000;

impl Moving {
    /// Kills a move once it has come to `table`.
    async fn kill_at(&self, table: &str) {
        let mut child = self.start();
        until(async || self.marker().await.filter(|marker| marker["table"] == table)).await;
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        assert!(self.marker().await.is_some(), "it was not done yet");
    }

    async fn target(&self) -> Option<Db> {
        if self.target.url.strip_prefix("sqlite:").is_some_and(|path| !exists(path)) {
            return None;
        }
        Some(Db::connect(DbOptions::new(&self.target.url)).await.expect("it answers"))
    }

    /// How far the move is, as the target says.
    async fn marker(&self) -> Option<Json> {
        let db = self.target().await?;
        let marker = setting::find(&db, setting::MOVE).await.ok().flatten();
        db.close().await;
        serde_json::from_str(&marker?).ok()
    }
}

fn exists(path: &str) -> bool {
    std::path::Path::new(path).exists()
}

on_each_database! {
    async fn a_move_that_is_killed_again_and_again_goes_on_and_loses_nothing(moving: Moving) {
        sample::fill(&moving.source, USERS);
        for table in ["identifiers", "sessions", "events"] {
            moving.kill_at(table).await;
        }
        let refused = moving.target_place().run(&["user", "list"], "");
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains("move"), "{refused:?}");
        let moved = moving.run().json();
        assert_eq!(moved["tables"][0]["rows"], USERS + 1);
        assert_eq!(moving.marker().await, None);
        let users = moving.target_place().json(&["user", "list", "--limit", "10000"]);
        assert_eq!(users["users"].as_array().map(Vec::len), Some(USERS as usize + 1));
        let again = moving.run();
        assert_eq!(again.code, Some(1), "{again:?}");
        assert!(again.stderr.contains("the target is not empty"), "{again:?}");
    }

    async fn a_row_that_changed_at_the_target_is_noticed_and_its_table_named(moving: Moving) {
        sample::fill(&moving.source, USERS);
        moving.kill_at("sessions").await;
        let db = moving.target().await.expect("it was begun");
        let tampered: Result<u64, DbError> = db.write("tamper", |tx| {
            Box::pin(async move { tx.execute(TAMPER, &params![" "]).await })
        }).await;
        assert_eq!(tampered, Ok(1));
        db.close().await;
        for _ in 0..2 {
            let ran = moving.run();
            assert_eq!(ran.code, Some(1), "{ran:?}");
            assert!(ran.stderr.contains("`users` is not the same"), "{ran:?}");
        }
        assert_eq!(moving.target_place().run(&["user", "list"], "").code, Some(1));
    }

    async fn the_beginning_of_another_move_is_not_gone_on_with(moving: Moving) {
        sample::fill(&moving.source, USERS);
        moving.kill_at("identifiers").await;
        moving.source.json(&["user", "list", "--limit", "1"]);
        let ran = moving.run();
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("last used"), "{ran:?}");
    }
}
