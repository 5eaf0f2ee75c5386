//! What logs, the database and the audit file hold: no password and no token.

use crate::program::{PASSWORD, Place, until};

const WRONG: &str = "a pass phrase that is not theirs";

#[tokio::test]
async fn a_hang_up_opens_the_audit_file_anew() {
    let place = Place::new();
    let server = place.serve().await;
    server.register("alice").await;
    let [file, rotated] = ["audit.jsonl", "audit.jsonl.1"].map(|name| place.data_dir().join(name));
    let holds = |path: &std::path::Path, what: &str| {
        std::fs::read_to_string(path).is_ok_and(|text| text.contains(what))
    };
    until(async || holds(&file, "user_created").then_some(())).await;
    std::fs::rename(&file, &rotated).expect("it is there");
    server.signal(rustix::process::Signal::HUP);
    until(async || file.exists().then_some(())).await;
    let session = server.log_in("alice").await;
    server.log_out(&session).await;
    until(async || holds(&file, "logout").then_some(())).await;
    assert!(!holds(&rotated, "logout"));
}

#[tokio::test]
async fn no_log_file_or_row_holds_a_password_or_a_token() {
    let place = Place::new().set("COUNTERSIGN_LOG", "trace");
    let server = place.serve().await;
    let session = server.register("alice").await;
    assert_eq!(server.log_in_answer("alice", WRONG).await.0, 401);
    let refreshed = server.refresh(&session).await;
    server.me(&refreshed).await;
    let verified = place.run(&["token", "verify"], &refreshed.access);
    let set = place.run(&["user", "password", "alice@example.org"], WRONG);
    assert_eq!((verified.code, set.code), (Some(0), Some(0)));
    server.refused(&refreshed).await;
    let (said, logged) = (server.stdout.clone(), server.stderr.clone());
    until(async || logged.get().contains("/v1/me").then_some(())).await;
    server.terminate();
    assert_eq!(server.end().await, Some(0));

    let mut texts = vec![said.get(), logged.get(), verified.stderr, set.stderr, set.stdout];
    for file in ["audit.jsonl", "countersign.db"] {
        let bytes = std::fs::read(place.data_dir().join(file)).expect("it is there");
        texts.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    let tokens = [&session.access, &session.refresh, &refreshed.access, &refreshed.refresh];
    for secret in tokens.into_iter().map(String::as_str).chain([PASSWORD, WRONG]) {
        for text in &texts {
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret}");
        }
    }
}
