//! Nodes whose clocks are wrong, by `libfaketime`.

use std::fs;
use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};

use crate::database::TestDatabase;
use crate::program::{PASSWORD, Place, Server, Session, answer, until};

const MASTER_SECRET: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";

/// A database, and a machine with a right clock beside one whose clock is set by a test.
struct Machines {
    right: Place,
    wrong: Place,
    /// What the wrong clock reads.
    offset: PathBuf,
    is_sqlite: bool,
    _database: TestDatabase,
}

/// The library that shifts the time of a process; says so if it is not installed.
fn libfaketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().filter_map(Result::ok);
    let library = folders
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists());
    if library.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "faketime is not installed");
        eprintln!("skipped: faketime is not installed");
    }
    library
}

impl Machines {
    async fn on_database(kind: countersign_server::db::Kind) -> Option<Self> {
        let library = libfaketime()?;
        let database = TestDatabase::on_database(kind).await?;
        let place = || {
            Place::new()
                .set("COUNTERSIGN_DATABASE__URL", &database.url)
                .set("COUNTERSIGN_MASTER_SECRET", MASTER_SECRET)
                .set("COUNTERSIGN_METRICS__LISTEN", "127.0.0.1:0")
        };
        let wrong = place();
        let offset = wrong.folder.path().join("offset");
        let wrong = wrong
            .set("LD_PRELOAD", library.to_str().expect("a path in UTF-8"))
            .set("FAKETIME_TIMESTAMP_FILE", offset.to_str().expect("a path in UTF-8"))
            .set("FAKETIME_NO_CACHE", "1")
            .set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let is_sqlite = kind == countersign_server::db::Kind::Sqlite;
        let machines = Self { right: place(), wrong, offset, is_sqlite, _database: database };
        machines.set_clock("+0");
        Some(machines)
    }

    fn set_clock(&self, offset: &str) {
        // Nobody may read half of it.
        let new = self.offset.with_extension("new");
        fs::write(&new, offset).expect("there is room for a file");
        fs::rename(new, &self.offset).expect("it is ours");
    }
}

/// The status and the body of `/readyz`.
async fn ready(server: &Server) -> (u16, Value) {
    answer(server.request(Method::GET, "/readyz")).await.expect("the server answers")
}

async fn metric(server: &Server, name: &str) -> Option<f64> {
    let line = server.stdout.line("  metrics: ").await;
    let url = line.split_whitespace().next().expect("a URL");
    let text = server.client.get(url).send().await.expect("it answers");
    let text = text.text().await.expect("text");
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    Some(value.parse().expect("a number"))
}

/// Waits until the server refuses to serve for its clock, as whoever asks is told.
async fn refuses(server: &Server, session: &Session) {
    let me = async || (server.me(session).await.0 == 503).then_some(());
    until(me).await;
    let refresh = json!({ "refresh_token": session.refresh });
    let login = json!({ "identifier": "alice@example.org", "password": PASSWORD });
    let register = json!({ "email": "bob@example.org", "password": PASSWORD });
    for (path, body) in [("refresh", refresh), ("login", login), ("register", register)] {
        let request = server.request(Method::POST, &format!("/v1/{path}")).json(&body);
        let response = request.send().await.expect("the server answers");
        assert_eq!(response.status(), 503, "{path}");
        assert_eq!(response.headers()["retry-after"], "5");
        let problem: Value = response.json().await.expect("a problem");
        assert_eq!(problem["code"], "clock_skew", "{problem}");
    }
    // What others ended is also unknown for a moment after the clock was set.
    let fails = async || {
        let (status, readiness) = ready(server).await;
        (status == 503 && readiness["failing"] == json!(["clock"])).then_some(())
    };
    until(fails).await;
}

/// Waits until the server has deleted what it thinks is expired.
async fn has_purged(server: &Server) {
    let purged = async || {
        let name = "countersign_db_writes_total{name=\"housekeeping\"}";
        metric(server, name).await.filter(|count| *count >= 1.0)
    };
    until(purged).await;
    // What it deletes, it deletes right after.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
}

/// Expects that the server still knows that the session ended.
async fn refuses_as_logged_out(server: &Server, session: &Session) {
    let (status, answer) = server.me(session).await;
    assert_eq!((status, &answer["reason"]), (401, &json!("logout")), "{answer}");
}

async fn serves(server: &Server, session: &Session) {
    until(async || (server.me(session).await.0 == 200).then_some(())).await;
    until(async || (ready(server).await.0 == 200).then_some(())).await;
}

on_each_database! {
    async fn a_node_refuses_while_its_clock_is_wrong_and_serves_again_when_it_is_right(
        machines: Machines
    ) {
        let right = machines.right.serve().await;
        let alice = right.register("alice").await;
        let wrong = machines.wrong.serve().await;
        serves(&wrong, &alice).await;
        for (offset, seconds) in [("-3600", -3600.0), ("+3600", 3600.0)] {
            machines.set_clock(offset);
            refuses(&wrong, &alice).await;
            let name = "countersign_clock_difference_seconds";
            let measured = until(async || metric(&wrong, name).await).await;
            assert!((measured - seconds).abs() < 15.0, "{measured}");
            assert_eq!(right.me(&alice).await.0, 200, "the other node serves");
            machines.set_clock("+0");
            serves(&wrong, &alice).await;
        }
        let renewed = wrong.refresh(&alice).await;
        assert_eq!(right.me(&renewed).await.0, 200);
        if machines.is_sqlite {
            return;
        }
        machines.set_clock("+3");
        let warns = async || {
            let (status, readiness) = ready(&wrong).await;
            assert_eq!(status, 200, "{readiness}");
            (readiness["degraded"][0]["check"] == "clock").then_some(())
        };
        until(warns).await;
        assert_eq!(wrong.me(&renewed).await.0, 200, "three seconds are only warned of");
        // The log tells, at the next look at the clock.
        let tells = async || wrong.stderr.get().contains("this machine's clock is").then_some(());
        until(tells).await;
    }

    async fn commands_and_doctor_tell_a_wrong_clock(machines: Machines) {
        machines.right.json(&["user", "list"]);
        machines.set_clock("-3600");
        let found = |place: &Place| {
            let ran = place.run(&["doctor", "--json"], "");
            let findings: Value = serde_json::from_str(&ran.stdout).expect("JSON");
            let all = findings["findings"].as_array().expect("a list").clone();
            let clock = all.into_iter().find(|finding| finding["check"] == "clock");
            (ran.code, clock.map(|finding| finding["level"].clone()))
        };
        assert_eq!(found(&machines.wrong), (Some(1), Some(json!("failure"))));
        if machines.is_sqlite {
            return;
        }
        assert_eq!(found(&machines.right), (Some(0), Some(json!("ok"))));
        let ran = machines.wrong.run(&["user", "list"], "");
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains(" s behind the database's clock"), "{ran:?}");
    }

    async fn a_node_that_starts_with_a_wrong_clock_refuses(machines: Machines) {
        let right = machines.right.serve().await;
        let alice = right.register("alice").await;
        right.terminate();
        right.end().await;
        for offset in ["-3600", "-40d"] {
            machines.set_clock(offset);
            let wrong = machines.wrong.serve().await;
            refuses(&wrong, &alice).await;
            machines.set_clock("+0");
            serves(&wrong, &alice).await;
        }
    }

    async fn a_node_that_joins_others_with_a_wrong_clock_never_serves(machines: Machines) {
        let right = machines.right.serve().await;
        let alice = right.register("alice").await;
        for offset in ["-3600", "+3600", "+40d"] {
            machines.set_clock(offset);
            let wrong = machines.wrong.serve().await;
            let (status, answer) = wrong.me(&alice).await;
            assert_eq!((status, &answer["code"]), (503, &json!("clock_skew")), "{offset}: {answer}");
            wrong.terminate();
            wrong.end().await;
        }
        let keys = machines.right.json(&["key", "list"]);
        assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1), "no key was rotated: {keys}");
    }

    async fn a_node_that_is_a_day_ahead_deletes_nothing_that_still_matters(machines: Machines) {
        let right = machines.right.serve().await;
        let mut ended = Vec::new();
        for number in 0..5 {
            let session = right.register(&format!("user{number}")).await;
            right.log_out(&session).await;
            ended.push(session);
        }
        machines.set_clock("+25h");
        let wrong = machines.wrong.serve().await;
        has_purged(&wrong).await;
        // The one with the right clock would refuse beside the other, on SQLite.
        wrong.kill();
        right.kill();
        let right = machines.right.serve().await;
        for session in &ended {
            refuses_as_logged_out(&right, session).await;
        }
    }
}

#[tokio::test]
async fn a_server_alone_on_sqlite_whose_clock_is_a_day_ahead_deletes_nothing_that_still_matters() {
    let machines = Machines::on_database(countersign_server::db::Kind::Sqlite).await;
    let Some(machines) = machines else { return };
    let right = machines.right.serve().await;
    let session = right.register("alice").await;
    right.log_out(&session).await;
    right.terminate();
    right.end().await;
    machines.set_clock("+25h");
    let wrong = machines.wrong.serve().await;
    has_purged(&wrong).await;
    wrong.terminate();
    wrong.end().await;
    let right = machines.right.serve().await;
    refuses_as_logged_out(&right, &session).await;
}

#[tokio::test]
async fn of_two_on_sqlite_the_one_with_the_right_clock_serves_after_its_restart() {
    let machines = Machines::on_database(countersign_server::db::Kind::Sqlite).await;
    let Some(machines) = machines else { return };
    let right = machines.right.serve().await;
    let alice = right.register("alice").await;
    machines.set_clock("+25h");
    let wrong = machines.wrong.serve().await;
    assert_eq!(wrong.me(&alice).await.0, 503);
    right.terminate();
    right.end().await;
    let right = machines.right.serve().await;
    assert_eq!(right.me(&alice).await.0, 200);
    assert_eq!(wrong.me(&alice).await.0, 503, "its clock has not been set");
    machines.set_clock("+0");
    serves(&wrong, &alice).await;
}
