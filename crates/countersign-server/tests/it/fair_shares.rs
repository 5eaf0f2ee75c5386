//! Who gets a place in the queue for password hashes when there are too few. Time plays no part: one
//! thread works, and what is done before a login is counted in hashes.

use countersign_server::config::Config;
use countersign_server::db::Kind;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Answer, PASSWORD, TestApp};

const QUEUE: usize = 16;

/// One hash at a time that takes long, and room for few to wait.
struct Slow(TestApp);

impl Slow {
    async fn on_database(kind: Kind) -> Option<Self> {
        TestApp::with(kind, slow).await.map(Self)
    }
}

fn slow(config: &mut Config) {
    config.passwords.lanes = 1;
    config.passwords.queue = QUEUE;
    config.passwords.memory_kib = 32 * 1024;
    config.passwords.iterations = 4;
    config.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
}

async fn send(server: &TestApp, path: &str, from: &str, body: Value) -> Answer {
    let request = server.request(Method::POST, path).header("x-forwarded-for", from);
    Answer::of(request.json(&body)).await
}

async fn log_in(server: &TestApp, name: &str, from: &str) -> Answer {
    let identifier = format!("{name}@example.org");
    send(server, "/v1/login", from, json!({ "identifier": identifier, "password": PASSWORD })).await
}

/// Fills the queue from several networks, then logs in from another one; gives what the login was
/// answered, and how many hashes were computed meanwhile, its own included.
async fn log_in_beside(server: &TestApp, flood: Vec<(String, String, Value)>) -> (u16, u64) {
    let flood = flood.iter().map(|(path, from, body)| send(server, path, from, body.clone()));
    let honest = async {
        while server.app.lane.waiting() < QUEUE {
            tokio::task::yield_now().await;
        }
        let before = server.app.lane.hashes();
        let answer = log_in(server, "alice", "198.51.100.1").await;
        (answer.status.as_u16(), server.app.lane.hashes() - before)
    };
    let (answers, honest) = tokio::join!(join_all(flood), honest);
    assert!(answers.iter().any(|answer| answer.code() == (503, "overloaded".into())));
    honest
}

/// So many requests from each of these /64s, all of different /48s.
fn flood(
    networks: usize,
    each: usize,
    path: &str,
    body: impl Fn(usize) -> Value,
) -> Vec<(String, String, Value)> {
    let request = |number: usize| {
        let from = format!("2001:db8:{:x}::{number:x}", number % networks + 1);
        (path.to_owned(), from, body(number))
    };
    (0..networks * each).map(request).collect()
}

on_each_database! {
    async fn a_flood_of_registrations_does_not_keep_a_user_out(server: Slow) {
        let Slow(server) = server;
        server.register("alice").await;
        let flood = flood(5, 10, "/v1/register", |number| {
            json!({ "email": format!("flood-{number}@example.org"), "password": PASSWORD })
        });
        let (status, hashes) = log_in_beside(&server, flood).await;
        assert_eq!(status, 200);
        assert!(hashes <= 4, "{hashes} hashes came first");
    }

    async fn a_flood_of_logins_with_invented_names_does_not_keep_a_user_out(server: Slow) {
        let Slow(server) = server;
        server.register("alice").await;
        let flood = flood(5, 10, "/v1/login", |number| {
            json!({ "identifier": format!("nobody-{number}"), "password": PASSWORD })
        });
        let (status, hashes) = log_in_beside(&server, flood).await;
        assert_eq!(status, 200);
        assert!(hashes <= 4, "{hashes} hashes came first");
    }

    async fn a_flood_of_right_logins_does_not_keep_a_user_out(server: Slow) {
        let Slow(server) = server;
        server.register("alice").await;
        for network in 1..=5 {
            server.register(&format!("own-{network}")).await;
        }
        let flood = flood(5, 10, "/v1/login", |number| {
            let identifier = format!("own-{}@example.org", number % 5 + 1);
            json!({ "identifier": identifier, "password": PASSWORD })
        });
        let (status, hashes) = log_in_beside(&server, flood).await;
        assert_eq!(status, 200);
        // None of the five was served before: each has one turn as a newcomer and one of the others'.
        assert!(hashes <= 12, "{hashes} hashes came first");
    }
}
