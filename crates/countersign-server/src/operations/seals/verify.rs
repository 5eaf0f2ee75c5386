//! Goes along the chain from its beginning to its end, in pages, while servers add to it.

use serde::Serialize;

use super::anchor::Anchor;
use super::locate::Found;
use super::{Fault, Link, MOST, SealKey};
use crate::app::App;
use crate::clock::Time;
use crate::db::{Db, DbError, Value};
use crate::error::Result;
use crate::tables::event;
use crate::tables::event_seal::{self, EventSeal};

/// How many seals are read at a time, with their events.
const PAGE: usize = 20;

/// How the chain is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// The first seal that is kept, or will be.
    pub first: i64,
    /// The last one that was looked at.
    pub last: i64,
    /// How many events are as they were sealed.
    pub events: u64,
    /// How many are not sealed yet.
    pub unsealed: i64,
    /// When the oldest of those happened.
    pub oldest_unsealed: Option<Time>,
    /// How many imports are under way, or were within the last hour.
    pub counting: i64,
    /// The first place at which something is wrong.
    #[serde(flatten)]
    pub fault: Option<Fault>,
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// How many seals were looked at.
    pub seals: i64,
    /// How many there are.
    pub of: i64,
}

impl App {
    /// Compares every event with its seal, and every seal with the one before.
    pub async fn verify_events(&self, watch: &(dyn Fn(Progress) + Sync)) -> Result<Chain> {
        let (db, key) = (&self.db, &self.seals.key);
        let (unsealed, oldest_unsealed) = event::oldest_unsealed(db).await?;
        let counting = event::open(db).await?;
        let mut chain = Chain {
            first: 0,
            last: 0,
            events: 0,
            unsealed,
            oldest_unsealed,
            counting,
            fault: None,
        };
        loop {
            let Some(Anchor { link, .. }) = Anchor::find(db, key).await? else {
                return Ok(Chain { fault: Some(Fault::AnchorChanged), ..chain });
            };
            let mut walk = Walk { db, key, first: link.number, link, events: 0 };
            let fault = walk.to_end(watch).await?;
            let begins = Anchor::find(db, key).await?.map_or(0, |anchor| anchor.link.number);
            // Events were purged while they were looked at.
            if fault.as_ref().is_some_and(|fault| fault.seal() <= begins && walk.first < begins) {
                continue;
            }
            (chain.first, chain.last) = (walk.first + 1, walk.link.number);
            (chain.events, chain.fault) = (walk.events, fault);
            return Ok(chain);
        }
    }
}

/// How far the chain was followed.
struct Walk<'a> {
    db: &'a Db,
    key: &'a SealKey,
    first: i64,
    link: Link,
    events: u64,
}

/// Seals, and the rows under them.
type Page = (Vec<EventSeal>, Vec<Vec<Value>>);

impl Walk<'_> {
    async fn to_end(&mut self, watch: &(dyn Fn(Progress) + Sync)) -> Result<Option<Fault>> {
        // Read before the last seal: an event and its seal appear at once.
        let used = event::last_seal(self.db).await?.unwrap_or(0);
        let last = event_seal::last(self.db).await?.map_or(0, |seal| seal.number);
        let last = last.max(self.first);
        if let Some(fault) = self.without_seal((0, self.first)).await? {
            return Ok(Some(fault));
        }
        while self.link.number < last {
            if let Some(fault) = self.page().await? {
                return Ok(Some(fault));
            }
            watch(Progress { seals: self.link.number - self.first, of: last - self.first });
        }
        self.without_seal((last + 1, used)).await
    }

    /// An event under a number whose seal is purged or was never made.
    async fn without_seal(&self, (from, to): (i64, i64)) -> Result<Option<Fault>> {
        if from > to {
            return Ok(None);
        }
        let row = event::sealed(self.db, (from, to), 1).await?.pop();
        Ok(row.and_then(|row| match &row[..2] {
            [Value::Int(seal), Value::Text(event)] => {
                Some(Fault::EventWithoutSeal { event: event.clone(), seal: *seal })
            }
            _ => None,
        }))
    }

    async fn page(&mut self) -> Result<Option<Fault>> {
        let page = match self.read(PAGE).await {
            // One of them holds what no server writes: the first that does is the one.
            Err(DbError::Column { .. }) => self.read(1).await,
            page => page,
        };
        let next = self.link.number + 1;
        let (seals, rows) = match page {
            Err(DbError::Column { .. }) => return Ok(Some(Fault::Unreadable { seal: next })),
            page => page?,
        };
        if seals.is_empty() {
            return Ok(Some(Fault::SealMissing { seal: next }));
        }
        let mut rows = rows.into_iter().peekable();
        for seal in &seals {
            let next = self.link.number + 1;
            if seal.number != next {
                return Ok(Some(Fault::SealMissing { seal: next }));
            }
            let mut found = Found::default();
            while let Some(row) = rows.next_if(|row| row[0] == Value::Int(seal.number)) {
                found.add(&row[1..], self.key.event(&row[1..]));
            }
            if self.key.seal(&self.link, (seal.number, seal.at), &found.codes) != *seal {
                return Ok(Some(found.fault(seal)));
            }
            self.events += found.codes.len() as u64;
            self.link = Link::from(seal);
        }
        Ok(None)
    }

    async fn read(&self, size: usize) -> Result<Page, DbError> {
        let seals = event_seal::page(self.db, self.link.number, size).await?;
        let (Some(first), Some(last)) = (seals.first(), seals.last()) else {
            return Ok((seals, Vec::new()));
        };
        // One more than there should be, so that one that was added is seen.
        let events = |seal: &EventSeal| usize::try_from(seal.events).unwrap_or(0).min(MOST);
        let limit = seals.iter().map(events).sum::<usize>() + 1;
        let rows = event::sealed(self.db, (first.number, last.number), limit).await?;
        Ok((seals, rows))
    }
}
