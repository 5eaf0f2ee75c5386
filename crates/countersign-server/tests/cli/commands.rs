//! Each command, and what it does to a server that runs meanwhile.

use serde_json::Value;

use crate::program::{PASSWORD, Place, Ran, until};

const SHA256_OF_123456: &str = "8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92";

fn ids(list: &Value) -> Vec<String> {
    let list = list.as_array().expect("a list");
    list.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn the_id_of_a_key_may_begin_with_a_hyphen() {
    let ran = Place::new().run(&["key", "revoke", "-xH1Pqug1MlyKZDe"], "");
    assert_eq!(ran.code, Some(1), "understood, and there is none: {ran:?}");
}

#[test]
fn a_user_is_made_shown_and_listed_with_what_they_are_found_by() {
    let place = Place::new();
    let made = place.json(&[
        "user",
        "create",
        "--email",
        "Alice@example.org",
        "--username",
        "alice",
        "--phone",
        "+15550100123",
        "--name",
        "Alice",
        "--admin",
        "--role",
        "billing",
    ]);
    assert_eq!(made["roles"], serde_json::json!(["admin", "billing"]));
    assert_eq!(made["identifiers"].as_array().map(Vec::len), Some(3));
    for name in
        ["alice@EXAMPLE.org", "alice", "+15550100123", "1", made["id"].as_str().expect("id")]
    {
        assert_eq!(place.json(&["user", "show", name]), made, "{name}");
    }
    let shown = place.run(&["user", "list"], "").stdout;
    for identifier in ["Alice@example.org", "alice,", "+15550100123"] {
        assert!(shown.contains(identifier), "{shown}");
    }
}

#[tokio::test]
async fn a_user_of_clients_that_hash_is_made_with_any_password_and_logs_in_elsewhere_too() {
    let place = Place::new();
    let create =
        ["user", "create", "--username", "admin@gmail.com", "--admin", "--client-sha256", "--json"];
    let made = place.run(&create, "123456\n").json();
    assert_eq!(made["identifiers"][0]["kind"], "email");
    assert_eq!(made["roles"], serde_json::json!(["admin"]));
    let stored = place.database().query_row("SELECT form, hash FROM passwords", (), |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    });
    let (form, hash) = stored.expect("there is one");
    assert_eq!(form, "client_sha256");
    assert!(hash.starts_with("$argon2id$"), "{hash}");

    let server = place.serve_with(&["--dialect", "code-envelope=/old"]).await;
    let body = serde_json::json!({ "username": "admin@gmail.com", "password": SHA256_OF_123456 });
    let (status, login) = server.post("/old/login", body).await;
    assert_eq!((status, &login["code"], &login["userid"]), (200, &200.into(), &1.into()));
    for (password, status) in [("123456", 200), ("1234567", 401), (SHA256_OF_123456, 401)] {
        let body = serde_json::json!({ "identifier": "admin@gmail.com", "password": password });
        assert_eq!(server.post("/v1/login", body).await.0, status, "{password}");
    }
    for refused in ["", "   "] {
        let create = ["user", "create", "--username", "bob", "--client-sha256"];
        assert_eq!(place.run(&create, &format!("{refused}\n")).code, Some(1), "{refused:?}");
    }
}

#[test]
fn users_are_listed_page_by_page() {
    let place = Place::new();
    for name in ["a", "b", "c"] {
        place.json(&["user", "create", "--username", &format!("user-{name}")]);
    }
    let all = ids(&place.json(&["user", "list"])["users"]);
    let first = ids(&place.json(&["user", "list", "--limit", "2"])["users"]);
    let rest = ids(&place.json(&["user", "list", "--after", &first[1]])["users"]);
    assert_eq!(all.len(), 3);
    assert_eq!([first, rest].concat(), all);
}

#[test]
fn users_are_found_by_the_beginning_of_an_identifier() {
    let place = Place::new();
    for name in ["alice", "alina", "bob"] {
        place.json(&["user", "create", "--username", name]);
    }
    let found = place.json(&["user", "list", "--query", "ALI"])["users"].clone();
    let found: Vec<_> = found.as_array().expect("a list").iter().collect();
    let values: Vec<_> = found.iter().map(|user| &user["identifiers"][0]["value"]).collect();
    assert_eq!(values, ["alice", "alina"]);
    assert_eq!(place.run(&["user", "list", "--query", "a", "--after", "x"], "").code, Some(2));
}

#[tokio::test]
async fn a_users_sessions_are_ended_and_their_password_is_demanded_anew() {
    let place = Place::new();
    let server = place.serve().await;
    let session = server.register("alice").await;
    assert_eq!(place.json(&["user", "logout", "alice@example.org"])["changed"], true);
    assert_eq!(server.refused(&session).await, "admin");
    let session = server.log_in("alice").await;
    for changed in [true, false] {
        let done = place.json(&["user", "expire-password", "alice@example.org"]);
        assert_eq!(done["changed"], changed);
    }
    assert_eq!(server.refused(&session).await, "admin");
    let (status, refused) = server.log_in_answer("alice", PASSWORD).await;
    assert_eq!((status, &refused["code"]), (403, &"password_change_required".into()));
    place.run(&["user", "password", "alice@example.org"], "another long pass phrase\n");
    assert_eq!(server.log_in_answer("alice", "another long pass phrase").await.0, 200);
}

#[tokio::test]
async fn whoever_is_invited_registers_once_with_the_token_that_was_shown() {
    let place = Place::new().set("COUNTERSIGN_REGISTRATION__MODE", "invite");
    let server = place.serve().await;
    let create = ["invitation", "create", "--email", "alice@example.org", "--role", "editor"];
    let made = place.json(&create);
    let register = async |invitation: &Value| {
        let body = serde_json::json!({
            "email": "alice@example.org", "password": PASSWORD, "invitation": invitation
        });
        server.post("/v1/register", body).await
    };
    let revoked = place.json(&["invitation", "create", "--expires-in", "12h"]);
    let id = revoked["invitation"]["id"].as_str().expect("an id");
    assert_eq!(place.json(&["invitation", "revoke", id])["changed"], true);
    assert_eq!(place.json(&["invitation", "revoke", id])["changed"], false);
    assert_eq!(register(&revoked["token"]).await.0, 403);
    let (status, registered) = register(&made["token"]).await;
    assert_eq!((status, &registered["user"]["roles"]), (201, &serde_json::json!(["editor"])));
    assert_eq!(register(&made["token"]).await.0, 403);

    let listed = place.run(&["invitation", "list"], "").stdout;
    assert!(!listed.contains(made["token"].as_str().expect("a token")), "{listed}");
    for shown in ["alice@example.org", "used", "revoked", "command"] {
        assert!(listed.contains(shown), "{listed}");
    }
    let both = ["invitation", "create", "--email", "a@b.c", "--username", "a"];
    assert_eq!(place.run(&both, "").code, Some(2));
    assert_eq!(place.run(&["invitation", "create", "--expires-in", "1s"], "").code, Some(1));
    assert_eq!(place.run(&["invitation", "revoke", "x"], "").code, Some(1));
}

#[tokio::test]
async fn disabling_a_user_ends_their_sessions_on_a_running_server_and_enabling_lets_them_in() {
    let place = Place::new();
    let server = place.serve().await;
    let session = server.register("alice").await;
    let done = place.json(&["user", "disable", "alice@example.org"]);
    assert_eq!((&done["id"], &done["changed"]), (&session.user_id.clone().into(), &true.into()));
    assert_eq!(server.refused(&session).await, "disabled");
    assert_eq!(server.log_in_answer("alice", PASSWORD).await.0, 401);
    assert_eq!(place.json(&["user", "disable", "alice@example.org"])["changed"], false);
    assert_eq!(place.json(&["user", "enable", "alice@example.org"])["changed"], true);
    assert_eq!(place.json(&["user", "enable", "alice@example.org"])["changed"], false);
    assert_eq!(server.log_in_answer("alice", PASSWORD).await.0, 200);
    assert_eq!(server.me(&session).await.0, 401, "what was ended stays so");
}

#[tokio::test]
async fn what_a_user_is_found_by_is_changed_and_sessions_go_on() {
    let place = Place::new();
    let server = place.serve().await;
    let session = server.register("alice").await;
    let change = |arguments: &[&str]| {
        place.run(&[&["user", "identifiers", &*session.user_id, "--json"], arguments].concat(), "")
    };
    let found_by = |user: &Value| -> Vec<String> {
        let found = user["identifiers"].as_array().expect("a list").iter();
        found.map(|it| it["value"].as_str().expect("a text").to_owned()).collect()
    };
    let both = change(&["--email", "alicia@example.org", "--phone", "+15550100123"]).json();
    assert_eq!(found_by(&both), ["alicia@example.org", "+15550100123"]);
    let one = change(&["--username", "alice", "--without", "phone", "--without", "email"]).json();
    assert_eq!(found_by(&one), ["alice"]);
    let (status, me) = server.me(&session).await;
    assert_eq!((status, found_by(&me)), (200, vec!["alice".to_owned()]));
    for (arguments, code, why) in [
        (&["--without", "username"][..], 1, "username"),
        (&["--email", "a@b.org", "--without", "email"], 1, "at once"),
        (&["--without", "address"], 2, "the kinds of identifier are"),
        (&[], 2, "required"),
    ] {
        let refused = change(arguments);
        assert_eq!(refused.code, Some(code), "{refused:?}");
        assert!(refused.stderr.contains(why), "{refused:?}");
    }
    assert_eq!(place.json(&["user", "show", "alice"]), one);
}

#[tokio::test]
async fn new_roles_make_access_tokens_stale_and_a_refresh_brings_them() {
    let place = Place::new();
    let server = place.serve().await;
    let session = server.register("alice").await;
    let user = place.json(&["user", "roles", "alice@example.org", "editor", "admin"]);
    assert_eq!(user["roles"], serde_json::json!(["editor", "admin"]));
    assert_eq!(server.refused(&session).await, "claims_changed");
    let refreshed = server.refresh(&session).await;
    let (status, me) = server.me(&refreshed).await;
    assert_eq!((status, &me["roles"]), (200, &user["roles"]));
    let none = place.json(&["user", "roles", "alice@example.org", "--none"]);
    assert_eq!(none["roles"], serde_json::json!([]));
    assert_eq!(server.refused(&refreshed).await, "claims_changed");
}

#[tokio::test]
async fn a_session_is_listed_and_ended_and_the_others_go_on() {
    let place = Place::new();
    let server = place.serve().await;
    let (first, second) = (server.register("alice").await, server.log_in("alice").await);
    let sessions = place.json(&["session", "list", "alice@example.org"]);
    assert_eq!(ids(&sessions["sessions"]), [first.id.clone(), second.id.clone()]);
    assert_eq!(place.json(&["session", "end", &first.id])["changed"], true);
    assert_eq!(server.refused(&first).await, "admin");
    assert_eq!(server.me(&second).await.0, 200);
    assert_eq!(place.json(&["session", "end", &first.id])["changed"], false);
    assert_eq!(ids(&place.json(&["session", "list", "1"])["sessions"]), [second.id]);
}

#[tokio::test]
async fn a_password_that_the_operator_sets_ends_every_session() {
    let place = Place::new();
    let server = place.serve().await;
    let session = server.register("alice").await;
    let new = "entirely another pass phrase";
    let ran =
        place.run(&["user", "password", "alice@example.org", "--json"], &format!("{new}\r\n"));
    assert_eq!(ran.json()["changed"], true);
    assert_eq!(server.refused(&session).await, "password_changed");
    assert_eq!(server.log_in_answer("alice", PASSWORD).await.0, 401);
    assert_eq!(server.log_in_answer("alice", new).await.0, 200);
}

#[tokio::test]
async fn a_deleted_user_is_gone_and_their_events_stay() {
    let place = Place::new();
    let server = place.serve().await;
    let session = server.register("alice").await;
    place.json(&["user", "delete", "alice@example.org"]);
    assert_eq!(server.refused(&session).await, "deleted");
    assert_eq!(place.run(&["user", "show", "alice@example.org"], "").code, Some(1));
    let events = place.json(&["events", "--user", &session.user_id, "--limit", "1"]);
    assert_eq!(events["events"][0]["kind"], "user_deleted");
    assert_eq!(events["events"][0]["actor"], "command");
    server.register("alice").await;
}

#[tokio::test]
async fn unlocking_lets_a_user_in_at_once_who_failed_too_often() {
    let place = Place::new().set("COUNTERSIGN_LIMITS__ENABLED", "true");
    let server = place.serve().await;
    server.register("alice").await;
    // One more for the address, which must not be what is waited for.
    for name in ["nobody", "alice", "alice", "alice"] {
        assert_eq!(server.log_in_answer(name, "not the pass phrase").await.0, 401);
    }
    // As many as are waited for the longest.
    let fail = "UPDATE failures SET failures = 15 WHERE failures = 3";
    assert_eq!(place.database().execute(fail, []), Ok(1));
    assert_eq!(server.log_in_answer("alice", PASSWORD).await.0, 429);
    assert_eq!(place.json(&["user", "unlock", "alice@example.org"])["changed"], true);
    assert_eq!(server.log_in_answer("alice", PASSWORD).await.0, 200);
    assert_eq!(place.json(&["user", "unlock", "alice@example.org"])["changed"], false);
}

#[tokio::test]
async fn a_revoked_key_takes_its_tokens_with_it_and_another_signs() {
    let place = Place::new();
    let server = place.serve().await;
    let session = server.register("alice").await;
    let keys = place.json(&["key", "list"]);
    let kid = keys["keys"][0]["kid"].as_str().expect("a key").to_owned();
    assert_eq!(keys["keys"][0]["state"], "active");
    assert_eq!(place.json(&["key", "revoke", &kid])["changed"], true);
    assert_eq!(server.refused(&session).await, "key_retired");
    let refreshed = server.refresh(&session).await;
    assert_eq!(server.me(&refreshed).await.0, 200);
    assert_eq!(place.run(&["key", "revoke", &kid], "").code, Some(1), "it is revoked already");
}

#[tokio::test]
async fn a_rotated_key_is_published_and_signs_later_or_at_once() {
    let place = Place::new();
    let server = place.serve().await;
    let session = server.register("alice").await;
    let next = place.json(&["key", "rotate"])["kid"].clone();
    let published = async || {
        let (_, set) = jwks(&server).await;
        let keys = set["keys"].as_array().cloned().unwrap_or_default();
        keys.iter().any(|key| key["kid"] == next).then_some(())
    };
    until(published).await;
    place.json(&["key", "rotate", "--now"]);
    let keys = place.json(&["key", "list"])["keys"].as_array().expect("a list").clone();
    let states: Vec<_> = keys.iter().map(|key| key["state"].as_str().expect("a state")).collect();
    assert_eq!(states.len(), 3);
    assert!(states.contains(&"active") && states.contains(&"retiring"), "{states:?}");
    assert_eq!(server.me(&session).await.0, 200, "what the old key signed is still good");
}

async fn jwks(server: &crate::program::Server) -> (u16, Value) {
    let request = server.request(reqwest::Method::GET, "/.well-known/jwks.json");
    let response = request.send().await.expect("the server answers");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

#[tokio::test]
async fn a_token_is_shown_unverified_and_verified_as_the_server_would() {
    let place = Place::new();
    let server = place.serve().await;
    let session = server.register("alice").await;
    let token = |what: &str, token: &str| place.run(&["token", what, "--json"], token);
    let inspected = token("inspect", &session.access).json();
    assert_eq!(
        (&inspected["verified"], &inspected["header"]["typ"]),
        (&false.into(), &"at+jwt".into())
    );
    let verified = token("verify", &session.access).json();
    assert_eq!((&verified["verified"], &verified["claims"]), (&true.into(), &inspected["claims"]));
    assert!(place.run(&["token", "inspect"], &session.access).stdout.starts_with("NOT VERIFIED"));

    server.log_out(&session).await;
    let Ran { code, stdout, .. } = token("verify", &session.access);
    let answer: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(
        (code, &answer["verified"], &answer["reason"]),
        (Some(1), &false.into(), &"logout".into())
    );
    for bad in ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(token("verify", bad).code, Some(1), "{bad}");
    }
}

#[tokio::test]
async fn looking_at_a_token_does_not_count_as_its_use() {
    let place = Place::new();
    let server = place.serve().await;
    let session = server.register("alice").await;
    let refreshed = server.refresh(&session).await;
    place.run(&["token", "verify", "--json"], &refreshed.access).json();
    let used: i64 = place
        .database()
        .query_row("SELECT used FROM sessions", [], |row| row.get(0))
        .expect("the session");
    assert_eq!(used, 0);
}

#[test]
fn a_schema_is_checked_without_a_change_and_brought_up_to_date() {
    let place = Place::new();
    let pending = place.json(&["migrate", "--check"]);
    assert_eq!(pending["version"], 0);
    assert!(!place.data_dir().exists(), "checking makes nothing");
    let migrated = place.json(&["migrate"]);
    assert_eq!(migrated["applied"], pending["pending"]);
    assert_eq!(place.json(&["migrate"])["applied"], serde_json::json!([]));
    let check = place.json(&["migrate", "--check"]);
    assert_eq!(
        (&check["version"], &check["pending"]),
        (&migrated["version"], &serde_json::json!([]))
    );
}

#[test]
fn what_a_user_wrote_does_not_reach_the_terminal_as_a_command() {
    let place = Place::new();
    place.json(&["user", "create", "--username", "mallory"]);
    let hostile = "\u{1b}]0;title\u{7}\u{9b}2J\r\n\u{202e}end";
    place.database().execute("UPDATE users SET name = ?1", [hostile]).expect("updated");
    for arguments in [["user", "list"], ["user", "show"]] {
        let name = if arguments[1] == "show" { vec!["mallory"] } else { Vec::new() };
        for json in [Vec::new(), vec!["--json"]] {
            let ran = place.run(&[&arguments[..], &name, &json].concat(), "");
            let obeyed = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
            assert!(!ran.stdout.contains(obeyed) && ran.stdout.contains("title"), "{ran:?}");
        }
    }
}

#[test]
fn what_is_refused_exits_with_1_and_what_is_misused_with_2() {
    let place = Place::new();
    for (arguments, input) in [
        (&["user", "show", "nobody@example.org"][..], ""),
        (&["user", "create", "--username", "alice"], "short\n"),
        (&["user", "create", "--username", "alice"], ""),
        (&["user", "create", "--email", "no address"], PASSWORD),
        (&["user", "create", "--username", "alice", "--role", "two words"], PASSWORD),
        (&["user", "disable", "7"], ""),
        (&["session", "end", "no-session"], ""),
        (&["key", "revoke", "no-key"], ""),
        (&["apikey", "revoke", "no-key"], ""),
        (&["token", "inspect"], "not a token"),
    ] {
        let ran = place.run(arguments, input);
        assert_eq!(ran.code, Some(1), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.starts_with("countersign: ") && ran.stdout.is_empty(), "{ran:?}");
    }
    for arguments in [
        &["user"][..],
        &["user", "create"],
        &["user", "roles", "alice"],
        &["user", "password", "alice", "a-password"],
        &["user", "list", "--limit", "0"],
        &["apikey", "create", "without-a-right"],
        &["apikey", "create", "a", "--right", "everything"],
        &["apikey", "create", "a", "--right", "metrics", "--expires-in", "soon"],
        &["dance"],
        &["serve", "--listen", "nowhere"],
        &["--listen", "127.0.0.1:0", "user", "list"],
    ] {
        assert_eq!(place.run(arguments, "").code, Some(2), "{arguments:?}");
    }
    assert_eq!(place.registered(), Vec::<String>::new());
}

#[test]
fn help_tells_the_exit_codes_and_completions_are_written() {
    let place = Place::new();
    assert!(place.run(&["--help"], "").stdout.contains("Exit codes:"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(place.run(&["completions", shell], "").stdout.contains("countersign"), "{shell}");
    }
}

#[test]
fn a_user_is_not_given_two_identifiers_of_one_kind() {
    let place = Place::new();
    place.json(&["user", "create", "--username", "alice"]);
    let two = ["--email", "a@example.org", "--username", "b@example.org"];
    let refused = place.run(&[&["user", "identifiers", "alice"], &two[..]].concat(), "");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("two of one kind"), "{refused:?}");
}

#[test]
fn openapi_writes_what_a_server_of_this_configuration_serves() {
    let place = Place::new();
    let kept = include_str!("../../../../docs/openapi.json");
    let kept: Value = serde_json::from_str(kept).expect("docs/openapi.json is JSON");
    assert_eq!(place.json(&["openapi"]), kept);
    assert!(!place.data_dir().exists(), "nothing is made");
    let place = place.set("COUNTERSIGN_PUBLIC_URL", "https://id.example.org");
    let document = place.json(&["openapi"]);
    assert_eq!(document["servers"][0]["url"], "https://id.example.org");
}
