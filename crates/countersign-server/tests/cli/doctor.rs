//! `countersign doctor`, and the metrics on an address of their own.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::program::Place;

/// The levels of what was found, and the messages, of one check.
fn found(findings: &Value, check: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let all = findings["findings"].as_array().expect("a list");
    let of_check = all.iter().filter(|finding| finding["check"] == check);
    of_check.map(|finding| (text(&finding["level"]), text(&finding["message"]))).collect()
}

#[tokio::test]
async fn a_server_that_runs_well_has_nothing_to_mend() {
    let place = Place::new();
    let server = place.serve().await;
    let place = place
        .set("COUNTERSIGN_PUBLIC_URL", &format!("http://{}", server.address))
        .set("COUNTERSIGN_LIMITS__ENABLED", "true");
    let findings = place.json(&["doctor"]);
    let all = findings["findings"].as_array().expect("a list");
    let bad: Vec<_> = all.iter().filter(|finding| finding["level"] != "ok").collect();
    assert!(bad.is_empty(), "{bad:?}");
    for check in ["configuration", "files", "space", "database", "keys", "public_url"] {
        assert!(!found(&findings, check).is_empty(), "{check} is not there: {findings}");
    }
}

#[test]
fn what_is_not_as_it_should_be_is_told_with_what_to_do() {
    let place = Place::new();
    place.json(&["user", "list"]);
    let readable = place.data_dir().join("countersign.db");
    set_permissions(&readable, Permissions::from_mode(0o644)).expect("it is ours");
    // Port 9 is nobody's on a machine that does not ask for it.
    let place = place.set("COUNTERSIGN_PUBLIC_URL", "http://127.0.0.1:9");
    let findings = place.json(&["doctor"]);
    let warned = |check: &str, text: &str| {
        let found = found(&findings, check);
        assert!(
            found.iter().any(|(level, message)| level == "warning" && message.contains(text)),
            "{check}: {found:?}"
        );
    };
    warned("files", "chmod 0600");
    warned("configuration", "limits.enabled");
    warned("public_url", "nobody listens at http://127.0.0.1:9");
}

#[test]
fn it_makes_and_changes_nothing() {
    let place = Place::new();
    let findings = place.json(&["doctor"]);
    assert_eq!(found(&findings, "start")[0].0, "ok", "{findings}");
    assert!(!place.data_dir().exists(), "a look makes no folder");

    place.json(&["user", "list"]);
    let database = place.database();
    database.execute("DELETE FROM migrations WHERE version > 35", ()).expect("the table is there");
    let findings = place.json(&["doctor"]);
    assert!(
        found(&findings, "database").iter().any(|(level, _)| level == "warning"),
        "an older schema is told: {findings}"
    );
    let versions = "SELECT MAX(version) FROM migrations";
    let version: i64 = database.query_row(versions, (), |row| row.get(0)).expect("a number");
    assert_eq!(version, 35, "and stays as it is");
}

#[test]
fn a_database_that_does_not_answer_is_a_failure_and_the_url_is_not_told() {
    let place =
        Place::new().set("COUNTERSIGN_DATABASE__URL", "postgres://me:hunter2@127.0.0.1:9/x");
    let ran = place.run(&["doctor", "--json"], "");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let findings: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(found(&findings, "start")[0].0, "failure");
    assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
}

#[test]
fn a_connection_to_another_machine_that_nobody_encrypts_is_told() {
    for (url, level) in [
        ("postgres://me@db.invalid/x", "warning"),
        ("postgres://me@db.invalid/x?sslmode=require", "warning"),
        ("postgres://me@db.invalid/x?sslmode=verify-full", "ok"),
        ("mysql://me@db.invalid/x?ssl-mode=VERIFY_IDENTITY", "ok"),
    ] {
        let place = Place::new().set("COUNTERSIGN_DATABASE__URL", url);
        let findings: Value =
            serde_json::from_str(&place.run(&["doctor", "--json"], "").stdout).expect("JSON");
        assert_eq!(found(&findings, "database")[0].0, level, "{url}");
    }
}

#[tokio::test]
async fn metrics_have_an_address_of_their_own_if_wanted_and_end_with_the_server() {
    let place = Place::new().set("COUNTERSIGN_METRICS__LISTEN", "127.0.0.1:0");
    let server = place.serve().await;
    let line = server.stdout.line("  metrics: ").await;
    let url = line.split_whitespace().next().expect("a URL").to_owned();
    let text = server.client.get(&url).send().await.expect("it answers");
    assert_eq!(text.status(), 200);
    assert_eq!(text.headers()["x-content-type-options"], "nosniff");
    assert!(text.text().await.expect("text").contains("countersign_build_info{version="));
    let other = url.replace("/metrics", "/v1/me");
    assert_eq!(server.client.get(other).send().await.expect("it answers").status(), 404);
    server.terminate();
    assert_eq!(server.end().await, Some(0));
}
