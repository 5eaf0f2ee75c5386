//! A connection to one server, or to a cluster.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, RedisError, Value, cmd};
use tokio::time::timeout;

use super::{NoHelp, PATIENCE};
use crate::config::RedisServers;

/// How long a connection may take, the greeting included.
pub(super) const CONNECTING: Duration = Duration::from_secs(2);

/// Carries many questions at once. Clones are the same connection.
#[derive(Clone)]
pub(super) enum Link {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    /// Connects, and makes sure that it answers.
    pub(super) async fn connect(servers: &RedisServers) -> Result<Self, NoHelp> {
        let connecting = async {
            let mut link = Self::open(servers).await?;
            link.ask(&cmd("PING")).await?;
            Ok(link)
        };
        // On the heap: that of a cluster is large.
        timeout(CONNECTING, Box::pin(connecting)).await.unwrap_or(Err(NoHelp::TooLate))
    }

    async fn open(servers: &RedisServers) -> Result<Self, NoHelp> {
        let first = servers.nodes.first().ok_or(NoHelp::Away)?;
        if servers.cluster {
            let builder = ClusterClient::builder(servers.nodes.clone())
                .connection_timeout(CONNECTING)
                .response_timeout(PATIENCE)
                .tcp_settings(first.tcp_settings().clone());
            return Ok(Self::Cluster(builder.build()?.get_async_connection().await?));
        }
        // The time of each answer is bounded by who waits for it.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECTING))
            .set_response_timeout(None);
        let client = Client::open(first.clone())?;
        Ok(Self::One(client.get_multiplexed_async_connection_with_config(&config).await?))
    }

    pub(super) async fn ask(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        match self {
            Self::One(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }
}
