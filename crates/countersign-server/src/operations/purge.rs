//! What is over is removed, in slices, so that nobody waits long for a lock.
//!
//! One node at a time does it, by a lease. That only saves work: nothing breaks where several do.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::FutureExt as _;

use super::Caller;
use super::record::Record;
use super::throttle;
use crate::app::{App, ticks};
use crate::clock::Time;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::node::NODES_KEPT;
use crate::tables::lease::{self, HOUSEKEEPING, Wanted};
use crate::tables::purge::{self, Over};
use crate::tables::session::{self, Session};
use crate::tables::{event, revocation, user};

/// How often a node looks.
const INTERVAL: Duration = Duration::from_mins(10);
/// How often a node looks whether the time of all nodes is known.
const UNKNOWN: Duration = Duration::from_secs(1);
/// How long the others leave it to the one that did it last.
const LEASE: Duration = Duration::from_mins(15);
/// How long copies wait for Redis: no token of a dialect lives longer.
const COPIES: Duration = Duration::from_hours(24 * 30);
/// How long invitations are kept after they would have expired.
const INVITATIONS: Duration = Duration::from_hours(24 * 30);
/// How long rows of limits by rate are kept once they allow everything again.
const RATE_LIMITS: Duration = Duration::from_hours(1);
/// How far back is looked for sessions that expired since the last purge.
const LATELY: Duration = Duration::from_hours(1);
/// So many of them are noted in one change.
const NOTED: i64 = 200;

impl App {
    /// Removes what is over again and again. Runs until it is dropped.
    pub(crate) async fn keep_house(&self) {
        let mut ticks = ticks(INTERVAL);
        loop {
            ticks.tick().await;
            let cleaned = match self.shared_time().await {
                Ok(now) => self.clean(now).await,
                Err(error) => Err(error),
            };
            if let Err(error) = cleaned {
                tracing::warn!(%error, "cannot remove what is over");
            }
        }
    }

    /// The time of all nodes, once it is known. By the clock of a single node, which may be wrong,
    /// rows would be deleted that still matter to the others.
    async fn shared_time(&self) -> Result<Time> {
        loop {
            if let Some(now) = self.shared_clock.earliest().await? {
                return Ok(now);
            }
            tokio::time::sleep(UNKNOWN).await;
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

    /// Lets another node go on at once when this process ends.
    pub(crate) async fn end_housekeeping(&self) -> Result<()> {
        if !lease::is_of(&self.db, HOUSEKEEPING, self.node.id()).await? {
            return Ok(());
        }
        self.write("housekeeping_end", (), |tx, app, _| {
            async move { Ok(lease::release(tx, HOUSEKEEPING, app.node.id()).await?) }.boxed()
        })
        .await
    }

    fn purge_memory(&self, now: Time) {
        self.node.revocations().purge(now.minus(revocation::KEPT).seconds());
    }

    /// Removes all that is over at `now`, in memory and in the database.
    pub async fn purge(&self, now: Time) -> Result<()> {
        self.purge_memory(now);
        let revoked = now.minus(revocation::KEPT);
        self.purge_rows(&purge::FAILURES, now.minus(throttle::KEPT)).await?;
        self.purge_rows(&purge::REVOCATIONS, revoked).await?;
        self.purge_rows(&purge::ENDED_STATUSES, revoked).await?;
        self.purge_rows(&purge::CHANGES, revoked).await?;
        self.purge_rows(&purge::OUTBOX, now.minus(COPIES)).await?;
        self.purge_rows(&purge::NODES, now.minus(NODES_KEPT)).await?;
        self.purge_rows(&purge::INVITATIONS, now.minus(INVITATIONS)).await?;
        self.purge_rows(&purge::RATE_LIMITS, now.minus(RATE_LIMITS)).await?;
        let (caller, forgotten) = (Caller::nobody(now), now.minus(session::KEPT));
        self.note_expired(&caller, (now.minus(LATELY), now)).await?;
        // Those whose end nobody noted while no server ran.
        self.note_expired(&caller, (Time::from_seconds(0), forgotten)).await?;
        self.purge_rows(&purge::SESSIONS, forgotten).await?;
        self.write("close_events", now, |tx, _app, now| {
            async move { Ok(event::close_still(tx, *now).await?) }.boxed()
        })
        .await?;
        self.purge_events(now).await
    }

    /// Writes the end of sessions that came to the end of their life in an interval without anybody
    /// ending them, each with an event that tells why.
    ///
    /// A session that was not refreshed in time is over from then on, and whoever asks is told so.
    /// Its event waits for the end of its life, unless somebody tries to refresh it before: an index
    /// by the time until which it must be refreshed would be written at every refresh.
    async fn note_expired(&self, caller: &Caller, (from, until): (Time, Time)) -> Result<()> {
        let mut place = (from, String::new());
        loop {
            let expired = session::unnoted(&self.db, (place.0, &place.1), until, NOTED).await?;
            let Some(last) = expired.last() else { return Ok(()) };
            place = (last.expires_at, last.id.clone());
            self.write("note_expired", (caller.clone(), expired), |tx, app, job| {
                async move {
                    let (caller, expired) = &*job;
                    note(tx, &app, caller, expired).await
                }
                .boxed()
            })
            .await?;
        }
    }

    /// Removes the rows that were over before `before`, one slice after another, each in a change
    /// of its own.
    async fn purge_rows(&self, over: &'static Over, before: Time) -> Result<()> {
        while let Some(slice) = over.next(&self.db, before).await? {
            self.write(over.write, slice, |tx, _app, slice| {
                async move { Ok(slice.remove(tx).await?) }.boxed()
            })
            .await?;
        }
        Ok(())
    }
}

/// Their users' rows are locked in one order, so that two who do this wait for one another and never
/// for each other.
async fn note(tx: &mut Tx<'_>, app: &App, caller: &Caller, expired: &[Session]) -> Result<()> {
    let users: BTreeSet<&str> = expired.iter().map(|session| &*session.user_id).collect();
    for user in users {
        user::lock(tx, user).await?;
    }
    for session in expired {
        let Some((at, reason)) = session.over(caller.now) else { continue };
        if session::end(tx, &session.id, reason, at).await? {
            let record = Record::of("session_ended").because(reason.as_str());
            let record = record.user(&session.user_id).session(&session.id);
            app.record(tx, caller, record).await?;
        }
    }
    Ok(())
}
