//! What is over is removed, in slices, so that nobody waits long for a lock.

use std::time::Duration;

use futures::FutureExt as _;

use super::throttle::LOCKED;
use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::tables::{change, ended_status, failure, node, outbox, revocation, session};

/// How long counts of failed attempts are kept.
const FAILURES: Duration = Duration::from_hours(24);
/// How long a process that nobody hears of is remembered.
const NODES: Duration = Duration::from_hours(24);
/// How long copies wait for Redis: no token of a dialect lives longer.
const COPIES: Duration = Duration::from_hours(24 * 30);
/// How long sessions are kept after they expired, for whoever asks why they were logged out.
const SESSIONS: Duration = Duration::from_hours(24 * 30);
/// The sessions that expired within so long go in one change.
const SLICE: Duration = Duration::from_hours(1);

impl App {
    /// Removes all that is over at `now`, in memory and in the database.
    pub async fn purge(&self, now: Time) -> Result<()> {
        self.node.revocations().purge(now.minus(revocation::KEPT).seconds());
        self.write("purge", now, |tx, _app, now| {
            async move {
                let now = *now;
                failure::purge(tx, now.minus(FAILURES), LOCKED).await?;
                revocation::purge(tx, now.minus(revocation::KEPT)).await?;
                ended_status::purge(tx, now.minus(revocation::KEPT)).await?;
                change::purge(tx, now.minus(revocation::KEPT)).await?;
                outbox::purge(tx, now.minus(COPIES)).await?;
                node::purge(tx, now.minus(NODES)).await?;
                Ok(())
            }
            .boxed()
        })
        .await?;
        self.purge_sessions(now.minus(SESSIONS)).await
    }

    async fn purge_sessions(&self, before: Time) -> Result<()> {
        while let Some(oldest) = session::oldest_expiry(&self.db).await? {
            if oldest >= before {
                break;
            }
            let until = oldest.plus(SLICE).min(before);
            self.write("purge_sessions", until, |tx, _app, until| {
                async move { Ok(session::purge(tx, *until).await?) }.boxed()
            })
            .await?;
        }
        Ok(())
    }
}
