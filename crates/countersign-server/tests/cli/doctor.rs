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
fn what_makes_accounts_easy_to_guess_or_to_lock_is_warned_of() {
    let place = Place::new()
        .set("COUNTERSIGN_PUBLIC_URL", "https://auth.example.org")
        .set("COUNTERSIGN_DIALECTS", "[{ name = \"passport\" }, { name = \"code-envelope\" }]");
    let warned = |place: &Place| {
        let findings = found(&place.json(&["doctor"]), "configuration");
        let warnings = findings.into_iter().filter(|(level, _)| level == "warning");
        let key = |(_, message): (_, String)| message.split(':').next().map(str::to_owned);
        warnings.filter_map(key).collect::<Vec<_>>()
    };
    let passwords = "dialects.passport.password_policy";
    assert_eq!(warned(&place), ["trusted_proxies", "limits.enabled", passwords]);
    let ran = place.run(&["user", "list"], "");
    assert!(ran.stderr.contains("trusted_proxies: ") && ran.stderr.contains(passwords), "{ran:?}");
    let place = place
        .set("COUNTERSIGN_TRUSTED_PROXIES", "10.0.0.0/8")
        .set("COUNTERSIGN_REGISTRATION__MODE", "closed");
    assert_eq!(warned(&place), ["limits.enabled"]);
}

#[tokio::test]
async fn a_header_that_is_ignored_is_told_of_once_a_minute() {
    let place = Place::new();
    let server = place.serve().await;
    let ignored = |log: &str| log.matches("X-Forwarded-For came from 127.0.0.1").count();
    for _ in 0..3 {
        let asked = server.request(reqwest::Method::GET, "/healthz");
        let asked = asked.header("X-Forwarded-For", "192.0.2.1").send().await;
        assert_eq!(asked.expect("it answers").status(), 200);
    }
    let answered = async || (server.stderr.get().matches("answered").count() >= 3).then_some(());
    crate::program::until(answered).await;
    assert_eq!(ignored(&server.stderr.get()), 1);
    let trusting = place.set("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1");
    let server = trusting.serve().await;
    let asked = server.request(reqwest::Method::GET, "/healthz");
    asked.header("X-Forwarded-For", "192.0.2.1").send().await.expect("it answers");
    let answered = async || server.stderr.get().contains("192.0.2.1").then_some(());
    crate::program::until(answered).await;
    assert_eq!(ignored(&server.stderr.get()), 0);
}

#[tokio::test]
async fn a_redis_that_refuses_the_password_is_not_said_to_be_silent() {
    let Some(redis) = crate::redis_server::TestRedis::start().await else { return };
    let mut command = redis::cmd("CONFIG");
    let () = redis.ask(command.arg("SET").arg("requirepass").arg("right")).await;
    let url = redis.url().replace("redis://", "redis://:wrong@");
    let place = Place::new().set("COUNTERSIGN_REDIS__URL", &url);
    let (level, message) = found(&place.json(&["doctor"]), "redis").remove(0);
    assert_eq!(level, "warning");
    assert!(message.contains("refuses") && !message.contains("nothing answers"), "{message}");
}

on_each_database! {
    async fn triggers_are_named(database: crate::database::TestDatabase) {
        let place = Place::new()
            .set("COUNTERSIGN_DATABASE__URL", &database.url)
            .set("COUNTERSIGN_MASTER_SECRET", "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=");
        place.json(&["user", "list"]);
        let named = |place: &Place| {
            let findings = found(&place.json(&["doctor"]), "database");
            findings.into_iter().any(|(level, message)| {
                level == "warning" && message.contains("hide_logins")
            })
        };
        assert!(!named(&place));
        let condition = "BEFORE DELETE ON events FOR EACH ROW";
        if let Some(file) = database.url.strip_prefix("sqlite:") {
            let made = format!("CREATE TRIGGER hide_logins {condition} BEGIN SELECT 1; END");
            let file = rusqlite::Connection::open(file).expect("it is there");
            file.execute_batch(&made).expect("SQLite obeys");
        } else if database.url.starts_with("postgres") {
            let made = "CREATE FUNCTION hide() RETURNS trigger LANGUAGE plpgsql AS \
                        'BEGIN RETURN OLD; END'";
            crate::database::run(&database.url, made.to_owned()).await;
            let made = format!("CREATE TRIGGER hide_logins {condition} EXECUTE FUNCTION hide()");
            crate::database::run(&database.url, made).await;
        } else {
            let made = format!("CREATE TRIGGER hide_logins {condition} SET @hidden = 1");
            crate::database::run(&database.url, made).await;
        }
        assert!(named(&place));
    }
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
    let (level, message) = &found(&findings, "start")[0];
    assert_eq!(level, "failure");
    assert!(message.contains("127.0.0.1:9: ") && message.contains("refused"), "{message}");
    assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
}

#[test]
fn a_database_that_is_down_and_a_file_that_is_missing_are_named_at_start() {
    for scheme in ["postgres", "mysql"] {
        let url = format!("{scheme}://me@127.0.0.1:9/x");
        for command in ["serve", "migrate"] {
            let ran = Place::new().set("COUNTERSIGN_DATABASE__URL", &url).run(&[command], "");
            assert_eq!(ran.code, Some(1), "{ran:?}");
            let told = &ran.stderr;
            assert!(told.contains("127.0.0.1:9: ") && told.contains("refused"), "{ran:?}");
        }
    }
    for url in [
        "postgres://me@127.0.0.1:9/x?sslmode=verify-full&sslrootcert=/nowhere/ca.pem",
        "mysql://me@127.0.0.1:9/x?ssl-mode=VERIFY_CA&ssl-ca=/nowhere/ca.pem",
    ] {
        let ran = Place::new().set("COUNTERSIGN_DATABASE__URL", url).run(&["migrate"], "");
        assert!(ran.stderr.contains("/nowhere/ca.pem"), "{ran:?}");
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
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
