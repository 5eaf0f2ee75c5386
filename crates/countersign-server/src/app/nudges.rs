//! Nudges through Redis: who has written changes tells the others to look, and looks when told.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::App;
use crate::redis::Redis;

/// A node tells, and looks when told, at most this often.
const PAUSE: Duration = Duration::from_millis(20);

impl App {
    /// Tells and hears nudges, where Redis is configured. Runs until it is dropped.
    pub async fn exchange_nudges(&self) {
        if let Some(redis) = &self.redis {
            tokio::join!(self.nudge_others(redis), self.hear_nudges(redis));
        }
    }

    async fn nudge_others(&self, redis: &Redis) {
        loop {
            self.node.has_written().await;
            // Whoever misses it looks within the interval all the same.
            if let Err(error) = redis.nudge(self.node.id()).await {
                tracing::debug!(%error, "cannot nudge other nodes");
            }
            sleep(PAUSE).await;
        }
    }

    async fn hear_nudges(&self, redis: &Redis) {
        let news = Notify::new();
        let look = async {
            loop {
                news.notified().await;
                // What comes while this node looks makes it look once more.
                if let Err(error) = self.catch_up().await {
                    tracing::warn!(%error, "cannot read what other nodes changed");
                }
                sleep(PAUSE).await;
            }
        };
        tokio::join!(redis.listen(self.node.id(), &news), look);
    }
}
