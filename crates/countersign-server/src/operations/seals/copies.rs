//! Compares the events and their seals with the copies in an audit file: who cuts off the end of the
//! chain, or removes an event before it is sealed, leaves nothing in the database that tells of it.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use serde::Serialize;

use super::anchor::Anchor;
use super::{Fault, Link};
use crate::app::App;
use crate::audit::{self, Line, SealLine};
use crate::clock::Time;
use crate::db::DbError;
use crate::error::Result;
use crate::tables::event::Event;
use crate::tables::{bulk, event_seal};

/// How many events are compared at a time.
const PAGE: usize = 500;
/// How much earlier than its event a seal may be, by the clocks of two servers.
const CLOCKS_APART: std::time::Duration = std::time::Duration::from_mins(1);

/// What an audit file tells of the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Copy {
    /// How many of its seals are the database's.
    pub seals: u64,
    /// How many are of events that were purged.
    pub purged: u64,
    /// The last one that is the database's.
    pub last: i64,
    /// How many of its events are in the database as they are in the file.
    pub events: u64,
    /// How many of its events were purged.
    pub purged_events: u64,
    /// The first thing that is not.
    #[serde(flatten)]
    pub fault: Option<Fault>,
}

impl App {
    /// Compares the chain, which is good, and its events with what is in this file.
    pub async fn verify_copy(&self, file: &Path) -> Result<io::Result<Copy>> {
        let lines = match audit::lines(file) {
            Ok(lines) => lines,
            Err(error) => return Ok(Err(error)),
        };
        let mut comparison =
            Comparison { app: self, file, copy: Copy::default(), events: Vec::new() };
        for line in lines {
            match line {
                Ok(Line::Seal(line)) => comparison.seal(&line).await?,
                Ok(Line::Event(line, event)) => comparison.event(line, *event).await?,
                Err(error) => return Ok(Err(error)),
            }
            if comparison.copy.fault.is_some() {
                return Ok(Ok(comparison.copy));
            }
        }
        comparison.compare_events().await?;
        Ok(Ok(comparison.copy))
    }

    /// The moment before which events may have been purged; `None` where none ever was.
    async fn purged_before(&self) -> Result<Option<Time>> {
        let anchor = Anchor::find(&self.db, &self.seals.key).await?.unwrap_or_default().link.number;
        if anchor == 0 {
            return Ok(None);
        }
        let oldest = event_seal::page(&self.db, anchor, 1).await?.pop();
        let before = oldest.map_or_else(|| self.clock.now(), |seal| seal.at);
        Ok(Some(before.plus(CLOCKS_APART)))
    }
}

/// An audit file on its way through.
struct Comparison<'a> {
    app: &'a App,
    file: &'a Path,
    copy: Copy,
    /// Events that were read and not compared yet, with their lines.
    events: Vec<(u64, Event)>,
}

impl Comparison<'_> {
    async fn seal(&mut self, line: &SealLine) -> Result<(), DbError> {
        match self.compare(line).await? {
            Compared::Same => {
                self.copy.seals += 1;
                self.copy.last = self.copy.last.max(line.seal);
            }
            Compared::Purged => self.copy.purged += 1,
            Compared::Wrong(fault) => self.copy.fault = Some(fault),
        }
        Ok(())
    }

    async fn compare(&self, copy: &SealLine) -> Result<Compared, DbError> {
        let SealLine { line, seal, hash } = copy;
        let (line, seal, file) = (*line, *seal, self.file.to_owned());
        let (db, seals) = (&self.app.db, &self.app.seals);
        let known = match event_seal::find(db, seal).await?.as_ref().map(Link::from) {
            Some(known) => known,
            None => Anchor::find(db, &seals.key).await?.unwrap_or_default().link,
        };
        if seal < known.number {
            return Ok(Compared::Purged);
        }
        if seal > known.number {
            let end = event_seal::last(db).await?.map_or(known.number, |it| it.number);
            return Ok(Compared::Wrong(Fault::EndMissing { file, line, seal, end }));
        }
        if known.hash == *hash {
            return Ok(Compared::Same);
        }
        Ok(Compared::Wrong(Fault::SealReplaced { file, line, seal }))
    }

    async fn event(&mut self, line: u64, event: Event) -> Result<()> {
        self.events.push((line, event));
        if self.events.len() < PAGE { Ok(()) } else { self.compare_events().await }
    }

    /// Compares the events that wait with the rows of their ids.
    async fn compare_events(&mut self) -> Result<()> {
        let events = std::mem::take(&mut self.events);
        let ids: Vec<&str> = events.iter().map(|(_, event)| &*event.id).collect();
        let rows = bulk::events(&self.app.db, &ids).await?;
        let rows: HashMap<String, Event> =
            rows.into_iter().map(|event| (event.id.clone(), event)).collect();
        for (line, event) in events {
            let file = self.file.to_owned();
            match rows.get(&event.id) {
                Some(row) if *row == event => self.copy.events += 1,
                Some(_) => {
                    self.copy.fault = Some(Fault::EventReplaced { event: event.id, file, line });
                }
                // Asked after the rows were: events are purged while others are compared.
                None if self.app.purged_before().await?.is_some_and(|before| event.at < before) => {
                    self.copy.purged_events += 1;
                }
                None => {
                    self.copy.fault =
                        Some(Fault::EventNotInDatabase { event: event.id, file, line });
                }
            }
            if self.copy.fault.is_some() {
                break;
            }
        }
        Ok(())
    }
}

enum Compared {
    Same,
    Purged,
    Wrong(Fault),
}
