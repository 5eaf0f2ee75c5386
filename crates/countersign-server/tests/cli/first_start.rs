//! What the first start makes, and what it says.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::program::{PASSWORD, Place, binary, finish};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[tokio::test]
async fn the_first_start_makes_a_folder_and_files_for_their_owner_alone() {
    let place = Place::new();
    let server = place.serve().await;
    server.stdout.line("  the first admin: ").await;
    assert_eq!(mode(&place.data_dir()), 0o700);
    for entry in std::fs::read_dir(place.data_dir()).expect("a folder") {
        let path = entry.expect("an entry").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    for file in ["master-secret", "countersign.db", "audit.jsonl"] {
        assert!(place.data_dir().join(file).exists(), "{file}");
    }
}

#[tokio::test]
async fn the_command_for_the_first_admin_works_as_it_is_printed() {
    let place = Place::new();
    // A folder that a shell would not take for one word.
    let data_dir = place.folder.path().join("it's data");
    let mut start = place.command(binary());
    start.arg("--data-dir").arg(&data_dir).args(["serve", "--listen", "127.0.0.1:0"]);
    let server = crate::program::Server::start(start).await;
    let line = server.stdout.line("  the first admin: ").await;
    let mut shell = place.command("/bin/sh");
    shell.args(["-c", &line]);
    let ran = finish(shell, PASSWORD);
    assert_eq!(ran.code, Some(0), "{line}: {ran:?}");
    let (status, answer) = server
        .post(
            "/v1/login",
            serde_json::json!({ "identifier": "you@example.org", "password": PASSWORD }),
        )
        .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["user"]["roles"][0], "admin");
}

#[tokio::test]
async fn serve_is_what_is_done_without_a_command() {
    let place = Place::new();
    let mut start = place.command(binary());
    start.arg("--data-dir").arg(place.data_dir()).args(["--listen", "127.0.0.1:0"]);
    let server = crate::program::Server::start(start).await;
    server.log_in_answer("nobody", PASSWORD).await;
}

#[tokio::test]
async fn a_later_start_speaks_of_no_first_admin_and_makes_nothing() {
    let place = Place::new();
    place.json(&["user", "create", "--email", "you@example.org"]);
    let server = place.serve().await;
    server.terminate();
    let said = server.stdout.clone();
    assert_eq!(server.end().await, Some(0));
    assert!(!said.get().contains("first admin") && !said.get().contains("made"), "{}", said.get());
}
