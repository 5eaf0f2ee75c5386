//! Dialects as an operator switches them on, and what is told of them.

use serde_json::json;

use crate::program::{Place, Server, binary, finish};

const TIGER: &str = "tiger scott";

#[tokio::test]
async fn flags_switch_dialects_on_where_they_say() {
    let place = Place::new();
    let server = place.serve_with(&["--dialect", "auth-token=/old", "--dialect", "passport"]).await;
    let body = json!({ "email": "joe@x.org", "password": "123456" });
    let (status, registered) = server.post("/old/auth/register", body.clone()).await;
    assert_eq!((status, &registered["status"]), (201, &json!("success")), "{registered}");
    assert_eq!(server.post("/auth/login", body).await.0, 404);
    let body = json!({ "mobile": "13812345678", "password": "123456" });
    let (status, registered) = server.post("/passport/register", body).await;
    assert_eq!((status, &registered["code"]), (200, &json!(200)), "{registered}");
}

#[tokio::test]
async fn secrets_that_can_be_guessed_are_warned_of_at_start_by_name_and_not_shown() {
    let place = Place::new();
    let text = format!(
        "[[dialects]]\nname = \"auth-token\"\nsecret = \"{TIGER}\"\nallow_weak_secret = true\n\
         [[dialects]]\nname = \"passport\"\nlegacy_secret = \"jwt-key\"\n\
         legacy_tokens_until = \"2999-12-31\"\n"
    );
    std::fs::write(place.folder.path().join("countersign.toml"), text).expect("written");
    let mut command = place.command(binary());
    command.arg("--data-dir").arg(place.data_dir());
    command.args(["--config", "countersign.toml", "serve", "--listen", "127.0.0.1:0"]);
    let server = Server::start(command).await;
    server.terminate();
    let told = server.stderr.clone();
    assert_eq!(server.end().await, Some(0));
    let mut command = place.command(binary());
    command.arg("--data-dir").arg(place.data_dir());
    command.args(["--config", "countersign.toml", "user", "list"]);
    for text in [told.get(), finish(command, "").stderr] {
        for key in ["dialects.auth-token.allow_weak_secret", "dialects.passport.legacy_secret"] {
            assert!(text.contains(key), "{key}: {text}");
        }
        assert!(!text.contains(TIGER) && !text.contains("jwt-key"), "{text}");
    }
}

#[tokio::test]
async fn what_a_client_is_not_told_of_a_failure_is_in_the_log() {
    let place = Place::new();
    let server = place.serve_with(&["--dialect", "auth-token"]).await;
    let body = json!({ "email": "joe@x.org", "password": "123456" });
    assert_eq!(server.post("/auth/register", body.clone()).await.0, 201);
    let away = "ALTER TABLE passwords RENAME TO passwords_away";
    place.database().execute_batch(away).expect("the table is there");
    let (status, answer) = server.post("/auth/login", body).await;
    assert_eq!((status, answer), (500, json!({ "status": "fail", "message": "Try again" })));
    let logged = server.stderr.clone();
    let told = || {
        let text = logged.get();
        let line = text.lines().find(|line| line.contains("a request failed"));
        line.map(str::to_owned)
    };
    let line = crate::program::until(async || told()).await;
    assert!(line.contains("no such table"), "{line}");
}
