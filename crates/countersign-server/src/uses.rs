//! Which generation's access tokens this node has seen used. A use of the successor is how a
//! predecessor that comes again is told from a lost answer.

use std::collections::HashMap;

use futures::FutureExt as _;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::tables::session;

/// How many sessions are remembered; beyond it those already written are forgotten.
const CAPACITY: usize = 100_000;
/// How many are written in one change.
const BATCH: usize = 100;

/// The highest generation seen of each session, and whether the database knows.
#[derive(Default)]
pub struct Uses(Mutex<HashMap<Uuid, Use>>);

#[derive(Clone, Copy)]
struct Use {
    generation: u64,
    at: Time,
    written: bool,
}

impl Uses {
    /// Notes that an access token of this generation was accepted.
    pub fn note(&self, session_id: Uuid, generation: u64, at: Time) {
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

    /// The highest generation of the session that this node has seen.
    pub fn highest(&self, session_id: Uuid) -> Option<u64> {
        self.0.lock().get(&session_id).map(|known| known.generation)
    }

    /// At most `limit` of those the database does not know yet, in the order of their sessions.
    /// They count as written until [`Uses::take_back`].
    pub fn take_unwritten(&self, limit: usize) -> Vec<(Uuid, u64, Time)> {
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
    pub fn take_back(&self, taken: &[(Uuid, u64, Time)]) {
        let mut uses = self.0.lock();
        for (id, ..) in taken {
            if let Some(known) = uses.get_mut(id) {
                known.written = false;
            }
        }
    }
}

impl App {
    /// Writes which generations were used, in small changes.
    pub(crate) async fn flush_uses(&self) -> Result<()> {
        loop {
            let taken = self.uses.take_unwritten(BATCH);
            if taken.is_empty() {
                return Ok(());
            }
            let written = self.write("note_uses", taken.clone(), |tx, _app, job| {
                async move {
                    for (session_id, generation, at) in &*job {
                        session::note_use(tx, &session_id.to_string(), *generation, *at).await?;
                    }
                    Ok(())
                }
                .boxed()
            });
            if let Err(error) = written.await {
                self.uses.take_back(&taken);
                return Err(error);
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
        uses.note(session, 0, Time(1));
        uses.note(session, 0, Time(2));
        assert_eq!(uses.take_unwritten(10), [(session, 0, Time(1))]);
        assert_eq!(uses.take_unwritten(10), []);
        uses.note(session, 3, Time(3));
        uses.note(session, 2, Time(4));
        assert_eq!(uses.highest(session), Some(3));
        let taken = uses.take_unwritten(10);
        assert_eq!(taken, [(session, 3, Time(3))]);
        uses.take_back(&taken);
        assert_eq!(uses.take_unwritten(10), taken);
    }
}
