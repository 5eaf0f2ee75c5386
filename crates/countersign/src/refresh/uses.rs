//! Which generation's access tokens were seen used.

use std::collections::HashMap;

use parking_lot::Mutex;
use uuid::Uuid;

/// How many sessions are remembered; beyond it those already written are forgotten.
const CAPACITY: usize = 100_000;

/// The highest generation of each session whose access token this process has accepted, and whether
/// the database knows. A use of the successor is how a predecessor that comes again is told from a
/// lost answer.
///
/// ```
/// use countersign::refresh::Uses;
/// use uuid::Uuid;
///
/// let (uses, session) = (Uses::default(), Uuid::from_u128(1));
/// uses.note(session, 3, 1_800_000_000_000);
/// assert_eq!(uses.highest(session), Some(3));
/// assert_eq!(uses.take_unwritten(100), [(session, 3, 1_800_000_000_000)]);
/// assert_eq!(uses.take_unwritten(100), []);
/// ```
#[derive(Debug, Default)]
pub struct Uses(Mutex<HashMap<Uuid, Use>>);

#[derive(Clone, Copy, Debug)]
struct Use {
    generation: u64,
    at: i64,
    written: bool,
}

impl Uses {
    /// Notes that an access token of this generation was accepted `at`, Unix time in milliseconds.
    pub fn note(&self, session_id: Uuid, generation: u64, at: i64) {
        let mut uses = self.0.lock();
        if let Some(known) = uses.get_mut(&session_id) {
            if generation > known.generation {
                *known = Use { generation, at, written: false };
            }
            return;
        }
        if uses.len() >= CAPACITY {
            uses.retain(|_, known| !known.written);
        }
        uses.insert(session_id, Use { generation, at, written: false });
    }

    /// The highest generation of the session that this process has seen.
    pub fn highest(&self, session_id: Uuid) -> Option<u64> {
        self.0.lock().get(&session_id).map(|known| known.generation)
    }

    /// At most `limit` of those the database does not know yet, in the order of their sessions: the
    /// session, the generation, and when it was noted. They count as written until
    /// [`Uses::take_back`].
    pub fn take_unwritten(&self, limit: usize) -> Vec<(Uuid, u64, i64)> {
        let mut uses = self.0.lock();
        let unwritten = uses.iter_mut().filter(|(_, known)| !known.written).take(limit);
        let mut taken: Vec<_> = unwritten
            .map(|(id, known)| {
                known.written = true;
                (*id, known.generation, known.at)
            })
            .collect();
        taken.sort_unstable_by_key(|(id, ..)| *id);
        taken
    }

    /// Says that these could not be written after all.
    pub fn take_back(&self, taken: &[(Uuid, u64, i64)]) {
        let mut uses = self.0.lock();
        for (id, ..) in taken {
            if let Some(known) = uses.get_mut(id) {
                known.written = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_generation_is_written_once() {
        let uses = Uses::default();
        let session = Uuid::from_u128(1);
        uses.note(session, 0, 1);
        uses.note(session, 0, 2);
        assert_eq!(uses.take_unwritten(10), [(session, 0, 1)]);
        assert_eq!(uses.take_unwritten(10), []);
        uses.note(session, 3, 3);
        uses.note(session, 2, 4);
        assert_eq!(uses.highest(session), Some(3));
        let taken = uses.take_unwritten(10);
        assert_eq!(taken, [(session, 3, 3)]);
        uses.take_back(&taken);
        assert_eq!(uses.take_unwritten(10), taken);
    }
}
