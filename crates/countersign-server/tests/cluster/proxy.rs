//! nginx before three nodes, as `deploy/nginx.conf` has it.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use countersign_server::db::Kind;
use futures::future::join_all;
use reqwest::Method;
use rustix::process::{Resource, getrlimit};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::database::TestDatabase;
use crate::free::free_address;
use crate::nginx::{self, NGINX};
use crate::nodes::{Cluster, impatient_client};
use crate::program::{Api, Place, until};

/// Ended when it is dropped.
struct Nginx {
    api: Api,
    process: Child,
    _folder: TempDir,
}

impl Nginx {
    /// `None` where there is no nginx (it says so).
    async fn before(cluster: &Cluster) -> Option<Self> {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/nginx.conf");
        let mut config = fs::read_to_string(file).expect("it is there");
        config = config.replace("/tmp/nginx.pid", "nginx.pid");
        for (number, node) in (1..).zip(&cluster.nodes) {
            config = config.replace(&format!("node{number}:8080"), &node.address);
        }
        Self::start(&config).await
    }

    /// With this configuration, which listens on port 8080; here on another.
    async fn start(config: &str) -> Option<Self> {
        if !nginx::is_installed() {
            return None;
        }
        let address = free_address().to_string();
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let config = config.replace("listen 8080", &format!("listen {address}"));
        fs::write(folder.path().join("nginx.conf"), config).expect("there is room for a file");
        // One process, which is the one that is ended.
        let process = Command::new(NGINX[0])
            .args(&NGINX[1..])
            .args(["-g", "daemon off; master_process off;"])
            .current_dir(folder.path())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let api = Api { address, client: impatient_client() };
        let nginx = Self { api, process, _folder: folder };
        until(async || nginx.api.request(reqwest::Method::GET, "/healthz").send().await.ok()).await;
        Some(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.process.kill().expect("it can be killed");
        self.process.wait().expect("it ends");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_nginx_notice_nothing_of_a_node_that_is_killed() {
    let Some((mut cluster, _database)) = Cluster::on(Kind::Postgres, None).await else { return };
    let Some(nginx) = Nginx::before(&cluster).await else { return };
    let api = &nginx.api;
    let (ended, alive) = (api.register("alice").await, api.register("bob").await);
    api.log_out(&ended).await;
    assert_eq!(api.refused(&ended).await, "logout");

    cluster.nodes.remove(1).kill();
    for _ in 0..30 {
        assert_eq!(api.me(&alive).await.0, 200);
    }
    for node in &cluster.nodes {
        assert_eq!(node.refused(&ended).await, "logout");
    }
    for _ in 0..6 {
        let session = api.log_in("bob").await;
        assert_eq!(api.me(&api.refresh(&session).await).await.0, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_passes_on_by_which_name_it_was_asked_and_what_pages_ask_before() {
    let settings = [
        ("COUNTERSIGN_CORS__ORIGINS", "https://app.example.org"),
        ("COUNTERSIGN_PUBLIC_URL", "https://auth.example.org"),
    ];
    let Some(database) = TestDatabase::on_database(Kind::Postgres).await else { return };
    let cluster = Cluster::with(&database.url, &settings).await;
    let Some(nginx) = Nginx::before(&cluster).await else { return };
    let ask = |method, path, host: &str| nginx.api.request(method, path).header("host", host);
    for (host, status) in [("auth.example.org", 401), ("localhost", 401), ("evil.example", 421)] {
        let answer = ask(Method::GET, "/v1/me", host).send().await.expect("it answers");
        assert_eq!(answer.status(), status, "{host}");
        // A header for TLS alone.
        assert!(!answer.headers().contains_key("strict-transport-security"));
    }
    let preflight = |path| {
        let asked = ask(Method::OPTIONS, path, "auth.example.org");
        let asked = asked.header("origin", "https://app.example.org");
        asked.header("access-control-request-method", "POST").send()
    };
    let login = preflight("/v1/login").await.expect("it answers");
    assert_eq!(login.status(), 200);
    assert_eq!(login.headers()["access-control-allow-origin"], "https://app.example.org");
    assert_eq!(preflight("/forward-auth").await.expect("it answers").status(), 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_says_who_the_client_is_and_not_the_client() {
    let Some((cluster, _database)) = Cluster::on(Kind::Postgres, None).await else { return };
    let Some(nginx) = Nginx::before(&cluster).await else { return };
    let session = nginx.api.register("alice").await;
    let request = nginx.api.request(reqwest::Method::POST, "/v1/logout");
    let request = request.bearer_auth(&session.access).header("x-forwarded-for", "192.0.2.7");
    assert_eq!(request.send().await.expect("it answers").status(), 204);
    let events = cluster.place.json(&["events", "--limit", "10"])["events"].clone();
    let addresses =
        events.as_array().expect("a list").iter().filter_map(|it| it["address"].as_str());
    let addresses: Vec<_> = addresses.collect();
    assert!(
        !addresses.is_empty() && addresses.iter().all(|it| *it == "127.0.0.1"),
        "{addresses:?}"
    );
}

/// nginx that opens a connection to the server for each request that is under way.
const UNBUFFERED: &str = "
    pid nginx.pid;
    events { worker_connections 8192; }
    http {
        access_log off;
        server {
            listen 8080 backlog=4096;
            location / {
                proxy_pass http://NODE;
                proxy_http_version 1.1;
                proxy_set_header Connection \"\";
                proxy_set_header Host $host;
                proxy_set_header X-Forwarded-For $remote_addr;
                proxy_request_buffering off;
                proxy_next_upstream off;
            }
        }
    }
";

/// Holds so many requests under way at a time, each of which ends with 400, and gives their statuses.
async fn hold_requests(address: &str, count: usize) -> Vec<String> {
    let request = "POST /v1/login HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
                Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{";
    let mut held = Vec::new();
    for number in 1..=count {
        // No more at once than wait to be accepted.
        if number % 100 == 0 {
            sleep(Duration::from_millis(50)).await;
        }
        let mut stream = TcpStream::connect(address).await.expect("nginx listens");
        stream.write_all(request.as_bytes()).await.expect("nginx reads");
        held.push(stream);
    }
    let finish = held.into_iter().map(async |mut stream| {
        // Where the server refused the connection, nginx may have closed this one.
        let _refused = stream.write_all(b"}").await;
        let mut answer = Vec::new();
        let _refused = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).chars().skip(9).take(3).collect()
    });
    let answers = tokio::time::timeout(Duration::from_mins(1), join_all(finish)).await;
    answers.expect("all are answered")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_may_have_all_connections_and_another_client_a_quarter() {
    let open_files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    // nginx has two descriptors for each.
    let count = usize::try_from(open_files / 3).unwrap_or(usize::MAX).min(2_000);
    for (name, value, is_limited) in [
        ("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1", false),
        ("COUNTERSIGN_PUBLIC_URL", "https://auth.example.org", false),
        ("COUNTERSIGN_PUBLIC_URL", "http://localhost:8080", true),
    ] {
        let max_connections = (count + count / 2).to_string();
        let place = Place::new().set("COUNTERSIGN_HTTP__MAX_CONNECTIONS", &max_connections);
        let place = place.set("COUNTERSIGN_LOG", "warn").set(name, value);
        let server = place.serve().await;
        let config = UNBUFFERED.replace("NODE", &server.address);
        let Some(nginx) = Nginx::start(&config).await else { return };
        let statuses = hold_requests(&nginx.api.address, count).await;
        let answered = statuses.iter().filter(|status| *status == "400").count();
        if is_limited {
            assert!(answered < count / 2, "{answered} of {count} with {name}={value}");
        } else {
            let other = statuses.iter().find(|status| *status != "400");
            assert_eq!(other, None, "with {name}={value}: {}", server.stderr.get());
        }
        let is_warned = server.stderr.get().contains("name it in trusted_proxies");
        assert_eq!(is_warned, name != "COUNTERSIGN_TRUSTED_PROXIES", "{name}={value}");
    }
}
