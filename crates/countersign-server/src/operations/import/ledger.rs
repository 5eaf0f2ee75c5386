//! The one event of an import, whose count grows with every change that the import makes.

use futures::FutureExt as _;

use super::super::record::Record;
use super::Target;
use crate::app::App;
use crate::clock::Time;
use crate::db::{DbError, Tx};
use crate::error::Result;
use crate::operations::Caller;
use crate::tables::event::{self, Event};

/// What an import has done so far, as its event tells it.
pub(super) struct Ledger {
    kind: &'static str,
    reason: &'static str,
    event: Option<Event>,
}

impl Ledger {
    /// Nothing yet.
    pub(super) fn new(kind: &'static str, reason: &'static str) -> Self {
        Self { kind, reason, event: None }
    }

    /// The event to [`add`] to, as it is before `more` is added.
    pub(super) fn entry(&mut self, app: &App, caller: &Caller) -> Entry {
        let record = Record::of(self.kind).because(self.reason).times(0);
        let event =
            self.event.get_or_insert_with(|| app.event(caller, &record, caller.now)).clone();
        Entry { event, now: app.clock.now() }
    }

    /// Notes that a change was committed.
    pub(super) fn committed(&mut self, more: i64) {
        if let Some(event) = &mut self.event {
            event.occurrences += more;
        }
    }

    /// Lets the event be sealed and copies it to the audit file, since nothing is added any more.
    pub(super) async fn close(self, target: &Target<'_>) -> Result<()> {
        let (Target::Write(app, _), Some(event)) = (target, self.event) else { return Ok(()) };
        app.write("import_close", event.id.clone(), |tx, _, id| {
            async move { Ok(event::close(tx, &id).await?) }.boxed()
        })
        .await?;
        app.audit.write(event);
        Ok(())
    }
}

/// The event of an import, and the moment at which something is added to it.
pub(super) struct Entry {
    event: Event,
    now: Time,
}

/// Writes, in the change itself, that so many more were imported.
pub(super) async fn add(tx: &mut Tx<'_>, entry: &Entry, more: i64) -> Result<(), DbError> {
    let Entry { event, now } = entry;
    if event::add(tx, &event.id, more, *now).await? {
        return Ok(());
    }
    event::insert_open(tx, &Event { occurrences: more, ..event.clone() }, *now).await
}
