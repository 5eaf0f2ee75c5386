//! What is wrong with the events, and where.

use std::path::PathBuf;

use serde::Serialize;

/// The first place at which the events are not as they were sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// A column of it is another.
    #[error("event {event} (seal {seal}) is not as it was sealed")]
    EventChanged {
        /// Its id.
        event: String,
        /// The number of its seal.
        seal: i64,
    },
    /// There is one less than was sealed.
    #[error(
        "an event of seal {seal} is missing{}",
        after.as_ref().map_or_else(String::new, |after| format!(", after event {after}"))
    )]
    EventMissing {
        /// The number of its seal.
        seal: i64,
        /// The event before it under the same seal, if there is one.
        after: Option<String>,
    },
    /// It was not there when its seal was made.
    #[error("event {event} was put under seal {seal} later")]
    EventAdded {
        /// Its id.
        event: String,
        /// The number that stands in it.
        seal: i64,
    },
    /// There is no seal of the number that stands in it.
    #[error("event {event} is under seal {seal}, which there is not")]
    EventWithoutSeal {
        /// Its id.
        event: String,
        /// The number that stands in it.
        seal: i64,
    },
    /// A seal between others is gone, or the first.
    #[error("seal {seal} is missing")]
    SealMissing {
        /// Its number.
        seal: i64,
    },
    /// A seal does not fit its events and the seal before it.
    #[error("seal {seal} is not as it was made")]
    SealChanged {
        /// Its number.
        seal: i64,
    },
    /// A seal or its events hold what nothing of ours writes.
    #[error("seal {seal} or an event of it cannot be read: it holds what no server writes")]
    Unreadable {
        /// Its number.
        seal: i64,
    },
    /// What says where the chain begins was not written by a server with this key.
    #[error("the beginning of the chain (the setting `event_seal_anchor`) is not genuine")]
    AnchorChanged,
    /// The audit file knows seals after the last one.
    #[error(
        "the end is cut off: {}, line {line}, has seal {seal}, and the database ends with {end}",
        file.display()
    )]
    EndMissing {
        /// The audit file.
        file: PathBuf,
        /// The line in it.
        line: u64,
        /// The number that the line has.
        seal: i64,
        /// The last one in the database.
        end: i64,
    },
    /// The audit file has an event that the database does not have.
    #[error("event {event} is missing: {}, line {line}, has it", file.display())]
    EventNotInDatabase {
        /// Its id.
        event: String,
        /// The audit file.
        file: PathBuf,
        /// The line in it.
        line: u64,
    },
    /// The audit file has the event with other values.
    #[error("event {event} is another one in {}, line {line}", file.display())]
    EventReplaced {
        /// Its id.
        event: String,
        /// The audit file.
        file: PathBuf,
        /// The line in it.
        line: u64,
    },
    /// The audit file has another seal of this number.
    #[error("seal {seal} is another one in {}, line {line}", file.display())]
    SealReplaced {
        /// The audit file.
        file: PathBuf,
        /// The line in it.
        line: u64,
        /// The number.
        seal: i64,
    },
}

impl Fault {
    /// The seal at which it was found; 0 where it was not found at a seal.
    pub fn seal(&self) -> i64 {
        match self {
            Self::EventChanged { seal, .. }
            | Self::EventMissing { seal, .. }
            | Self::EventAdded { seal, .. }
            | Self::EventWithoutSeal { seal, .. }
            | Self::SealMissing { seal }
            | Self::SealChanged { seal }
            | Self::Unreadable { seal }
            | Self::EndMissing { seal, .. }
            | Self::SealReplaced { seal, .. } => *seal,
            Self::AnchorChanged | Self::EventNotInDatabase { .. } | Self::EventReplaced { .. } => 0,
        }
    }
}
