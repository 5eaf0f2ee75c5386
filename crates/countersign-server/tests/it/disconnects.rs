//! Clients that go away in the middle, and a disk that is full: what was acknowledged is there,
//! and nothing is left behind.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use countersign_server::clock::Clock;
use countersign_server::db::{Kind, Sql, sql};
use countersign_server::entropy::Entropy;
use futures::StreamExt as _;
use futures::stream;
use secrecy::ExposeSecret as _;
use serde_json::json;
use sqlx::{Connection as _, Row as _};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::database::TestDatabase;
use crate::server::{PASSWORD, START, TestApp, test_config};

const REQUESTS: usize = 3_000;
const AT_ONCE: usize = 64;
/// Most clients wait at most so long; what they wait for takes about half of it.
const PATIENCE_MS: u64 = 400;
/// One in so many waits until it is answered, however slow the machine is.
const PATIENT: usize = 8;
const ANSWERED: Duration = Duration::from_mins(1);
/// Long enough for all that was begun to end, and too short for the database to end what hangs.
const SETTLED: Duration = Duration::from_secs(30);

/// A server whose database lets it have two connections.
struct TwoConnections(TestApp);

impl TwoConnections {
    async fn on_database(kind: Kind) -> Option<Self> {
        TestApp::with(kind, |config| config.database.max_connections = 2).await.map(Self)
    }
}

/// What became of a request whose client may have gone away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Gone,
    Status(u16),
}

fn email(number: usize) -> String {
    format!("user{number}@example.org")
}

/// Sends a registration, perhaps not all of it, and goes away at a random moment.
async fn register_and_go(server: &TestApp, number: usize) -> Seen {
    let body = json!({ "email": email(number), "password": PASSWORD }).to_string();
    let request = format!(
        "POST /v1/register HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let random = |bound: usize| Entropy::System.below(bound as u64);
    let patient = number.is_multiple_of(PATIENT);
    let cut = match random(10) {
        0 if !patient => usize::try_from(random(request.len())).expect("a length"),
        _ => request.len(),
    };
    let patience =
        if patient { ANSWERED } else { Duration::from_millis(Entropy::System.below(PATIENCE_MS)) };
    let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
    let answer = timeout(patience, async {
        stream.write_all(&request.as_bytes()[..cut]).await?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.map(|_| head)
    });
    let head = answer.await.map(|read| read.expect("the server does not go away first"));
    head.map_or(Seen::Gone, |head| {
        let status = std::str::from_utf8(&head[9..]).ok().and_then(|status| status.parse().ok());
        Seen::Status(status.expect("a status"))
    })
}

/// How many transactions are open in the server's own database.
async fn open_transactions(server: &TestApp) -> i64 {
    let url = server.app.config.database_url();
    let url = url.expose_secret();
    match server.app.db.kind() {
        Kind::Sqlite => 0,
        Kind::Postgres => {
            let statement = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = \
                             current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT \
                             NULL";
            let mut connection = sqlx::PgConnection::connect(url).await.expect("it answers");
            sqlx::query(statement).fetch_one(&mut connection).await.expect("a number").get(0)
        }
        Kind::MySql => {
            let statement = "SELECT COUNT(*) FROM information_schema.innodb_trx t JOIN \
                             information_schema.processlist p ON p.id = t.trx_mysql_thread_id \
                             WHERE p.db = DATABASE() AND p.id <> CONNECTION_ID()";
            let mut connection = sqlx::MySqlConnection::connect(url).await.expect("it answers");
            sqlx::query(statement).fetch_one(&mut connection).await.expect("a number").get(0)
        }
    }
}

/// What one registration leaves behind, and how many of each.
const LEFT_BEHIND: [(&str, Sql, i64); 5] = [
    ("users", sql!("SELECT COUNT(*) FROM users"), 1),
    ("identifiers", sql!("SELECT COUNT(*) FROM identifiers"), 1),
    ("passwords", sql!("SELECT COUNT(*) FROM passwords"), 1),
    ("sessions", sql!("SELECT COUNT(*) FROM sessions"), 1),
    ("events", sql!("SELECT COUNT(*) FROM events WHERE user_id IS NOT NULL"), 2),
];

/// How many registered; each of them wholly.
async fn registered(server: &TestApp) -> i64 {
    let mut registered = None;
    for (table, sql, each) in LEFT_BEHIND {
        let rows =
            server.app.db.find::<i64>(sql, &[]).await.expect("it answers").expect("a number");
        assert_eq!(rows, each * *registered.get_or_insert(rows), "{table}");
    }
    registered.expect("a table")
}

on_each_database! {
    async fn w19_clients_that_go_away_leave_no_transaction_and_lose_nothing(server: TwoConnections) {
        let TwoConnections(server) = server;
        let seen: Vec<(usize, Seen)> = stream::iter(0..REQUESTS)
            .map(async |number| (number, register_and_go(&server, number).await))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;

        let settled = timeout(SETTLED, async {
            while open_transactions(&server).await > 0 {
                // InnoDB shows what it showed before to whoever asks again within a tenth of a second.
                sleep(Duration::from_millis(200)).await;
            }
        });
        settled.await.expect("no transaction is left open");
        let all = registered(&server).await;
        for number in 0..20 {
            server.register(&format!("after{number}")).await;
        }

        let count = |wanted: Seen| seen.iter().filter(|(_, seen)| *seen == wanted).count();
        let (gone, acknowledged) = (count(Seen::Gone), count(Seen::Status(201)));
        assert!(gone > 100 && acknowledged > 100, "{gone} went away, {acknowledged} did not");
        assert!(all >= i64::try_from(acknowledged).expect("a number"), "{all} are there");
        for (number, seen) in seen {
            match seen {
                Seen::Gone | Seen::Status(503) => {}
                Seen::Status(201) => {
                    let user = server.app.find_user(&email(number)).await;
                    assert!(user.is_ok(), "{} was acknowledged: {user:?}", email(number));
                }
                Seen::Status(status) => panic!("{status}"),
            }
        }
    }
}

/// A file system of its own, gone when this is dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` where this may not be made.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=6m,mode=0700", "tmpfs"]).arg(folder.path());
        match mount.output() {
            Ok(output) if output.status.success() => Some(Self(folder)),
            Ok(output) => {
                eprintln!("skipped: mount: {}", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                eprintln!("skipped: mount: {error}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left, until the file is removed.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("ballast");
        let mut file = File::create(&path).expect("a file can be made");
        for size in [64 * 1024, 1024, 1] {
            let piece = vec![0; size];
            while file.write_all(&piece).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, since the server may still have its files open.
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} is left mounted", self.path().display());
        }
    }
}

async fn register(server: &TestApp, email: &str) -> u16 {
    let body = json!({ "email": email, "password": PASSWORD });
    server.post("/v1/register", body).await.status.as_u16()
}

/// Registers one after another until `enough` were refused, and gives what each was answered.
async fn register_until_full(server: &TestApp, by: usize, enough: usize) -> Vec<(String, u16)> {
    let mut answers: Vec<(String, u16)> = Vec::new();
    while answers.iter().filter(|(_, status)| *status != 201).count() < enough {
        let email = format!("user{by}-{}@example.org", answers.len());
        let status = register(server, &email).await;
        answers.push((email, status));
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_answered_503_and_nothing_acknowledged_is_lost() {
    let Some(disk) = SmallDisk::new() else { return };
    let data_dir = Arc::new(tempfile::tempdir_in(disk.path()).expect("there is room"));
    let mut database =
        TestDatabase::on_database(Kind::Sqlite).await.expect("SQLite is always here");
    database.url = format!("sqlite:{}", data_dir.path().join("countersign.db").display());
    let server = TestApp::start(database, data_dir, test_config(), Clock::manual(START)).await;
    let session = server.register("alice").await;

    let registering: Vec<_> = (0..8).map(|by| register_until_full(&server, by, 5)).collect();
    let filling = async {
        while server.app.find_user("user0-10@example.org").await.is_err() {
            sleep(Duration::from_millis(5)).await;
        }
        disk.fill()
    };
    let (answers, ballast) = tokio::join!(futures::future::join_all(registering), filling);
    let answers: Vec<(String, u16)> = answers.into_iter().flatten().collect();
    assert_eq!(server.check(&session.access).await, 200, "what needs no room still works");
    for (email, status) in &answers {
        assert!([201, 503].contains(status), "{email}: {status}");
        let there = server.app.find_user(email).await.is_ok();
        assert_eq!(there, *status == 201, "{email}: {status}");
    }

    fs::remove_file(ballast).expect("it is there");
    for (email, status) in &answers {
        let expected = if *status == 201 { 409 } else { 201 };
        assert_eq!(register(&server, email).await, expected, "{email} after {status}");
    }
    let server = server.restart().await;
    for (email, _) in &answers {
        assert!(server.app.find_user(email).await.is_ok(), "{email} after the restart");
    }
}
