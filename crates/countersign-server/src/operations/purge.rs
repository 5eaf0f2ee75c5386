//! What is over is removed, in slices, so that nobody waits long for a lock.
//!
//! One node at a time does it, by a lease. That only saves work: nothing breaks where several do.

use std::time::Duration;

use futures::FutureExt as _;

use super::throttle::LOCKED;
use crate::app::{App, ticks};
use crate::clock::Time;
use crate::db::Value;
use crate::error::{Error, Result};
use crate::params;
use crate::tables::lease::{self, HOUSEKEEPING, Wanted};
use crate::tables::purge::{self, Over};
use crate::tables::{event, revocation};

/// How often a node looks.
const INTERVAL: Duration = Duration::from_mins(10);
/// How long the others leave it to the one that did it last.
const LEASE: Duration = Duration::from_mins(15);
/// How long counts of failed attempts are kept.
const FAILURES: Duration = Duration::from_hours(24);
/// How long a process that nobody hears of is remembered.
const NODES: Duration = Duration::from_hours(24);
/// How long copies wait for Redis: no token of a dialect lives longer.
const COPIES: Duration = Duration::from_hours(24 * 30);
/// How long sessions are kept after they expired, for whoever asks why they were logged out.
const SESSIONS: Duration = Duration::from_hours(24 * 30);

impl App {
    /// Removes what is over again and again. Runs until it is dropped.
    pub(crate) async fn keep_house(&self) {
        let mut ticks = ticks(INTERVAL);
        loop {
            ticks.tick().await;
            if let Err(error) = self.clean(self.clock.now()).await {
                tracing::warn!(%error, "cannot remove what is over");
            }
        }
    }

    /// Removes what is over from memory, and from the database unless another node does; whether
    /// this one did.
    pub async fn clean(&self, now: Time) -> Result<bool> {
        self.purge_memory(now);
        let taken = self.write("housekeeping", now, |tx, app, now| {
            async move {
                let holder = app.node.id();
                let wanted = Wanted { name: HOUSEKEEPING, holder, now: *now, length: LEASE };
                Ok(lease::take(tx, wanted).await?)
            }
            .boxed()
        });
        match taken.await {
            Ok(true) => self.purge(now).await.map(|()| true),
            Ok(false) => Ok(false),
            // Another node was quicker.
            Err(Error::Db(error)) if error.is_unique() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn purge_memory(&self, now: Time) {
        self.node.revocations().purge(now.minus(revocation::KEPT).seconds());
    }

    /// Removes all that is over at `now`, in memory and in the database.
    pub async fn purge(&self, now: Time) -> Result<()> {
        self.purge_memory(now);
        let revoked = now.minus(revocation::KEPT);
        self.purge_rows(&purge::FAILURES, &params![LOCKED], now.minus(FAILURES)).await?;
        self.purge_rows(&purge::REVOCATIONS, &[], revoked).await?;
        self.purge_rows(&purge::CHANGES, &[], revoked).await?;
        self.purge_rows(&purge::OUTBOX, &[], now.minus(COPIES)).await?;
        self.purge_rows(&purge::NODES, &[], now.minus(NODES)).await?;
        self.purge_rows(&purge::SESSIONS, &[], now.minus(SESSIONS)).await?;
        self.write("close_events", now, |tx, _app, now| {
            async move { Ok(event::close_still(tx, *now).await?) }.boxed()
        })
        .await?;
        self.purge_events(now).await
    }

    /// Removes the rows that were over before `before`, one slice after another, each in a change
    /// of its own; `also` are the values of the table's own condition.
    async fn purge_rows(&self, over: &'static Over, also: &[Value], before: Time) -> Result<()> {
        while let Some(slice) = over.next(&self.db, also, before).await? {
            self.write(over.write, slice, |tx, _app, slice| {
                async move { Ok(slice.remove(tx).await?) }.boxed()
            })
            .await?;
        }
        Ok(())
    }
}
