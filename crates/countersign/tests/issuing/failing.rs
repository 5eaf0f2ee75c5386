//! A store in memory whose methods can be made to fail.

use countersign::EndReason;
use countersign::sessions::{MemoryStore, Session, SessionStore};
use parking_lot::Mutex;
use uuid::Uuid;

#[derive(Default)]
pub(crate) struct Failing {
    store: MemoryStore,
    failing: Mutex<Option<&'static str>>,
}

#[derive(Debug, thiserror::Error)]
#[error("the store is down")]
pub(crate) struct Down;

impl Failing {
    /// From now on this method fails, and no other.
    pub(crate) fn fail(&self, method: impl Into<Option<&'static str>>) {
        *self.failing.lock() = method.into();
    }

    fn asked(&self, method: &str) -> Result<(), Down> {
        if *self.failing.lock() == Some(method) { Err(Down) } else { Ok(()) }
    }
}

impl SessionStore for Failing {
    type Error = Down;

    async fn insert(&self, session: &Session) -> Result<(), Down> {
        self.asked("insert")?;
        self.store.insert(session).await.map_err(|never| match never {})
    }

    async fn find(&self, id: Uuid) -> Result<Option<Session>, Down> {
        self.asked("find")?;
        self.store.find(id).await.map_err(|never| match never {})
    }

    async fn live_of_user(&self, user_id: &str, now: i64) -> Result<Vec<Session>, Down> {
        self.asked("live_of_user")?;
        self.store.live_of_user(user_id, now).await.map_err(|never| match never {})
    }

    async fn rotate(&self, session: &Session, from: u64) -> Result<bool, Down> {
        self.asked("rotate")?;
        self.store.rotate(session, from).await.map_err(|never| match never {})
    }

    async fn end(&self, id: Uuid, reason: EndReason, now: i64) -> Result<bool, Down> {
        self.asked("end")?;
        self.store.end(id, reason, now).await.map_err(|never| match never {})
    }

    async fn note_use(&self, id: Uuid, generation: u64, now: i64) -> Result<(), Down> {
        self.asked("note_use")?;
        self.store.note_use(id, generation, now).await.map_err(|never| match never {})
    }

    async fn ended_since(&self, since: i64) -> Result<Vec<(Uuid, EndReason)>, Down> {
        self.asked("ended_since")?;
        self.store.ended_since(since).await.map_err(|never| match never {})
    }

    async fn purge(&self, until: i64) -> Result<u64, Down> {
        self.asked("purge")?;
        self.store.purge(until).await.map_err(|never| match never {})
    }
}
