//! Which of a seal's events it is that does not fit. The hash decides whether one does; the marks
//! only tell where.

use super::Fault;
use super::key::{Code, mark, split};
use crate::db::Value;
use crate::tables::event_seal::EventSeal;

/// The rows under one seal, as they are now, and their codes.
#[derive(Default)]
pub(super) struct Found {
    ids: Vec<String>,
    pub(super) codes: Vec<Code>,
}

impl Found {
    /// Adds a row, whose columns begin with its id.
    pub(super) fn add(&mut self, columns: &[Value], code: Code) {
        self.ids.push(match columns.first() {
            Some(Value::Text(id)) => id.clone(),
            other => format!("{other:?}"),
        });
        self.codes.push(code);
    }

    /// The first difference from what `seal` covers, where there is one.
    pub(super) fn fault(&self, seal: &EventSeal) -> Fault {
        let marks: Vec<String> = self.codes.iter().map(mark).collect();
        let now: Vec<&[u8]> = marks.iter().map(String::as_bytes).collect();
        let then = split(&seal.marks);
        let seal = seal.number;
        let Some(at) = (0..now.len().max(then.len())).find(|at| now.get(*at) != then.get(*at))
        else {
            return Fault::SealChanged { seal };
        };
        let missing = || Fault::EventMissing {
            seal,
            after: at.checked_sub(1).map(|before| self.ids[before].clone()),
        };
        let (Some(found), Some(id)) = (now.get(at), self.ids.get(at)) else { return missing() };
        let event = id.clone();
        match then.get(at) {
            None => Fault::EventAdded { event, seal },
            Some(_) if then[at..].contains(found) => missing(),
            Some(expected) if now[at..].contains(expected) => Fault::EventAdded { event, seal },
            Some(_) => Fault::EventChanged { event, seal },
        }
    }
}
