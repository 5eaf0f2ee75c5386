//! `countersign move`: what comes along, what is refused, and what becomes of a move that is
//! interrupted.

mod chain;
mod interrupted;
mod raced;
mod refused;
mod sample;
mod sealed;

use std::path::Path;
use std::process::{Child, Command};

use countersign_server::db::Kind;

use crate::database::TestDatabase;
use crate::program::{Place, Ran, binary, finish, give_url};

/// A place with a system that was used, and a database to move it to.
struct Moving {
    source: Place,
    target: TestDatabase,
}

impl Moving {
    async fn on_database(kind: Kind) -> Option<Self> {
        Some(Self { source: Place::new(), target: TestDatabase::on_database(kind).await? })
    }

    fn source_url(&self) -> String {
        url(&self.source.data_dir())
    }

    /// Moves all, or does not.
    fn run(&self) -> Ran {
        move_between(&self.source, &self.source_url(), &self.target.url)
    }

    /// Begins to move all.
    fn start(&self) -> Child {
        command(&self.source, &self.source_url(), &self.target.url)
            .spawn()
            .expect("the program starts")
    }

    /// A place whose server uses the target, with the master secret of the source.
    fn target_place(&self) -> Place {
        let secret = self.source.data_dir().join("master-secret");
        Place::new()
            .set("COUNTERSIGN_DATABASE__URL", &self.target.url)
            .set("COUNTERSIGN_MASTER_SECRET_FILE", &secret.display().to_string())
    }
}

/// The database in a data folder.
fn url(data_dir: &Path) -> String {
    format!("sqlite:{}", data_dir.join("countersign.db").display())
}

fn command(place: &Place, from: &str, to: &str) -> Command {
    let mut command = place.command(binary());
    command.args(["move", "--json"]);
    give_url(&mut command, ("--from", "COUNTERSIGN_MOVE_FROM"), from);
    give_url(&mut command, ("--to", "COUNTERSIGN_MOVE_TO"), to);
    command
}

fn move_between(place: &Place, from: &str, to: &str) -> Ran {
    finish(command(place, from, to), "")
}

on_each_database! {
    async fn sessions_go_on_after_a_move_and_what_was_ended_stays_ended(moving: Moving) {
        let server = moving.source.serve().await;
        let (alice, bob) = (server.register("alice").await, server.register("bob").await);
        let (kept, ended) = (server.log_in("alice").await, server.log_in("bob").await);
        server.log_out(&ended).await;
        server.terminate();
        assert_eq!(server.end().await, Some(0));
        moving.run().json();

        let place = moving.target_place();
        let server = place.serve().await;
        for session in [&alice, &bob, &kept] {
            assert_eq!(server.me(session).await.0, 200, "access tokens are still good");
            let refreshed = server.refresh(session).await;
            assert_eq!(server.me(&refreshed).await.0, 200);
        }
        assert_eq!(server.refused(&ended).await, "logout");
        let body = serde_json::json!({ "refresh_token": ended.refresh });
        assert_eq!(server.post("/v1/refresh", body).await.0, 401);
        server.log_in("alice").await;
        server.register("carol").await;
        let number = |user: &str| place.json(&["user", "show", user])["number"].as_i64();
        assert!(number("carol@example.org") > number("bob@example.org"), "no number comes twice");
        let events = place.json(&["events", "--user", &bob.user_id])["events"].clone();
        assert!(events.as_array().is_some_and(|events| events.len() >= 3), "{events}");
    }
}
