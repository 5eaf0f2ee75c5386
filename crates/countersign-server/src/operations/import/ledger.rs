//! The one event of an import, whose count grows with every change that the import makes.

use super::super::record::Record;
use super::Target;
use crate::app::App;
use crate::db::{DbError, Tx};
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
    pub(super) fn entry(&mut self, app: &App, caller: &Caller) -> Event {
        let record = Record::of(self.kind).because(self.reason).times(0);
        self.event.get_or_insert_with(|| app.event(caller, &record)).clone()
    }

    /// Notes that a change was committed.
    pub(super) fn committed(&mut self, more: i64) {
        if let Some(event) = &mut self.event {
            event.occurrences += more;
        }
    }

    /// Copies the event to the audit file, once nothing is added any more.
    pub(super) fn close(self, target: &Target<'_>) {
        if let (Target::Write(app, _), Some(event)) = (target, self.event) {
            app.audit.write(event);
        }
    }
}

/// Writes, in the change itself, that so many more were imported.
pub(super) async fn add(tx: &mut Tx<'_>, event: &Event, more: i64) -> Result<(), DbError> {
    if event::add(tx, &event.id, more).await? {
        return Ok(());
    }
    event::insert(tx, &Event { occurrences: more, ..event.clone() }).await
}
