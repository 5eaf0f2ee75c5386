//! Whether the database can be used, by how the latest writes and reads ended. A health check that
//! only reads is content with a database that is full or read-only.

use std::time::Duration;

use parking_lot::Mutex;

use super::DbError;
use crate::clock::Clock;

/// How long damage, or a right that is missing, counts that nothing has met since. Other rows and other
/// tables can be written meanwhile, so a write that succeeds does not say that it is gone.
const PART_COUNTS: Duration = Duration::from_mins(1);

/// What is known of one database.
pub(super) struct Condition {
    /// The file, or the server and its port, for the log.
    place: String,
    problem: Mutex<Option<Problem>>,
}

struct Problem {
    message: String,
    /// When a part that cannot be used was met last, by the monotonic clock; `None` if it is the whole.
    part_met_at: Option<Duration>,
}

impl Condition {
    pub(super) fn new(place: String) -> Self {
        Self { place, problem: Mutex::default() }
    }

    /// Why the database cannot be used, if it cannot.
    pub(super) fn problem(&self) -> Option<String> {
        let mut problem = self.problem.lock();
        let met_at = problem.as_ref().and_then(|problem| problem.part_met_at);
        let now = Clock::System.monotonic();
        if met_at.is_some_and(|met_at| now.saturating_sub(met_at) > PART_COUNTS) {
            *problem = None;
        }
        problem.as_ref().map(|problem| problem.message.clone())
    }

    /// Notes that a read or a write failed.
    pub(super) fn failed(&self, error: &DbError) {
        if !error.is_unusable() {
            return;
        }
        let message = error.to_string();
        let mut problem = self.problem.lock();
        if problem.is_none() {
            tracing::error!("{}: {message}", self.place);
        }
        let is_part = matches!(error, DbError::Damaged(_) | DbError::Forbidden(_));
        let part_met_at = is_part.then(|| Clock::System.monotonic());
        let known = problem.take().and_then(|problem| problem.part_met_at);
        *problem = Some(Problem { message, part_met_at: part_met_at.or(known) });
    }

    /// Notes that a write was committed.
    pub(super) fn committed(&self) {
        let mut problem = self.problem.lock();
        if problem.as_ref().is_some_and(|problem| problem.part_met_at.is_none()) {
            tracing::info!("{}: the database can be written again", self.place);
            *problem = None;
        }
    }
}
