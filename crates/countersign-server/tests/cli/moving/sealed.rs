//! The seals of the events after moves, and under another master secret: what was sealed verifies, the
//! chain goes on, and what somebody changes is found as before.

use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use countersign_server::db::Kind;
use serde_json::Value as Json;

use super::{move_between, url};
use crate::database::{TestDatabase, run};
use crate::program::{Place, Ran, until};

const OLD: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
const NEW: &str = "EjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJCrze8=";

/// A log of events that was kept in several places, with the audit file of each.
struct Log {
    secrets: tempfile::TempDir,
    audits: Vec<PathBuf>,
    places: Vec<Place>,
    users: usize,
}

impl Log {
    fn new() -> Self {
        let secrets = tempfile::tempdir().expect("there is room for a folder");
        for (name, secret) in [("old", OLD), ("new", NEW)] {
            let file = secrets.path().join(name);
            write(&file, secret).expect("there is room");
            set_permissions(&file, Permissions::from_mode(0o600)).expect("it is ours");
        }
        Self { secrets, audits: Vec::new(), places: Vec::new(), users: 0 }
    }

    /// A place on this database with one of the master secrets, and what it was before.
    fn place(&self, database: &str, (secret, previous): (&str, Option<&str>)) -> Place {
        let file = |name: &str| self.secrets.path().join(name).display().to_string();
        let place = Place::new()
            .set("COUNTERSIGN_DATABASE__URL", database)
            .set("COUNTERSIGN_MASTER_SECRET_FILE", &file(secret));
        match previous {
            Some(name) => place.set("COUNTERSIGN_MASTER_SECRET_PREVIOUS_FILE", &file(name)),
            None => place,
        }
    }

    /// Has a server write and seal more events here, a few times, and end.
    async fn goes_on(&mut self, place: Place) {
        let before = self.audits.len();
        self.audits.push(place.data_dir().join("audit.jsonl"));
        let server = place.serve().await;
        for _ in 0..3 {
            self.users += 1;
            server.register(&format!("user{}", self.users)).await;
            let look = async || (self.verify(&place)["chain"]["unsealed"] == 0).then_some(());
            until(look).await;
        }
        server.terminate();
        assert_eq!(server.end().await, Some(0));
        assert!(sealed_in(&self.audits[before]) >= 3, "a seal at least for each user");
        self.places.push(place);
    }

    fn ran(&self, place: &Place) -> Ran {
        let files: Vec<String> = self.audits.iter().map(|it| it.display().to_string()).collect();
        let files = files.iter().flat_map(|file| ["--audit", file]);
        let command = ["events", "verify", "--json"].into_iter();
        place.run(&command.chain(files).collect::<Vec<_>>(), "")
    }

    /// What is told of the chain and of each audit file, all of it good.
    fn verify(&self, place: &Place) -> Json {
        let verified = self.ran(place).json();
        assert_eq!(verified["intact"], true, "{verified}");
        verified
    }

    /// Whether a change of what was sealed first is found here, by the whole chain's key.
    async fn finds_a_change(&self, (place, database): (&Place, &str)) {
        let good = self.verify(place)["chain"].clone();
        for (statement, back) in [
            ("UPDATE events SET reason = 'x' WHERE seal = 1", "reason = NULL"),
            ("UPDATE events SET outcome = 'refused' WHERE seal = 1", "outcome = 'ok'"),
        ] {
            change(database, statement).await;
            let ran = self.ran(place);
            assert_eq!(ran.code, Some(3), "{ran:?}");
            assert!(ran.stderr.contains("seal 1"), "{ran:?}");
            change(database, &format!("UPDATE events SET {back} WHERE seal = 1")).await;
        }
        assert_eq!(self.verify(place)["chain"], good);
    }
}

fn sealed_in(audit: &Path) -> usize {
    let text = std::fs::read_to_string(audit).expect("it is there");
    let is_seal =
        |line: &str| serde_json::from_str::<Json>(line).is_ok_and(|line| line["seal"].is_i64());
    text.lines().filter(|line| is_seal(line)).count()
}

async fn change(database: &str, statement: &str) {
    match database.strip_prefix("sqlite:") {
        Some(path) => {
            let database = rusqlite::Connection::open(path).expect("it is there");
            assert!(database.execute(statement, ()).expect("it obeys") > 0, "{statement}");
        }
        None => run(database, statement.to_owned()).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_verifies_after_moves_and_the_chain_goes_on_at_each_stop() {
    let mut log = Log::new();
    let source = Place::new();
    let mut from = url(&source.data_dir());
    std::fs::create_dir_all(source.data_dir()).expect("there is room");
    let place = log.place(&from, ("old", None));
    log.goes_on(place).await;
    // A database goes with what stands for it.
    let mut kept = Vec::new();
    for kind in [Kind::Postgres, Kind::MySql, Kind::Sqlite] {
        let Some(stop) = TestDatabase::on_database(kind).await else { continue };
        let before = log.verify(log.places.last().expect("there is one"));
        move_between(&source, &from, &stop.url).json();
        let place = log.place(&stop.url, ("old", None));
        assert_eq!(log.verify(&place), before, "{kind:?}");
        log.finds_a_change((&place, &stop.url)).await;
        log.goes_on(place).await;
        let place = log.places.last().expect("there is one");
        let after = log.verify(place);
        assert!(
            after["chain"]["last"].as_i64() >= before["chain"]["last"].as_i64().map(|it| it + 3)
        );
        assert!(after["chain"]["events"].as_i64() > before["chain"]["events"].as_i64());
        log.finds_a_change((place, &stop.url)).await;
        from.clone_from(&stop.url);
        kept.push(stop);
    }
}

/// A database that is there for one test.
struct OneLog(TestDatabase);

impl OneLog {
    async fn on_database(kind: Kind) -> Option<Self> {
        TestDatabase::on_database(kind).await.map(Self)
    }
}

on_each_database! {
    async fn what_was_sealed_verifies_under_another_master_secret_and_the_chain_goes_on(
        one: OneLog
    ) {
        let (mut log, database) = (Log::new(), one.0.url.clone());
        let old = log.place(&database, ("old", None));
        log.goes_on(old).await;
        let before = log.verify(&log.places[0]);

        // A command may be what comes first under the new secret.
        let changing = log.place(&database, ("new", Some("old")));
        assert_eq!(log.verify(&changing), before);
        let ran = log.ran(&log.places[0]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.contains("master_secret_file"), "{ran:?}");
        log.goes_on(changing).await;

        let changed = log.place(&database, ("new", None));
        let after = log.verify(&changed);
        assert!(after["chain"]["last"].as_i64() >= before["chain"]["last"].as_i64().map(|it| it + 3));
        log.finds_a_change((&changed, &database)).await;
        log.goes_on(changed).await;
        log.finds_a_change((&log.places[2], &database)).await;
    }
}
