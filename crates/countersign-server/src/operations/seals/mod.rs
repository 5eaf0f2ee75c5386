//! Events cannot be changed unnoticed: a seal covers those that were committed since the seal
//! before it, and that one.
//!
//! A seal is made after the events were committed, in a change of its own, so that nobody waits for
//! it. "In order" is the order in which this change found them, and within one seal that of their
//! ids: what is committed late, under an id older than sealed ones, simply comes under a later seal.
//! One node at a time does it, by a lease. Two that believe to hold it cannot both go on with the
//! chain: the lease's row is locked until the change ends, and a number is taken only once.

mod anchor;
mod copies;
mod fault;
mod key;
mod locate;
mod retention;
mod verify;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use serde_json::json;

use self::anchor::Anchor;
pub use self::copies::Copy;
pub use self::fault::Fault;
pub use self::key::SealKey;
pub use self::verify::{Chain, Progress};
use crate::app::{App, ticks};
use crate::clock::Time;
use crate::db::{Ended, Tx};
use crate::error::{Error, Result};
use crate::tables::event;
use crate::tables::event_seal::{self, EventSeal};
use crate::tables::lease::{self, SEALS, Wanted};

/// How many events one seal covers at most.
const MOST: usize = 250;
/// How often a node looks whether there is something to seal.
const INTERVAL: Duration = Duration::from_millis(500);
/// So long after a node that seals was killed another one goes on.
const LEASE: Duration = Duration::from_secs(5);

/// What a process needs to seal.
pub struct Seals {
    key: SealKey,
    /// The last seal that this process made: if the database ends before it, its end was cut off.
    latest: AtomicI64,
}

/// What the next seal covers beside its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Link {
    number: i64,
    hash: String,
}

impl From<&EventSeal> for Link {
    fn from(seal: &EventSeal) -> Self {
        Self { number: seal.number, hash: seal.hash.clone() }
    }
}

impl Seals {
    /// With this key, and nothing sealed yet.
    pub fn new(key: SealKey) -> Self {
        Self { key, latest: AtomicI64::new(0) }
    }

    fn latest(&self) -> i64 {
        self.latest.load(Ordering::Acquire)
    }
}

impl App {
    /// Seals what is not sealed yet, unless another node does. Returns how many events it sealed.
    pub async fn seal_events(&self) -> Result<usize> {
        let mut sealed = 0;
        while !event::unsealed(&self.db, 1).await?.is_empty() {
            let now = self.shared_clock.now();
            if !lease::is_free(&self.db, self.lease_of_seals(now)).await? {
                break;
            }
            let more = self.write("seal_events", now, |tx, app, now| {
                async move { app.seal_in(tx, *now).await }.boxed()
            });
            match more.await {
                Ok(0) => break,
                Ok(more) => sealed += more,
                // Another node was quicker.
                Err(Error::Db(error)) if error.is_unique() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sealed)
    }

    fn lease_of_seals(&self, now: Time) -> Wanted<'_> {
        Wanted { name: SEALS, holder: self.node.id(), now, length: LEASE }
    }

    async fn seal_in(&self, tx: &mut Tx<'_>, now: Time) -> Result<usize> {
        if !lease::take(tx, self.lease_of_seals(now)).await? {
            return Ok(0);
        }
        let before = match event_seal::last_in(tx).await? {
            Some(last) => Link::from(&last),
            None => Anchor::find_in(tx, &self.seals.key).await?.unwrap_or_default().link,
        };
        let number = self.next_number(tx, &before).await?;
        for id in event::unsealed_in(tx, MOST).await? {
            event::seal(tx, &id, number).await?;
        }
        let codes: Vec<_> = event::sealed_in(tx, number, MOST)
            .await?
            .iter()
            .map(|row| self.seals.key.event(&row[1..]))
            .collect();
        if codes.is_empty() {
            return Ok(0);
        }
        let seal = self.seals.key.seal(&before, (number, now), &codes);
        event_seal::insert(tx, &seal).await?;
        self.copy_seal(tx, seal);
        Ok(codes.len())
    }

    /// The number after the last one. A number that was taken is not given again, even if its seal
    /// is gone: the gap tells of it.
    async fn next_number(&self, tx: &mut Tx<'_>, before: &Link) -> Result<i64> {
        let taken = event::last_seal_in(tx).await?.unwrap_or(0).max(self.seals.latest());
        if taken > before.number {
            tracing::error!(
                "seals of events are gone, from number {} to {taken}; `countersign events verify` \
                 tells more",
                before.number + 1
            );
        }
        let next = taken.max(before.number).checked_add(1);
        next.ok_or(Error::Internal("there are no numbers left for seals of events"))
    }

    /// Copies the seal to the audit file once it is committed.
    fn copy_seal(&self, tx: &mut Tx<'_>, seal: EventSeal) {
        let app = self.clone();
        tx.at_end(move |ended| {
            if ended == Ended::Committed {
                app.seals.latest.fetch_max(seal.number, Ordering::AcqRel);
                app.audit.write_line(seal_line(&seal));
            }
        });
    }

    /// Seals all that is committed, within a second. Runs until it is dropped.
    pub(crate) async fn keep_sealing(&self) {
        let mut ticks = ticks(INTERVAL);
        loop {
            ticks.tick().await;
            if let Err(error) = self.seal_events().await {
                tracing::warn!(%error, "cannot seal the events");
            }
        }
    }

    /// Seals what is left when this process ends, and lets another go on at once.
    pub(crate) async fn end_sealing(&self) -> Result<()> {
        self.seal_events().await?;
        if self.seals.latest() == 0 {
            return Ok(());
        }
        self.write("seal_events_end", (), |tx, app, _| {
            async move { Ok(lease::release(tx, SEALS, app.node.id()).await?) }.boxed()
        })
        .await
    }
}

/// A seal as the audit file has it.
pub fn seal_line(seal: &EventSeal) -> serde_json::Value {
    let EventSeal { number, at, events, hash, .. } = seal;
    json!({ "seal": number, "at": at, "events": events, "hash": hash })
}
