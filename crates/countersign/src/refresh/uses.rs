//! Which generation's access tokens were seen used.

use std::collections::HashMap;

use parking_lot::Mutex;
use uuid::Uuid;

/// How many sessions are left when there were twice as many, so that few new ones wait for that.
const CAPACITY: usize = 100_000;

/// The highest generation of each session whose access token this process has accepted, and whether
/// the database knows. A use of the successor is how a predecessor that comes again is told from a
/// lost answer.
///
/// It remembers 200,000 sessions at most. Of more it forgets those that the database knows, and then
/// those noted longest ago: a use matters for an hour after the refresh.
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
        if uses.len() >= 2 * CAPACITY {
            make_room(&mut uses);
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

/// Leaves at most [`CAPACITY`].
fn make_room(uses: &mut HashMap<Uuid, Use>) {
    uses.retain(|_, known| !known.written);
    let mut excess = uses.len().saturating_sub(CAPACITY);
    if excess == 0 {
        return;
    }
    let mut times: Vec<_> = uses.values().map(|known| known.at).collect();
    let (_, &mut last, _) = times.select_nth_unstable(excess - 1);
    uses.retain(|_, known| {
        let goes = excess > 0 && known.at <= last;
        excess -= usize::from(goes);
        !goes
    });
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

    /// Notes these sessions, each at the moment of its number.
    fn note(uses: &Uses, sessions: impl Iterator<Item = usize>) {
        for session in sessions {
            uses.note(id(session), 1, i64::try_from(session).expect("a small number"));
        }
    }

    fn id(session: usize) -> Uuid {
        Uuid::from_u128(session as u128)
    }

    #[test]
    fn it_is_bounded_even_if_nothing_is_ever_written() {
        let (uses, most) = (Uses::default(), 2 * CAPACITY);
        note(&uses, 0..most);
        assert_eq!(uses.0.lock().len(), most);
        note(&uses, most..=most);
        assert_eq!(uses.0.lock().len(), CAPACITY + 1, "there is room for many more");
        assert_eq!(uses.highest(id(CAPACITY - 1)), None, "the oldest are forgotten");
        assert_eq!(uses.highest(id(CAPACITY)), Some(1));
        assert_eq!(uses.highest(id(most)), Some(1));
        note(&uses, most + 1..5 * CAPACITY);
        assert!(uses.0.lock().len() <= most);
        assert_eq!(uses.take_unwritten(5 * CAPACITY).len(), uses.0.lock().len());
    }

    #[test]
    fn those_of_one_moment_are_bounded_as_well() {
        let uses = Uses::default();
        for session in 0..=2 * CAPACITY {
            uses.note(id(session), 1, 0);
        }
        assert_eq!(uses.0.lock().len(), CAPACITY + 1);
    }

    #[test]
    fn what_is_written_is_forgotten_first() {
        let (uses, most) = (Uses::default(), 2 * CAPACITY);
        note(&uses, CAPACITY..most);
        assert_eq!(uses.take_unwritten(most).len(), CAPACITY);
        note(&uses, 0..CAPACITY);
        assert_eq!(uses.highest(id(most - 1)), Some(1), "there is room for it");
        note(&uses, most..=most);
        assert_eq!(uses.highest(id(most - 1)), None);
        assert_eq!(uses.take_unwritten(most).len(), CAPACITY + 1, "and of the rest nothing");
    }
}
