//! nginx before three nodes, as `deploy/nginx.conf` has it.

use std::fs;
use std::process::{Child, Command, Stdio};

use countersign_server::db::Kind;
use tempfile::TempDir;

use crate::free::free_address;
use crate::nginx::{self, NGINX};
use crate::nodes::{Cluster, impatient_client};
use crate::program::{Api, until};

/// Ended when it is dropped.
struct Nginx {
    api: Api,
    process: Child,
    _folder: TempDir,
}

impl Nginx {
    /// `None` where there is no nginx (it says so).
    async fn before(cluster: &Cluster) -> Option<Self> {
        if !nginx::is_installed() {
            return None;
        }
        let address = free_address().to_string();
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/nginx.conf");
        let mut config = fs::read_to_string(file).expect("it is there");
        config = config.replace("listen 8080", &format!("listen {address}"));
        config = config.replace("/tmp/nginx.pid", "nginx.pid");
        for (number, node) in (1..).zip(&cluster.nodes) {
            config = config.replace(&format!("node{number}:8080"), &node.address);
        }
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
