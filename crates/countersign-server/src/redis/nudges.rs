//! Nudges: a node that has written changes tells the others to look now. A nudge that is lost
//! costs no more than the interval in which every node looks anyway.

use std::time::Duration;

use futures::StreamExt as _;
use redis::{Client, ConnectionInfo, RedisError, cmd};
use tokio::sync::Notify;
use tokio::time::{interval, sleep, timeout};

use super::link::CONNECTING;
use super::{LONGEST_PAUSE, NoHelp, PATIENCE, PAUSE, Redis};

/// How often a silent subscription is asked whether it lives.
const SILENCE: Duration = Duration::from_secs(10);

impl Redis {
    /// Tells the other nodes to look. `node` is who tells.
    pub async fn nudge(&self, node: &str) -> Result<(), NoHelp> {
        self.ask(cmd("PUBLISH").arg(self.channel()).arg(node)).await
    }

    /// Notes in `news` that another node than `node` has something to tell, or may have had while
    /// nobody listened. Runs until it is dropped.
    pub async fn listen(&self, node: &str, news: &Notify) {
        let mut pause = PAUSE;
        // Any server of a cluster hears what is published at any other.
        for server in self.0.servers.nodes.iter().cycle() {
            match self.listen_to(server, node, news).await {
                Ok(()) => pause = PAUSE,
                Err(error) => {
                    tracing::debug!(%error, "cannot hear nudges");
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
            sleep(pause).await;
        }
    }

    /// Listens as long as the subscription lives; `Err` where there is none.
    async fn listen_to(
        &self,
        server: &ConnectionInfo,
        node: &str,
        news: &Notify,
    ) -> Result<(), NoHelp> {
        let subscribing = async {
            let (mut sink, messages) =
                Client::open(server.clone())?.get_async_pubsub().await?.split();
            sink.subscribe(self.channel()).await?;
            Ok::<_, RedisError>((sink, messages))
        };
        let (mut sink, mut messages) =
            timeout(CONNECTING, subscribing).await.map_err(|_| NoHelp::TooLate)??;
        news.notify_one();
        let mut silence = interval(SILENCE);
        loop {
            tokio::select! {
                message = messages.next() => match message {
                    Some(message) if message.get_payload_bytes() == node.as_bytes() => {}
                    Some(_) => news.notify_one(),
                    None => return Ok(()),
                },
                _ = silence.tick() => {
                    if !matches!(timeout(PATIENCE, sink.ping::<()>()).await, Ok(Ok(()))) {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// What the nudges of this database are published on.
    pub fn channel(&self) -> String {
        self.name("changes")
    }
}
