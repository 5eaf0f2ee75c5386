//! What a wrong configuration gets: exit code 2, the key's name, and none of its secrets.

use std::os::unix::fs::PermissionsExt;

use crate::program::{Place, Ran, binary, finish};

const OTHER_SECRET: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";

const OLDER: &str =
    "DROP INDEX failures_last; DELETE FROM migrations WHERE name = '19_failures_last.sql'";

/// What becomes of a server with this configuration, which is in a file.
fn start(place: &Place, text: &str) -> Ran {
    let file = place.folder.path().join("countersign.toml");
    std::fs::write(&file, text).expect("written");
    let mut command = place.command(binary());
    command.arg("--data-dir").arg(place.data_dir()).arg("--config").arg(&file);
    finish(command, "")
}

#[track_caller]
fn refused(ran: &Ran, key: &str) {
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.starts_with(&format!("countersign: {key}: ")), "{key}: {ran:?}");
    assert!(ran.stdout.is_empty(), "{ran:?}");
}

#[test]
fn d9_a_wrong_setting_is_named_and_nothing_is_made() {
    for (text, key) in [
        ("colour = 1", "colour"),
        ("[tokens]\ncolour = 1", "tokens.colour"),
        ("public_url = \"http://auth.example.org\"", "public_url"),
        ("[tokens]\nalgorithm = \"none\"", "tokens.algorithm"),
        ("[tokens]\nalgorithm = \"RS1\"", "tokens.algorithm"),
        ("[tokens]\naccess_ttl = \"15 parsecs\"", "tokens.access_ttl"),
        ("[database]\nurl = \"oracle://scott:tigerpass@host/db\"", "database.url"),
        ("[traces]\notlp = \"collector:4318\"", "traces.otlp"),
        ("[traces]\notlp = \"https://me:tigerpass@host\"", "traces.otlp"),
        (
            "[traces]\nheaders = { authorization = \"tigerpass\\n\" }",
            "traces.headers.authorization",
        ),
        ("[traces]\nheaders = { \"a b\" = \"tigerpass\" }", "traces.headers.a b"),
        ("[traces]\nsample_ratio = 1.5", "traces.sample_ratio"),
        ("[[dialects]]\nname = \"esperanto\"", "dialects.0.name"),
        ("[[dialects]]\nname = \"auth-token\"\nsecret = \"tigerpass\"", "dialects.0.secret"),
        ("[[dialects]]\nname = \"auth-token\"\nsecret = \"changeme\"", "dialects.0.secret"),
        ("[[dialects]]\nname = \"auth-token\"\nsecret = \"\"", "dialects.0.secret"),
    ] {
        let place = Place::new();
        let ran = start(&place, text);
        refused(&ran, key);
        assert!(!ran.stderr.contains("tigerpass") && !ran.stderr.contains("changeme"), "{ran:?}");
        assert!(!place.data_dir().exists(), "{text}");
    }
}

#[test]
fn d9_a_file_that_is_no_toml_or_not_there_is_refused_without_its_text() {
    let place = Place::new();
    let ran = start(&place, "[database]\nurl = \"postgres://a:tigerpass@host/db\" oops");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("line 2") && !ran.stderr.contains("tigerpass"), "{ran:?}");
    let ran = place.run(&["--config", "nowhere.toml", "user", "list"], "");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("nowhere.toml"), "{ran:?}");
}

#[test]
fn d9_a_bad_master_secret_is_refused_and_not_shown() {
    for (content, mode) in
        [(OTHER_SECRET, 0o644), (OTHER_SECRET, 0o640), ("tigerpass", 0o600), ("", 0o600)]
    {
        let place = Place::new();
        let file = place.folder.path().join("secret");
        std::fs::write(&file, content).expect("written");
        std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).expect("ours");
        let ran = start(&place, &format!("master_secret_file = \"{}\"", file.display()));
        refused(&ran, "master_secret_file");
        assert!(content.is_empty() || !ran.stderr.contains(content), "{ran:?}");
    }
    for value in ["", "changeme", "tigerpass"] {
        let place = Place::new().set("COUNTERSIGN_MASTER_SECRET", value);
        let ran = start(&place, "");
        refused(&ran, "COUNTERSIGN_MASTER_SECRET");
        assert!(value.is_empty() || !ran.stderr.contains(value), "{ran:?}");
    }
}

#[test]
fn another_master_secret_than_the_databases_is_refused_before_the_schema_is_changed() {
    let place = Place::new();
    place.json(&["user", "create", "--username", "alice"]);
    // As an older program left it.
    place.database().execute_batch(OLDER).expect("the index is there");
    let place = place.set("COUNTERSIGN_MASTER_SECRET", OTHER_SECRET);
    for ran in [start(&place, ""), place.run(&["user", "list"], "")] {
        refused(&ran, "master_secret_file");
    }
    let check = place.json(&["migrate", "--check"]);
    assert_eq!(check["pending"], serde_json::json!(["19_failures_last.sql"]));
}

#[test]
fn a_change_of_the_master_secret_that_is_cut_short_still_wants_the_previous_one() {
    let place = Place::new();
    place.json(&["user", "create", "--username", "alice"]);
    let previous = place.data_dir().join("master-secret");
    let list = |with_previous: bool| {
        let mut command = place.command(binary());
        command.arg("--data-dir").arg(place.data_dir()).args(["user", "list"]);
        command.env("COUNTERSIGN_MASTER_SECRET", OTHER_SECRET);
        if with_previous {
            command.env("COUNTERSIGN_MASTER_SECRET_PREVIOUS_FILE", &previous);
        }
        finish(command, "")
    };
    let damage = "UPDATE signing_keys SET sealed = sealed || 'x'";
    place.database().execute(damage, []).expect("there is a key");
    assert_eq!(list(true).code, Some(1), "not all can be sealed anew");
    let mend = "UPDATE signing_keys SET sealed = substr(sealed, 1, length(sealed) - 1)";
    place.database().execute(mend, []).expect("there is a key");

    refused(&list(false), "master_secret_file");
    assert_eq!(list(true).code, Some(0));
    assert_eq!(list(false).code, Some(0));
}

#[test]
fn a_lost_master_secret_is_not_replaced() {
    let place = Place::new();
    place.json(&["user", "create", "--username", "alice"]);
    std::fs::remove_file(place.data_dir().join("master-secret")).expect("it is there");
    refused(&start(&place, ""), "master_secret_file");
    assert!(!place.data_dir().join("master-secret").exists());
}

#[test]
fn d12_a_newer_schema_is_refused_and_left_as_it_is() {
    let place = Place::new();
    place.json(&["user", "create", "--username", "alice"]);
    let newer = "INSERT INTO migrations (version, name, state) VALUES (999, '999_new.sql', 'done')";
    place.database().execute(newer, []).expect("inserted");
    let before = std::fs::read(place.data_dir().join("countersign.db")).expect("it is there");
    for arguments in [&["serve"][..], &["user", "list"], &["migrate"], &["migrate", "--check"]] {
        let ran = place.run(arguments, "");
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("newer") && ran.stderr.contains("999_new.sql"), "{ran:?}");
    }
    let after = std::fs::read(place.data_dir().join("countersign.db")).expect("it is there");
    assert!(before == after, "the file was changed");
}

#[test]
fn what_is_in_effect_is_shown_without_secrets_and_is_a_configuration_itself() {
    let place = Place::new().set("COUNTERSIGN_TOKENS__ACCESS_TTL", "5m");
    let file = place.folder.path().join("countersign.toml");
    let secret = "wq7-Vd2Jm_5tXh9Lr0Kc8Zb3Ny6Ps1Gf4Ea-Uo";
    let text = format!(
        "[database]\nurl = \"postgres://a:tigerpass@host/db\"\n\
         [[dialects]]\nname = \"auth-token\"\nsecret = \"{secret}\""
    );
    std::fs::write(&file, text).expect("written");
    let check = |json: &[&str]| {
        let arguments = [&["config", "check", "--config", "countersign.toml"][..], json].concat();
        let ran = place.run(&arguments, "");
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(!format!("{ran:?}").contains("tigerpass"), "{ran:?}");
        assert!(!format!("{ran:?}").contains(secret), "{ran:?}");
        ran.stdout
    };
    assert!(check(&["--json"]).contains("\"access_ttl\": \"5m\""));
    let shown = check(&[]);
    assert!(shown.contains("tokens.access_ttl = \"5m\""), "{shown}");
    assert!(shown.contains("[[dialects]]\n"), "{shown}");
    assert!(!place.data_dir().exists(), "checking makes nothing");
}

#[test]
fn the_configuration_that_is_shown_is_one() {
    let place = Place::new();
    let shown = place.run(&["config", "check"], "").stdout;
    std::fs::write(place.folder.path().join("shown.toml"), &shown).expect("written");
    let again = place.run(&["config", "check", "--config", "shown.toml"], "");
    assert_eq!((again.code, again.stdout), (Some(0), shown));
}

#[test]
fn what_the_operator_should_change_is_told_by_commands_too() {
    let place = Place::new();
    let ran = place.run(&["user", "list"], "");
    let told = "countersign: warning: limits.enabled: ";
    assert!(ran.stderr.starts_with(told), "{ran:?}");
}

#[tokio::test]
async fn words_that_people_know_the_service_by_are_no_passwords() {
    let place = Place::new()
        .set("COUNTERSIGN_PUBLIC_URL", "https://login.acmecorp.example")
        .set("COUNTERSIGN_PASSWORDS__CONTEXT_WORDS", "Blue Widget, initech");
    let server = place.serve().await;
    for password in ["Acmecorp2026!", "login.acmecorp.example", "blue widget-1", "Initech99!"] {
        let body = serde_json::json!({ "username": "alice", "password": password });
        let (status, answer) = server.post("/v1/register", body).await;
        assert_eq!((status, &answer["reason"]), (400, &"service_name".into()), "{answer}");
    }
    let place = Place::new().set("COUNTERSIGN_PASSWORDS__CONTEXT_WORDS", "ab");
    let ran = place.run(&["config", "check"], "");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("passwords.context_words"), "{ran:?}");
}
