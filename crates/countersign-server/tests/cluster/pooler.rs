//! PostgreSQL behind `PgBouncer`, as Debian has it: before 1.21, which knows no prepared statements.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use countersign_server::db::Kind;
use futures::future::join_all;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::database::TestDatabase;
use crate::free::free_address;
use crate::nodes::MASTER_SECRET;
use crate::program::{Place, binary, finish, until};

/// `nobody`: `PgBouncer` refuses to run as root.
const NOBODY: u32 = 65534;

/// `PgBouncer` before a database of its own; it ends with this value.
struct Pooler {
    url: String,
    process: Child,
    _folder: TempDir,
    _database: TestDatabase,
}

impl Pooler {
    /// `None` without a server or without `PgBouncer`; it says so.
    async fn start(mode: &str, connections: u16) -> Option<Self> {
        if !is_installed() {
            return None;
        }
        let database = TestDatabase::on_database(Kind::Postgres).await?;
        let behind = url::Url::parse(&database.url).expect("a URL");
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let address = free_address();
        let configuration = format!(
            "[databases]\n* = host={} port={} user={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n\
             default_pool_size = {connections}\nmax_client_conn = 1000\n",
            behind.host_str().expect("a host"),
            behind.port().expect("a port"),
            behind.username(),
            address.port(),
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, configuration).expect("there is room for a file");
        let mut command = Command::new("pgbouncer");
        command.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if rustix::process::geteuid().is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("root may");
            command.uid(NOBODY).gid(NOBODY);
        }
        let process = command.spawn().expect("the program is installed");
        until(async || TcpStream::connect(address).await.ok()).await;
        let mut url = behind;
        url.set_port(Some(address.port())).expect("a URL with a host");
        Some(Self { url: url.into(), process, _folder: folder, _database: database })
    }

    fn place(&self, prepared_statements: &str) -> Place {
        Place::new()
            .set("COUNTERSIGN_DATABASE__URL", &self.url)
            .set("COUNTERSIGN_DATABASE__PREPARED_STATEMENTS", prepared_statements)
            .set("COUNTERSIGN_MASTER_SECRET", MASTER_SECRET)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

fn is_installed() -> bool {
    let probed = Command::new("pgbouncer").arg("--version").stdout(Stdio::null()).status();
    let is_installed = probed.is_ok_and(|status| status.success());
    if !is_installed {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "pgbouncer is not installed");
        eprintln!("skipped: pgbouncer is not installed");
    }
    is_installed
}

/// Two nodes do what clients ask for, many at a time, and know what the other ended.
async fn two_nodes_work(place: &Place) {
    let nodes = [place.serve().await, place.serve().await];
    let live = async |number: usize| {
        let [one, other] = [&nodes[number % 2], &nodes[(number + 1) % 2]];
        let session = one.register(&format!("user{number}")).await;
        let session = other.refresh(&session).await;
        assert_eq!(one.me(&session).await.0, 200);
        other.log_out(&session).await;
        assert_eq!(one.refused(&session).await, "logout");
    };
    join_all((0..40).map(live)).await;
    let users = place.json(&["user", "list", "--limit", "100"]);
    assert_eq!(users["users"].as_array().map(Vec::len), Some(40));
    for node in &nodes {
        let log = node.stderr.get();
        assert!(!log.contains("pooler"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_work_behind_a_pooler_by_session() {
    let Some(pooler) = Pooler::start("session", 100).await else { return };
    two_nodes_work(&pooler.place("true")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_work_behind_a_pooler_by_transaction_without_prepared_statements() {
    let Some(pooler) = Pooler::start("transaction", 4).await else { return };
    let place = pooler.place("false");
    two_nodes_work(&place).await;
    let findings = place.json(&["doctor"]);
    let all = findings["findings"].as_array().expect("a list");
    let database = all.iter().filter(|finding| finding["check"] == "database");
    let is_warned =
        |finding: &&serde_json::Value| finding["message"].to_string().contains("pooler");
    assert_eq!(database.filter(is_warned).count(), 0, "{findings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_prepared_statements_a_pooler_by_transaction_is_refused_with_the_key_to_set() {
    let Some(pooler) = Pooler::start("transaction", 4).await else { return };
    let place = pooler.place("true");
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["doctor"]] {
        // A server that starts would run for ever.
        let mut command = place.command("timeout");
        command.arg("30").arg(binary()).arg("--data-dir").arg(place.data_dir()).args(arguments);
        let ran = finish(command, "");
        assert_ne!(ran.code, Some(0), "{ran:?}");
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(told.contains("database.prepared_statements = false"), "{ran:?}");
    }
}
