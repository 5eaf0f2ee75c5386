//! `countersign events verify` and `export`: what an operator sees, with real servers and on a
//! database that somebody changes behind their backs.

use std::path::PathBuf;

use countersign_server::db::Kind;
use serde_json::{Value, json};

use crate::database::{TestDatabase, run};
use crate::program::{Place, Ran, Server, until};

const SECRET: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";

/// Two servers with a folder each on one database.
struct Pair {
    places: [Place; 2],
    database: TestDatabase,
}

impl Pair {
    async fn on_database(kind: Kind) -> Option<Self> {
        let database = TestDatabase::on_database(kind).await?;
        let place = || {
            Place::new()
                .set("COUNTERSIGN_DATABASE__URL", &database.url)
                .set("COUNTERSIGN_MASTER_SECRET", SECRET)
        };
        Some(Self { places: [place(), place()], database })
    }

    fn audit(&self, server: usize) -> PathBuf {
        self.places[server].data_dir().join("audit.jsonl")
    }

    /// The numbers of the seals that this server has made.
    fn seals(&self, server: usize) -> Vec<i64> {
        let text = std::fs::read_to_string(self.audit(server)).unwrap_or_default();
        let line = |line: &str| serde_json::from_str::<Value>(line).ok()?["seal"].as_i64();
        text.lines().filter_map(line).collect()
    }

    /// The server that has made seals with numbers beyond this one.
    async fn sealer(&self, beyond: i64) -> usize {
        let find = async || (0..2).find(|it| self.seals(*it).iter().any(|seal| *seal > beyond));
        until(find).await
    }

    fn verify(&self) -> Ran {
        let files = [self.audit(0), self.audit(1)].map(|file| file.display().to_string());
        let arguments = ["events", "verify", "--json", "--audit", &files[0], "--audit", &files[1]];
        self.places[0].run(&arguments, "")
    }

    /// Waits until all is sealed, and finds it good.
    async fn verify_good(&self) -> Value {
        let look = async || {
            let verified = self.verify().json();
            assert_eq!(verified["intact"], true, "{verified}");
            (verified["chain"]["unsealed"] == 0).then_some(verified)
        };
        until(look).await
    }

    async fn tamper(&self, statement: &str) {
        match self.database.url.strip_prefix("sqlite:") {
            Some(path) => {
                let database = rusqlite::Connection::open(path).expect("it is there");
                database.execute_batch(statement).expect("it obeys");
            }
            None => run(&self.database.url, statement.to_owned()).await,
        }
    }
}

/// A fault as the command tells it.
fn fault(ran: &Ran) -> Value {
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let verified: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(verified["intact"], false);
    let chain = verified["chain"]["fault"].clone();
    let in_file = verified["audit"].as_array().and_then(|files| files.last().cloned());
    if chain.is_null() { in_file.unwrap_or_default()["copy"]["fault"].clone() } else { chain }
}

on_each_database! {
    async fn another_server_goes_on_when_the_one_that_seals_is_killed(pair: Pair) {
        let servers = [pair.places[0].serve().await, pair.places[1].serve().await];
        servers[0].register("alice").await;
        servers[1].register("bob").await;
        let first = pair.sealer(0).await;
        let before = pair.verify_good().await;
        let last = before["chain"]["last"].as_i64().expect("a number");

        let [one, other] = servers;
        let (killed, left): (Server, Server) = if first == 0 { (one, other) } else { (other, one) };
        let load = killed.load(4);
        left.register("carol").await;
        killed.kill();
        for task in load {
            task.await.expect("it ends");
        }
        left.register("dora").await;
        let seals = async || pair.seals(1 - first).iter().any(|it| *it > last).then_some(());
        until(seals).await;
        let after = pair.verify_good().await;
        assert!(after["chain"]["last"].as_i64() > Some(last), "{after}");

        pair.tamper("DELETE FROM event_seals WHERE number = 2").await;
        let gap = pair.verify();
        assert_eq!(fault(&gap), "seal_missing");
        assert!(gap.stderr.contains("seal 2 is missing"), "{gap:?}");
    }

    async fn a_log_without_servers_is_whole_and_its_cut_end_is_found(pair: Pair) {
        let name = |number: usize| format!("user{number}");
        for number in 0..4 {
            let arguments = ["user", "create", "--username", &name(number)];
            pair.places[0].json(&arguments);
        }
        std::fs::create_dir_all(pair.places[1].data_dir()).expect("there is room");
        std::fs::write(pair.audit(1), "").expect("there is room");
        let verified = pair.verify_good().await;
        let last = verified["chain"]["last"].as_i64().expect("a number");
        assert_eq!(verified["audit"][0]["copy"]["last"], last, "each command seals at its end");
        assert!(verified["chain"]["events"].as_i64() >= Some(5), "{verified}");

        // Somebody takes out what `user3` is told of, and the seal over it.
        pair.tamper(&format!("DELETE FROM events WHERE seal = {last}")).await;
        pair.tamper(&format!("DELETE FROM event_seals WHERE number = {last}")).await;
        let cut = pair.verify();
        assert_eq!(cut.code, Some(3), "{cut:?}");
        assert!(cut.stderr.contains(&format!("has seal {last}")), "{cut:?}");
        let text = pair.places[0].run(&["events", "verify"], "");
        assert_eq!(text.code, Some(0), "{text:?}");
        assert!(text.stdout.contains("not compared with an audit file"), "{text:?}");
    }

    async fn an_export_has_every_event_and_seal_that_the_audit_file_has(pair: Pair) {
        let server = pair.places[0].serve().await;
        for number in 0..20 {
            server.register(&format!("user{number}")).await;
        }
        server.terminate();
        assert_eq!(server.end().await, Some(0));
        let read = |text: &str| {
            let line = |line: &str| serde_json::from_str(line).expect("a line is JSON");
            let lines: Vec<Value> = text.lines().map(line).collect();
            let (seals, events): (Vec<Value>, Vec<Value>) =
                lines.into_iter().partition(|line| line["seal"].is_i64());
            (events, seals)
        };
        let file = std::fs::read_to_string(pair.audit(0)).expect("it is there");
        let (mut events, seals) = read(&file);
        let exported = pair.places[0].run(&["events", "export"], "");
        assert_eq!(exported.code, Some(0), "{exported:?}");
        let (all, all_seals) = read(&exported.stdout);
        assert!(all.is_sorted_by_key(|event| event["id"].as_str().map(str::to_owned)));
        events.sort_by_key(|event| event["id"].as_str().map(str::to_owned));
        assert_eq!((&all, &all_seals), (&events, &seals));
        assert!(!seals.is_empty());

        // What was exported serves as an audit file.
        let copy = pair.places[0].folder.path().join("exported.jsonl");
        std::fs::write(&copy, &exported.stdout).expect("there is room");
        let copy = copy.display().to_string();
        pair.places[0].json(&["events", "verify", "--audit", &copy]);

        let middle = all[10]["at"].as_str().expect("a time");
        let part = |arguments: [&str; 2]| {
            let arguments = [&["events", "export"][..], &arguments].concat();
            read(&pair.places[0].run(&arguments, "").stdout).0
        };
        let (before, after) = (part(["--until", middle]), part(["--since", middle]));
        assert!(before.iter().all(|event| event["at"].as_str() < Some(middle)));
        assert!(after.iter().all(|event| event["at"].as_str() >= Some(middle)));
        assert_eq!([before, after].concat(), all);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_verify_is_told_must_be_there_and_what_export_is_told_a_time() {
    let place = Place::new();
    place.json(&["user", "create", "--username", "alice"]);
    let missing = place.run(&["events", "verify", "--audit", "nothing.jsonl"], "");
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.stderr.contains("--audit: nothing.jsonl:"), "{missing:?}");
    for wrong in ["yesterday", "", "2026-13-01"] {
        let refused = place.run(&["events", "export", "--since", wrong], "");
        assert_eq!(refused.code, Some(2), "{refused:?}");
    }
    for beside in ["verify", "export"] {
        let refused = place.run(&["events", "--limit", "5", beside], "");
        assert_eq!(refused.code, Some(2), "{refused:?}");
    }
    let events = place.json(&["events", "--limit", "1"]);
    assert_eq!(events["events"][0]["kind"], json!("user_created"));
    place.json(&["user", "roles", "alice", "editor", "admin"]);
    for command in [&["events", "--limit", "1"][..], &["events", "export"]] {
        let told = place.run(command, "").stdout;
        assert!(told.contains("roles_changed") && told.contains("editor admin"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_events_that_no_server_seals_are_told_and_a_value_of_no_type_of_ours_is_found() {
    let place = Place::new();
    place.json(&["user", "create", "--username", "alice"]);
    let database = place.database();
    let late = "INSERT INTO events (id, at, kind, outcome, occurrences, seal) \
                SELECT 'x', 1, 'login', 'ok', 1, NULL; \
                UPDATE leases SET holder = 'somebody', until = 1000 * (strftime('%s') + 5)";
    database.execute_batch(late).expect("it obeys");
    let verified = place.run(&["events", "verify"], "");
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert!(verified.stderr.contains("1 events are not sealed"), "{verified:?}");
    for value in ["x'00'", "1.5", "'one'"] {
        let alter = format!("UPDATE events SET occurrences = {value} WHERE seal = 1");
        database.execute_batch(&alter).expect("it obeys");
        let found = place.run(&["events", "verify", "--json"], "");
        assert_eq!(found.code, Some(3), "{value}: {found:?}");
    }
}
