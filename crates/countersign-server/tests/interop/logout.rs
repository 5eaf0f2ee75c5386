//! One server and three applications that take its tokens: a logout is heard of by all of them.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::examples::{Example, Source};
use crate::free::free_address;
use crate::nginx;
use crate::packages::{PYTHON, can_fetch};
use crate::program::{Place, Server, binary};

const ROUNDS: usize = 20;
/// Nothing that happens at all takes so long.
const FOREVER: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn flask_nginx_and_whoever_follows_by_push_each_refuse_a_logged_out_token_and_no_other() {
    if !can_fetch(&PYTHON) || !nginx::is_installed() {
        return;
    }
    let (place, server) = server().await;
    let rights = ["--right", "introspect", "--right", "revocations"];
    let made = place.json(&[&["apikey", "create", "the applications"], &rights[..]].concat());
    let url = format!("http://{}", server.address);
    let api_key = made["key"].as_str().expect("a key").to_owned();
    let source = Source { issuer: url.clone(), url, api_key };
    let program = tokio::task::spawn_blocking(remote_program).await.expect("it can be built");
    let (flask, nginx, remote) = tokio::join!(
        Example::flask(&source),
        Example::nginx(&source),
        Example::remote(&source, &program)
    );
    let applications = [("Flask", &flask), ("nginx", &nginx), ("remote", &remote)];

    let stays = server.register("alice").await;
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let ends = server.log_in("alice").await;
        assert_eq!(ends.user_id, stays.user_id);
        for (name, application) in applications {
            assert_eq!(me(application, &ends.access).await, StatusCode::OK, "{name}, {round}");
        }
        server.log_out(&ends).await;
        let (by_flask, by_nginx, pushed) = tokio::join!(
            me(&flask, &ends.access),
            me(&nginx, &ends.access),
            refused(&remote, &ends.access)
        );
        assert_eq!(by_flask, StatusCode::UNAUTHORIZED, "Flask asks, so it knows at once");
        assert_eq!(by_nginx, StatusCode::UNAUTHORIZED, "nginx asks, so it knows at once");
        times.push(pushed);
        for (name, application) in applications {
            let answer = me(application, &stays.access).await;
            assert_eq!(answer, StatusCode::OK, "{name}: the other session goes on");
            assert_eq!(me(application, &ends.access).await, StatusCode::UNAUTHORIZED, "{name}");
        }
    }
    times.sort();
    let (median, worst) = (times[ROUNDS / 2], times[ROUNDS - 1]);
    println!("refused by push after the logout was answered: median {median:?}, worst {worst:?}");
    // A machine with much to do may stand still once, but not in every other round.
    assert!(median < SECOND, "{times:?}");
}

/// The real server, which calls itself what it is reached by.
async fn server() -> (Place, Server) {
    let address = free_address().to_string();
    let place = Place::new().set("COUNTERSIGN_PUBLIC_URL", &format!("http://{address}"));
    let mut command = place.command(binary());
    command.arg("--data-dir").arg(place.data_dir()).args(["serve", "--listen", &address]);
    let server = Server::start(command).await;
    (place, server)
}

/// The library's example `remote`, as cargo makes it: whoever runs one test alone has not built it.
fn remote_program() -> PathBuf {
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    build.args(["build", "--workspace", "--locked", "--example", "remote"]);
    let output = build.arg("--message-format=json").output().expect("cargo starts");
    assert!(output.status.success(), "{}", output.stderr.escape_ascii());
    let output = String::from_utf8(output.stdout).expect("cargo writes text");
    let artifacts = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut remote = artifacts.filter(|artifact| artifact["target"]["name"] == "remote");
    let executable = remote.find_map(|artifact| artifact["executable"].as_str().map(PathBuf::from));
    executable.expect("cargo says where the program is")
}

async fn me(application: &Example, token: &str) -> StatusCode {
    let answer = application.get("/me", Some(token)).await.expect("it answers");
    StatusCode::from_u16(answer.0).expect("a status")
}

/// Waits until the token is refused, and gives how long that took.
async fn refused(application: &Example, token: &str) -> Duration {
    let began = Instant::now();
    let waiting = async {
        while me(application, token).await == StatusCode::OK {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(FOREVER, waiting).await.expect("the logout is heard of");
    began.elapsed()
}
