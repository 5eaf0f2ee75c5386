//! A store in memory whose methods can be made to fail, or never to answer.

use countersign::EndReason;
use countersign::sessions::{MemoryStore, Session, SessionStore};
use parking_lot::Mutex;
use uuid::Uuid;

#[derive(Default)]
pub(crate) struct Failing {
    store: MemoryStore,
    fails: Mutex<Option<&'static str>>,
    hangs: Mutex<Option<&'static str>>,
}

#[derive(Debug, thiserror::Error)]
#[error("the store is down")]
pub(crate) struct Down;

impl Failing {
    /// From now on this method fails, and no other.
    pub(crate) fn fail(&self, method: impl Into<Option<&'static str>>) {
        *self.fails.lock() = method.into();
    }

    /// From now on this method never answers.
    pub(crate) fn hang(&self, method: &'static str) {
        *self.hangs.lock() = Some(method);
    }

    async fn asked(&self, method: &str) -> Result<(), Down> {
        let hangs = *self.hangs.lock() == Some(method);
        if hangs {
            std::future::pending::<()>().await;
        }
        if *self.fails.lock() == Some(method) { Err(Down) } else { Ok(()) }
    }
}

impl SessionStore for Failing {
    type Error = Down;

    async fn insert(&self, session: &Session) -> Result<(), Down> {
        self.asked("insert").await?;
        self.store.insert(session).await.map_err(|never| match never {})
    }

    async fn find(&self, id: Uuid) -> Result<Option<Session>, Down> {
        self.asked("find").await?;
        self.store.find(id).await.map_err(|never| match never {})
    }

    async fn live_of_user(&self, user_id: &str, now: i64) -> Result<Vec<Session>, Down> {
        self.asked("live_of_user").await?;
        self.store.live_of_user(user_id, now).await.map_err(|never| match never {})
    }

    async fn rotate(&self, session: &Session, from: u64) -> Result<bool, Down> {
        self.asked("rotate").await?;
        self.store.rotate(session, from).await.map_err(|never| match never {})
    }

    async fn end(&self, id: Uuid, reason: EndReason, now: i64) -> Result<bool, Down> {
        self.asked("end").await?;
        self.store.end(id, reason, now).await.map_err(|never| match never {})
    }

    async fn note_use(&self, id: Uuid, generation: u64, now: i64) -> Result<(), Down> {
        self.asked("note_use").await?;
        self.store.note_use(id, generation, now).await.map_err(|never| match never {})
    }

    async fn ended_since(&self, since: i64) -> Result<Vec<(Uuid, EndReason)>, Down> {
        self.asked("ended_since").await?;
        self.store.ended_since(since).await.map_err(|never| match never {})
    }

    async fn purge(&self, until: i64) -> Result<u64, Down> {
        self.asked("purge").await?;
        self.store.purge(until).await.map_err(|never| match never {})
    }
}
