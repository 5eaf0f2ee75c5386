//! Whether a user can log in while many networks flood the hash lane: `scripts/lane-flood`.
//!
//! Each attacking network is a /64 of a /48 of its own, told by `X-Forwarded-For` through a trusted
//! proxy. Its connections ask again as soon as they are answered, whatever `Retry-After` says: a third
//! registers accounts, a third tries passwords of invented names, and a third logs in to an account of
//! the network's own with the right password.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use countersign::Clock;
use http::{Request, header};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::connection::Connection;
use crate::program::{PASSWORD, Place, Server};

/// How many networks attack, one after the other.
const NETWORKS: [usize; 4] = [4, 16, 64, 1000];
/// How many connections each network has, unless together they would be more than a server takes.
const CONNECTIONS: usize = 70;
const ALL_CONNECTIONS: usize = 8_000;
/// The user tries so often, from an address of their own.
const PAUSE: Duration = Duration::from_millis(250);
const TRIES: usize = 20;
/// A login within this time is in time; one that takes longer than the other is not waited for.
const IN_TIME: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(10);

/// How long each flood lasts, if floods are to be measured.
pub(crate) fn seconds() -> Option<u64> {
    let seconds = std::env::var("COUNTERSIGN_FLOOD_SECONDS").ok()?;
    Some(seconds.parse().expect("a number of seconds"))
}

/// Measures all floods and prints a table.
pub(crate) async fn measure_all(span: Duration) {
    println!(
        "\n{span:?} each, {} cores",
        std::thread::available_parallelism().map_or(1, usize::from)
    );
    println!(
        "| networks | connections | logins | in 2 s | median | 95 % | longest | floods' answers a second |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for networks in NETWORKS {
        let each = CONNECTIONS.min(ALL_CONNECTIONS / networks);
        print(networks, each, &measure((networks, each), TRIES, span).await);
    }
}

/// What came of a flood.
pub(crate) struct Flood {
    /// How long each login took; `None` where it was refused, or not answered in time.
    logins: Vec<Option<Duration>>,
    /// What the flood was answered, by status.
    answers: BTreeMap<u16, u64>,
    /// How long it lasted.
    lasted: Duration,
}

/// Lets so many networks attack from so many connections each, and a user log in.
pub(crate) async fn measure(
    (networks, connections): (usize, usize),
    tries: usize,
    span: Duration,
) -> Flood {
    let place = Place::new()
        .set("COUNTERSIGN_LIMITS__ENABLED", "true")
        .set("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1")
        .set("COUNTERSIGN_LOG", "error");
    let server = place.serve().await;
    let address = server.address.clone();
    register(&address, "alice", "198.51.100.1").await;
    for network in 0..networks {
        register(&address, &format!("own-{network}"), &network_address(network)).await;
    }
    let answers = Arc::new(Mutex::new(BTreeMap::new()));
    let mut attackers = JoinSet::new();
    for network in 0..networks {
        for connection in 0..connections {
            attackers.spawn(attack(address.clone(), network, connection, answers.clone()));
        }
    }
    let clock = Clock::system();
    let began = clock.monotonic();
    let logins = log_in_again_and_again(&server, tries, span).await;
    let lasted = clock.monotonic().saturating_sub(began);
    attackers.shutdown().await;
    let answers = answers.lock().expect("nobody panics with it").clone();
    Flood { logins, answers, lasted }
}

async fn log_in_again_and_again(
    server: &Server,
    tries: usize,
    span: Duration,
) -> Vec<Option<Duration>> {
    let clock = Clock::system();
    let end = clock.monotonic() + span;
    let mut logins = Vec::new();
    while logins.len() < tries || clock.monotonic() < end {
        let began = clock.monotonic();
        let body = credentials("identifier", "alice", PASSWORD);
        let asked = async {
            let mut connection = Connection::to(&server.address).await;
            connection.ask(post(&server.address, "/v1/login", "198.51.100.1", &body)).await.0
        };
        let status = tokio::time::timeout(PATIENCE, asked).await;
        let took = clock.monotonic().saturating_sub(began);
        logins.push((status == Ok(200)).then_some(took));
        tokio::time::sleep(PAUSE.saturating_sub(took)).await;
    }
    logins
}

/// Asks again and again, and counts the answers.
async fn attack(
    address: String,
    network: usize,
    number: usize,
    answers: Arc<Mutex<BTreeMap<u16, u64>>>,
) {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let from = network_address(network);
    let mut connection = Connection::to(&address).await;
    loop {
        let name = format!("flood-{}", NAMES.fetch_add(1, Ordering::Relaxed));
        let (path, body) = match number % 3 {
            0 => ("/v1/register", credentials("email", &name, PASSWORD)),
            1 => ("/v1/login", credentials("identifier", &name, "a wrong pass phrase")),
            _ => ("/v1/login", credentials("identifier", &format!("own-{network}"), PASSWORD)),
        };
        let (status, _) = connection.ask(post(&address, path, &from, &body)).await;
        *answers.lock().expect("nobody panics with it").entry(status).or_default() += 1;
    }
}

/// An address in a /64 of a /48 of its own.
fn network_address(network: usize) -> String {
    format!("2001:db8:{network:x}:1::1")
}

fn credentials(member: &str, name: &str, password: &str) -> Value {
    json!({ member: format!("{name}@example.org"), "password": password })
}

fn post(address: &str, path: &str, from: &str, body: &Value) -> Request<Full<Bytes>> {
    Request::post(path)
        .header(header::HOST, address)
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-forwarded-for", from)
        .body(Full::new(body.to_string().into()))
        .expect("a request")
}

async fn register(address: &str, name: &str, from: &str) {
    let body = credentials("email", name, PASSWORD);
    let mut connection = Connection::to(address).await;
    let (status, answer) = connection.ask(post(address, "/v1/register", from, &body)).await;
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&answer));
}

fn print(networks: usize, connections: usize, flood: &Flood) {
    let mut took: Vec<Duration> =
        flood.logins.iter().map(|login| login.unwrap_or(PATIENCE)).collect();
    took.sort();
    let in_time = took.iter().filter(|took| **took <= IN_TIME).count();
    let seconds = |part: usize| took[(took.len() * part / 100).min(took.len() - 1)].as_secs_f64();
    let answers = flood.answers.iter();
    let answers: Vec<String> = answers
        .map(|(status, count)| format!("{status}: {}", count / flood.lasted.as_secs().max(1)))
        .collect();
    println!(
        "| {networks} | {connections} each | {} | {in_time} | {:.2} s | {:.2} s | {:.2} s | {} |",
        took.len(),
        seconds(50),
        seconds(95),
        seconds(100),
        answers.join(", "),
    );
}
