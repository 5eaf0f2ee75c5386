//! Sessions in memory.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;

use parking_lot::Mutex;
use uuid::Uuid;

use super::{Session, SessionStore};
use crate::reason::EndReason;

/// Keeps sessions in memory, for tests and for applications whose users may log in again after a
/// restart. It grows with every login until [`Sessions::purge`](super::Sessions::purge).
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    sessions: HashMap<Uuid, Session>,
    of_user: HashMap<String, BTreeSet<Uuid>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl SessionStore for MemoryStore {
    type Error = Infallible;

    async fn insert(&self, session: &Session) -> Result<(), Infallible> {
        let mut kept = self.0.lock();
        kept.of_user.entry(session.user_id.clone()).or_default().insert(session.id);
        kept.sessions.insert(session.id, session.clone());
        Ok(())
    }

    async fn find(&self, id: Uuid) -> Result<Option<Session>, Infallible> {
        Ok(self.0.lock().sessions.get(&id).cloned())
    }

    async fn live_of_user(&self, user_id: &str, now: i64) -> Result<Vec<Session>, Infallible> {
        let kept = self.0.lock();
        let ids = kept.of_user.get(user_id).into_iter().flatten();
        let sessions = ids.filter_map(|id| kept.sessions.get(id));
        let mut live: Vec<_> = sessions.filter(|session| session.is_live(now)).cloned().collect();
        live.sort_by_key(|session| (session.started_at, session.id));
        Ok(live)
    }

    async fn rotate(&self, session: &Session, from: u64) -> Result<bool, Infallible> {
        let mut kept = self.0.lock();
        let row = kept.sessions.get_mut(&session.id).filter(|row| row.ended.is_none());
        let Some(row) = row.filter(|row| row.rotation.current == from) else { return Ok(false) };
        let used = row.rotation.used.max(session.rotation.used);
        row.rotation = session.rotation;
        row.rotation.used = used;
        row.idle_expires_at = session.idle_expires_at;
        row.last_seen_at = session.last_seen_at;
        Ok(true)
    }

    async fn end(&self, id: Uuid, reason: EndReason, now: i64) -> Result<bool, Infallible> {
        let mut kept = self.0.lock();
        let row = kept.sessions.get_mut(&id).filter(|row| row.ended.is_none());
        Ok(row.map(|row| row.ended = Some((now, reason))).is_some())
    }

    async fn note_use(&self, id: Uuid, generation: u64, now: i64) -> Result<(), Infallible> {
        let mut kept = self.0.lock();
        if let Some(row) = kept.sessions.get_mut(&id)
            && generation > row.rotation.used
        {
            row.rotation.used = generation;
            row.last_seen_at = row.last_seen_at.max(now);
        }
        Ok(())
    }

    async fn ended_since(&self, since: i64) -> Result<Vec<(Uuid, EndReason)>, Infallible> {
        let kept = self.0.lock();
        let ended = kept.sessions.values().filter_map(|session| {
            let (_, reason) = session.ended.filter(|(at, _)| *at >= since)?;
            Some((session.id, reason))
        });
        Ok(ended.collect())
    }

    async fn purge(&self, until: i64) -> Result<u64, Infallible> {
        let mut kept = self.0.lock();
        let Kept { sessions, of_user } = &mut *kept;
        let before = sessions.len();
        sessions.retain(|_, session| session.expires_at > until);
        of_user.retain(|_, ids| {
            ids.retain(|id| sessions.contains_key(id));
            !ids.is_empty()
        });
        Ok(u64::try_from(before - sessions.len()).unwrap_or(u64::MAX))
    }
}
