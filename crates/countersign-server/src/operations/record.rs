//! Events, written in the transaction of the change that they tell of.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::Caller;
use crate::app::App;
use crate::clock::Time;
use crate::db::{DbError, Ended, Tx};
use crate::tables::event::{self, Event};
use crate::tables::user;

/// The content of an event, without the caller and the time.
#[derive(Clone, Debug, Default)]
pub struct Record<'a> {
    kind: &'static str,
    reason: Option<&'static str>,
    refused: bool,
    user_id: Option<&'a str>,
    session_id: Option<&'a str>,
    subject: Option<&'a str>,
    occurrences: Option<i64>,
}

impl<'a> Record<'a> {
    /// An event of something that was done.
    pub fn of(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    /// An event of something that was refused.
    pub fn refused(kind: &'static str, reason: &'static str) -> Self {
        Self { kind, reason: Some(reason), refused: true, ..Self::default() }
    }

    /// Whom it is about.
    #[must_use]
    pub fn user(mut self, user_id: &'a str) -> Self {
        self.user_id = Some(user_id);
        self
    }

    /// Which session it is about.
    #[must_use]
    pub fn session(mut self, session_id: &'a str) -> Self {
        self.session_id = Some(session_id);
        self
    }

    /// What else it is about: 1,000 characters at most; nothing where it is empty.
    #[must_use]
    pub fn about(mut self, subject: &'a str) -> Self {
        self.subject = Some(subject).filter(|subject| !subject.is_empty());
        self
    }

    /// Why it was done.
    #[must_use]
    pub fn because(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// How often it happened, or how many it is about.
    #[must_use]
    pub fn times(mut self, occurrences: i64) -> Self {
        self.occurrences = Some(occurrences);
        self
    }
}

/// A login or a logout as services beside this one read it in the audit file: a line of its own, in
/// words of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The path of the request.
    pub url: String,
    /// Its method, in lower case.
    pub method: &'static str,
    /// What it is for.
    pub event: &'static str,
}

impl App {
    /// Writes the caller's action, if there is one, once the change is committed.
    pub(super) async fn note_action(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        user_id: &str,
    ) -> Result<(), DbError> {
        let Some(Action { url, method, event }) = &caller.action else { return Ok(()) };
        let Some(user) = user::find_in(tx, user_id).await? else { return Ok(()) };
        let line = json!({
            "user_id": user.number,
            "url": url,
            "method": method,
            "msg": event,
            "event": event,
            "time": self.clock.now(),
        });
        let audit = self.audit.clone();
        tx.at_end(move |ended| {
            if ended == Ended::Committed {
                audit.write_line(line);
            }
        });
        Ok(())
    }

    /// Writes an event; its copy goes to the audit file once the change is committed.
    pub async fn record(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        record: Record<'_>,
    ) -> Result<(), DbError> {
        // The time is read here and not when the request began, so that events are ordered as their
        // transactions are, as far as clocks allow. Otherwise a client that delays its request could
        // back-date the event.
        let event = self.event(caller, &record, self.clock.now());
        event::insert(tx, &event).await?;
        let audit = self.audit.clone();
        tx.at_end(move |ended| {
            if ended == Ended::Committed {
                audit.write(event);
            }
        });
        Ok(())
    }

    /// Makes the event of a record. Within one millisecond, later events of this process have larger ids.
    pub(super) fn event(&self, caller: &Caller, record: &Record<'_>, at: Time) -> Event {
        let ordinal = self.events_made.fetch_add(1, Ordering::Relaxed);
        Event {
            id: self.entropy.uuid_in_order(at, ordinal).to_string(),
            at,
            kind: record.kind.to_owned(),
            outcome: if record.refused { "refused" } else { "ok" }.to_owned(),
            reason: record.reason.map(str::to_owned),
            user_id: record.user_id.map(str::to_owned),
            session_id: record.session_id.map(str::to_owned),
            subject: record.subject.map(str::to_owned),
            actor: caller.actor.as_ref().map(ToString::to_string),
            address: caller.address.map(|address| address.to_string()),
            agent: caller.agent.clone(),
            occurrences: record.occurrences.unwrap_or(1),
        }
    }
}
