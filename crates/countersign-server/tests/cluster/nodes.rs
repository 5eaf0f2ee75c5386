//! Three processes on one database.

use std::time::Duration;

use countersign_server::db::Kind;
use futures::future::join_all;
use reqwest::Client;

use crate::balancer::{Addresses, Balancer};
use crate::client::plain_http;
use crate::database::TestDatabase;
use crate::program::{Api, Place, Server};

pub(crate) const MASTER_SECRET: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";

/// Three nodes with a balancer before them. They end with this value.
pub(crate) struct Cluster {
    pub(crate) place: Place,
    pub(crate) nodes: Vec<Server>,
    /// The API by way of the balancer: each request is another node's.
    pub(crate) api: Api,
    addresses: Addresses,
    _balancer: Balancer,
}

impl Cluster {
    /// On a database of its own; `None` where there is no server of the kind (it says so).
    pub(crate) async fn on(kind: Kind, redis: Option<&str>) -> Option<(Self, TestDatabase)> {
        let database = TestDatabase::on_database(kind).await?;
        Some((Self::on_url(&database.url, redis).await, database))
    }

    pub(crate) async fn on_url(url: &str, redis: Option<&str>) -> Self {
        let redis = redis.map(|redis| ("COUNTERSIGN_REDIS__URL", redis));
        Self::with(url, redis.as_slice()).await
    }

    /// On this database, with these variables too.
    pub(crate) async fn with(url: &str, settings: &[(&str, &str)]) -> Self {
        let place = Place::new()
            .set("COUNTERSIGN_DATABASE__URL", url)
            .set("COUNTERSIGN_MASTER_SECRET", MASTER_SECRET)
            .set("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1");
        let place = settings.iter().fold(place, |place, (name, value)| place.set(name, value));
        let nodes = join_all((0..3).map(|_| place.serve())).await;
        let addresses = Addresses::default();
        let balancer = Balancer::start(addresses.clone()).await;
        let client = impatient_client();
        let api = Api { address: balancer.address.clone(), client };
        let cluster = Self { place, nodes, api, addresses, _balancer: balancer };
        cluster.tell_the_balancer();
        cluster
    }

    /// Kills a node as `kill -9` does, and starts another in its place.
    pub(crate) async fn replace(&mut self, node: usize) {
        self.nodes.remove(node).kill();
        self.tell_the_balancer();
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.nodes.push(self.place.serve().await);
        self.tell_the_balancer();
    }

    /// Where each node is.
    pub(crate) fn addresses(&self) -> Addresses {
        self.addresses.clone()
    }

    fn tell_the_balancer(&self) {
        self.addresses.set(self.nodes.iter().map(|node| node.address.clone()).collect());
    }
}

/// A client that makes a connection for each request, and does not wait long for an answer.
pub(crate) fn impatient_client() -> Client {
    let builder = plain_http().pool_max_idle_per_host(0).timeout(Duration::from_secs(5));
    builder.build().expect("a client can be made")
}
