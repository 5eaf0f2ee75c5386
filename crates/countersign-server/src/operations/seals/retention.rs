//! Events are kept for a time. The chain begins after the last seal that was purged, which an
//! anchor remembers.

use futures::FutureExt as _;

use super::Link;
use super::anchor::Anchor;
use crate::app::App;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::operations::Caller;
use crate::operations::record::Record;
use crate::tables::event;
use crate::tables::event_seal::{self, EventSeal};

/// How many events are removed in one change, but for the last of its seals.
const SLICE: i64 = 500;
/// How many seals are looked at for it.
const SEALS: usize = 50;

/// Removes all up to a seal, where the chain still begins at this anchor.
struct Slice {
    anchor: Anchor,
    up_to: Link,
}

impl App {
    /// Removes the events that were sealed longer ago than they are kept, the oldest first.
    pub(crate) async fn purge_events(&self, now: Time) -> Result<()> {
        let Some(retention) = self.config.audit.retention else { return Ok(()) };
        let mut purged = 0;
        while let Some(slice) = self.oldest_slice(now.minus(retention)).await? {
            let removed = self.write("purge_events", slice, |tx, app, slice| {
                async move { app.purge_slice(tx, &slice).await }.boxed()
            });
            match removed.await {
                Ok(0) => break,
                Ok(removed) => purged += removed,
                Err(Error::Db(error)) if error.is_unique() => break,
                Err(error) => return Err(error),
            }
        }
        if purged > 0 { self.tell_purged(now, purged).await } else { Ok(()) }
    }

    async fn oldest_slice(&self, before: Time) -> Result<Option<Slice>> {
        let anchor = Anchor::find(&self.db, &self.seals.key).await?;
        let anchor = anchor.ok_or(Error::Internal(
            "events are not purged: the setting `event_seal_anchor` is not genuine",
        ))?;
        let seals = event_seal::page(&self.db, anchor.link.number, SEALS).await?;
        let mut events = 0;
        let is_over = |seal: &&EventSeal| seal.at < before;
        let mut fits = |seal: &&EventSeal| {
            let fits = events < SLICE;
            events += seal.events;
            fits
        };
        let last = seals.iter().take_while(is_over).take_while(&mut fits).last();
        Ok(last.map(|last| Slice { up_to: Link::from(last), anchor }))
    }

    /// How many events it removed; none where another node did.
    async fn purge_slice(&self, tx: &mut Tx<'_>, slice: &Slice) -> Result<u64> {
        let Slice { anchor, up_to } = slice;
        if !anchor.replace(tx, up_to, &self.seals.key).await? {
            return Ok(0);
        }
        let removed = event::delete_sealed(tx, up_to.number).await?;
        event_seal::delete(tx, up_to.number).await?;
        Ok(removed)
    }

    async fn tell_purged(&self, now: Time, purged: u64) -> Result<()> {
        self.write("purge_events_end", (now, purged), |tx, app, job| {
            async move {
                let (now, purged) = *job;
                let times = i64::try_from(purged).unwrap_or(i64::MAX);
                let record = Record::of("events_purged").because("retention").times(times);
                Ok(app.record(tx, &Caller::server(now), record).await?)
            }
            .boxed()
        })
        .await
    }
}
