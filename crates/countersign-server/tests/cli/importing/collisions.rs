//! Rows that cannot come along are told, one by one, and change nothing for the others.

use std::fmt::Write as _;

use serde_json::Value;

use super::{BCRYPT, Importing, counts, failed};

const LINES: &str = r#"{"number":1,"username":"Alice"}
{"number":2,"username":"alice"}
{"number":1,"username":"carol"}
{"number":4,"username":"a b"}
{"number":5,"username":"dave","password":"secret-hash-itself"}
{"number":6,"username":"erin","created_at":"soon"}
{"number":0,"username":"frank"}
{"number":8}
{"number":1,"username":"Alice"}
not JSON
{"number":11,"username":"gina","username":"gino"}
{"number":12,"username":"hal","admin":"perhaps"}
{"number":13,"id":"7B4CF1A0-3A58-4B8E-9D0F-3C6F6D1C2B1A","username":"ian"}
{"number":14,"username":{"a":1}}

{"number":16,"username":"jane"}
"#;

/// The lines and the reasons.
const PROBLEMS: [(u64, &str); 13] = [
    (2, "identifier_taken"),
    (3, "number_taken"),
    (4, "character"),
    (5, "unknown_hash"),
    (6, "bad_time"),
    (7, "bad_number"),
    (8, "no_identifier"),
    (9, "duplicate"),
    (10, "malformed"),
    (11, "malformed"),
    (12, "bad_boolean"),
    (13, "bad_id"),
    (14, "wrong_type"),
];

/// The lines and the reasons that a report tells.
fn reported(report: &str) -> Vec<(u64, String)> {
    let problem = |line: &str| {
        let problem: Value = serde_json::from_str(line).expect("a line is JSON");
        let reason = problem["reason"].as_str().expect("a reason").to_owned();
        (problem["line"].as_u64().expect("a line"), reason)
    };
    report.lines().map(problem).collect()
}

on_each_database! {
    async fn each_row_that_cannot_come_along_is_told_with_its_reason(importing: Importing) {
        let file = importing.file("users.jsonl", LINES);
        let file = file.to_str().expect("a path");
        let import = ["--from", "jsonl", "--source", file, "--on-error", "skip"];
        for (run, expected) in [("1", [2, 0, 13]), ("2", [0, 2, 13])] {
            let report = importing.place.folder.path().join(format!("report-{run}"));
            let report = report.to_str().expect("a path");
            let ran = importing.run(&[&import[..], &["--report", report]].concat());
            assert_eq!(counts(&ran.json()["users"]), expected);
            let text = std::fs::read_to_string(report).expect("it was written");
            let told = reported(&text);
            assert!(told.iter().map(|(line, reason)| (*line, &**reason)).eq(PROBLEMS), "{told:?}");
            assert!(!text.contains("secret-hash-itself"), "a hash is told to nobody");
            assert!(text.contains("line 1 has it") || text.contains("number 1 has it"), "{text}");
        }
        assert_eq!(importing.count(), 2);
        assert_eq!(importing.show("alice")["number"], 1);
    }

    async fn a_dry_run_tells_what_the_real_one_then_does(importing: Importing) {
        let mut lines = LINES.to_owned();
        for number in 100..1700 {
            writeln!(lines, r#"{{"number":{number},"username":"u{number}"}}"#).expect("a text");
        }
        // What the first batch has, in the last one.
        lines.push_str("{\"number\":150,\"username\":\"other\"}\n");
        lines.push_str("{\"number\":1800,\"username\":\"U151\"}\n");
        lines.push_str("{\"number\":152,\"username\":\"u152\"}\n");
        let file = importing.file("users.jsonl", lines);
        let file = file.to_str().expect("a path");
        let import = |more: &[&str], name: &str| {
            let report = importing.place.folder.path().join(name);
            let report = report.to_str().expect("a path");
            let arguments = ["--from", "jsonl", "--source", file, "--on-error", "skip"];
            let told = importing.run(&[&arguments, more, &["--report", report]].concat()).json();
            let text = std::fs::read_to_string(report).expect("it was written");
            (counts(&told["users"]), reported(&text))
        };
        let dry = import(&["--dry-run"], "dry-1");
        assert_eq!(dry.0, [1602, 0, 16]);
        assert!(!importing.place.data_dir().exists(), "nothing was made");
        assert_eq!(import(&[], "real-1"), dry);
        let dry = import(&["--dry-run"], "dry-2");
        assert_eq!(dry.0, [0, 1602, 16]);
        assert_eq!(import(&[], "real-2"), dry);
        assert_eq!(importing.count(), 1602);
    }
}

#[tokio::test]
async fn without_a_word_nothing_of_a_batch_with_a_problem_is_written() {
    let importing = Importing::new();
    let file = importing.file("users.jsonl", LINES);
    let import = ["--from", "jsonl", "--source", file.to_str().expect("a path")];
    let told = failed(&importing.run(&import), 1, "stopped");
    assert_eq!(told["stopped"], true);
    assert_eq!((counts(&told["users"]), importing.count()), ([0, 0, 13], 0));
    assert_eq!(told["problems"][0]["line"], 2);
    let dry = importing.run(&[&import[..], &["--dry-run"]].concat());
    failed(&dry, 1, "would stop at the first");
    importing.file("users.jsonl", "{\"username\":\"alice\"}\n");
    assert_eq!(counts(&importing.users(&import)), [1, 0, 0], "mended, it goes on");
}

#[tokio::test]
async fn somebody_who_registered_keeps_what_is_theirs() {
    let importing = Importing::new();
    importing.place.json(&["user", "create", "--username", "alice"]);
    let hash = BCRYPT;
    let lines = format!(
        "{{\"number\":1,\"username\":\"bob\",\"password\":\"{hash}\"}}\n\
         {{\"number\":2,\"username\":\"ALICE\",\"password\":\"{hash}\"}}\n"
    );
    let file = importing.file("users.jsonl", lines);
    let import = ["--from", "jsonl", "--source", file.to_str().expect("a path")];
    let told = failed(&importing.run(&import), 1, "stopped");
    let reasons = &told["users"]["reasons"];
    assert_eq!((&reasons["number_taken"], &reasons["identifier_taken"]), (&1.into(), &1.into()));
    assert_eq!(importing.count(), 1);
}
