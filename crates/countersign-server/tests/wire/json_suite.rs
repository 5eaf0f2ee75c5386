//! B19: the files of `JSONTestSuite` through the extractor.

use std::fs;
use std::path::PathBuf;

use countersign_server::http::server::Limits;

use crate::client::{one, post_json};
use crate::server::Server;

const FOLDER: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors/json-test-suite/test_parsing");

/// The files whose names begin with `prefix`; none, with a word about it, where there is no suite.
fn files(prefix: &str) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(FOLDER) else {
        eprintln!("skipped: there is no JSONTestSuite at {FOLDER}");
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("a folder").path());
    let name = |path: &PathBuf| path.file_name().expect("a file").to_string_lossy().into_owned();
    paths
        .map(|path| (name(&path), path))
        .filter(|(name, _)| name.starts_with(prefix))
        .map(|(name, path)| (name, fs::read(path).expect("a file")))
        .collect()
}

/// Two of the files are larger than any body should be.
async fn server() -> Server {
    Server::with(Limits { max_body: 1024 * 1024, ..Limits::default() }).await
}

#[tokio::test]
async fn b19_every_malformed_text_is_refused() {
    let (server, files) = (server().await, files("n_"));
    for (name, text) in &files {
        let answer = one(server.address, &post_json("/object", text)).await;
        assert_eq!(answer.status, 400, "{name}: {answer:?}");
    }
    assert!([0, 188].contains(&files.len()), "{} files", files.len());
}

#[tokio::test]
async fn b19_every_object_is_taken_unless_it_has_a_member_twice() {
    let server = server().await;
    for (name, text) in files("y_") {
        let is_object = text.trim_ascii().starts_with(b"{");
        let is_taken = is_object && !name.starts_with("y_object_duplicated_key");
        let answer = one(server.address, &post_json("/object", &text)).await;
        assert_eq!(answer.status, if is_taken { 200 } else { 400 }, "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn b19_what_may_be_either_is_no_accident() {
    let server = server().await;
    for (name, text) in files("i_") {
        let answer = one(server.address, &post_json("/object", &text)).await;
        assert!([200, 400].contains(&answer.status), "{name}: {answer:?}");
    }
}
