//! Schemathesis, which makes requests from the API's document, good ones and bad ones, and holds the
//! answers against it.

use std::fs;
use std::process::Command;

use countersign_server::operations::Caller;
use countersign_server::tables::api_key::Right;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::packages::{PYTHON, can_fetch, install_python};
use crate::server::PASSWORD;

const FILES: [(&str, &str); 2] = [
    ("schemathesis.toml", include_str!("schemathesis/schemathesis.toml")),
    ("hooks.py", include_str!("schemathesis/hooks.py")),
];

/// The one whose checks were all kept; a later one may have more.
const PACKAGE: [&str; 1] = ["schemathesis==4.32.5"];

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_and_no_failure_of_the_server() {
    if !can_fetch(&PYTHON) {
        return;
    }
    let server = crate::server().await;
    let admin = server.register("root").await;
    let caller = Caller::command(server.app.clock.now());
    let roles = vec!["admin".to_owned()];
    server.app.set_roles(&caller, &admin.user_id, roles).await.expect("the user is there");
    let key = server.app.create_api_key(&caller, "Schemathesis", &Right::ALL, None).await;
    let (_, key) = key.expect("a key can be made");
    let document = server.get("/openapi.json", "").await.json();

    let folder = tempfile::tempdir().expect("there is room for a folder");
    let url = format!("http://{}", server.address);
    let run = tokio::task::spawn_blocking(move || {
        install_python(folder.path(), &PACKAGE);
        for (name, text) in FILES {
            fs::write(folder.path().join(name), text).expect("there is room for a file");
        }
        let mut command = Command::new("venv/bin/schemathesis");
        command.args(["run", &format!("{url}/openapi.json"), "--url", &url, "--no-color"]);
        command
            .current_dir(folder.path())
            .env("IDENTIFIER", "root@example.org")
            .env("PASSWORD", PASSWORD)
            .env("USER_ID", admin.user_id)
            .env("API_KEY", key.expose_secret())
            .env("NO_PROXY", "127.0.0.1")
            .env("no_proxy", "127.0.0.1");
        let output = command.output().expect("the program starts");
        (output.status, String::from_utf8_lossy(&output.stdout).into_owned())
    });
    let (status, told) = run.await.expect("it ends");
    assert!(status.success(), "{told}");
    let operations = operations(&document);
    assert!(told.contains(&format!("Tested: {operations}\n")), "of {operations}: {told}");
    eprintln!("{}", told.lines().filter(|line| line.contains("generated")).collect::<String>());
}

/// How many there are, but for the one by which Schemathesis has the document.
fn operations(document: &Value) -> usize {
    let paths = document["paths"].as_object().into_iter().flatten();
    let paths = paths.filter(|(path, _)| *path != "/openapi.json");
    paths.map(|(_, methods)| methods.as_object().map_or(0, serde_json::Map::len)).sum()
}
