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

fn sure<T>(outcome: Result<T, std::convert::Infallible>) -> T {
    outcome.unwrap_or_else(|never| match never {})
}

impl SessionStore for Failing {
    type Error = Down;

    async fn insert(&self, session: &Session) -> Result<(), Down> {
        self.asked("insert")?;
        Ok(sure(self.store.insert(session).await))
    }

    async fn find(&self, id: Uuid) -> Result<Option<Session>, Down> {
        self.asked("find")?;
        Ok(sure(self.store.find(id).await))
    }

    async fn live_of_user(&self, user_id: &str, now: i64) -> Result<Vec<Session>, Down> {
        self.asked("live_of_user")?;
        Ok(sure(self.store.live_of_user(user_id, now).await))
    }

    async fn rotate(&self, session: &Session, from: u64) -> Result<bool, Down> {
        self.asked("rotate")?;
        Ok(sure(self.store.rotate(session, from).await))
    }

    async fn end(&self, id: Uuid, reason: EndReason, now: i64) -> Result<bool, Down> {
        self.asked("end")?;
        Ok(sure(self.store.end(id, reason, now).await))
    }

    async fn note_use(&self, id: Uuid, generation: u64, now: i64) -> Result<(), Down> {
        self.asked("note_use")?;
        Ok(sure(self.store.note_use(id, generation, now).await))
    }

    async fn ended_since(&self, since: i64) -> Result<Vec<(Uuid, EndReason)>, Down> {
        self.asked("ended_since")?;
        Ok(sure(self.store.ended_since(since).await))
    }

    async fn purge(&self, until: i64) -> Result<u64, Down> {
        self.asked("purge")?;
        Ok(sure(self.store.purge(until).await))
    }
}
