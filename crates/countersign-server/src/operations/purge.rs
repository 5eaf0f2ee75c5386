//! What is over is removed, in slices, so that nobody waits long for a lock.

use std::time::Duration;

use futures::FutureExt as _;

use super::Caller;
use super::record::Record;
use super::throttle::LOCKED;
use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::tables::{change, failure, invitation, node, outbox, revocation, session};

/// How long counts of failed attempts are kept.
const FAILURES: Duration = Duration::from_hours(24);
/// How long a process that nobody hears of is remembered.
const NODES: Duration = Duration::from_hours(24);
/// How long copies wait for Redis: no token of a dialect lives longer.
const COPIES: Duration = Duration::from_hours(24 * 30);
/// How long invitations are kept after they would have expired.
const INVITATIONS: Duration = Duration::from_hours(24 * 30);
/// How far back is looked for sessions that expired since the last purge.
const LATELY: Duration = Duration::from_hours(1);
/// So many of them are noted in one change.
const NOTED: i64 = 200;
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
                change::purge(tx, now.minus(revocation::KEPT)).await?;
                outbox::purge(tx, now.minus(COPIES)).await?;
                node::purge(tx, now.minus(NODES)).await?;
                invitation::purge(tx, now.minus(INVITATIONS)).await?;
                Ok(())
            }
            .boxed()
        })
        .await?;
        let caller = Caller::nobody(now);
        self.note_expired(&caller, (now.minus(LATELY), now)).await?;
        self.purge_sessions(&caller, now.minus(session::KEPT)).await
    }

    /// Writes the end of sessions that came to the end of their life in an interval without anybody
    /// ending them, each with an event that tells why.
    ///
    /// A session that was not refreshed in time is over from then on, and whoever asks is told so.
    /// Its event waits for the end of its life, unless somebody tries to refresh it before: an index
    /// by the time until which it must be refreshed would be written at every refresh.
    async fn note_expired(&self, caller: &Caller, interval: (Time, Time)) -> Result<()> {
        loop {
            let expired = session::unnoted(&self.db, interval, NOTED).await?;
            if expired.is_empty() {
                return Ok(());
            }
            self.write("note_expired", (caller.clone(), expired), |tx, app, job| {
                async move {
                    let (caller, expired) = &*job;
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
                .boxed()
            })
            .await?;
        }
    }

    async fn purge_sessions(&self, caller: &Caller, before: Time) -> Result<()> {
        while let Some(oldest) = session::oldest_expiry(&self.db).await? {
            if oldest >= before {
                break;
            }
            let until = oldest.plus(SLICE).min(before);
            // Those whose end nobody noted while no server ran.
            self.note_expired(caller, (oldest.minus(Duration::from_millis(1)), until)).await?;
            self.write("purge_sessions", until, |tx, _app, until| {
                async move { Ok(session::purge(tx, *until).await?) }.boxed()
            })
            .await?;
        }
        Ok(())
    }
}
