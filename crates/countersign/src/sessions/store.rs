//! Where sessions are kept.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;

use uuid::Uuid;

use super::Session;
use crate::reason::EndReason;

/// Where sessions are kept: a table with a row for each, for ever the same however often it is
/// refreshed.
///
/// Times are Unix time in milliseconds. What a method has answered must outlive a crash, if logins
/// are to. Every method may be called by many at once; [`SessionStore::rotate`] and
/// [`SessionStore::end`] must then be one step each, such as one conditional `UPDATE` whose row count
/// is the answer. The feature `test` has a suite that tells whether a store keeps these rules.
pub trait SessionStore: Send + Sync {
    /// What can go wrong.
    type Error: Error + Send + Sync + 'static;

    /// Keeps a session that is not there yet.
    fn insert(&self, session: &Session) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The session with this id, live or over.
    fn find(&self, id: Uuid) -> impl Future<Output = Result<Option<Session>, Self::Error>> + Send;

    /// The user's sessions that have neither ended nor, at `now`, expired; the oldest first.
    fn live_of_user(
        &self,
        user_id: &str,
        now: i64,
    ) -> impl Future<Output = Result<Vec<Session>, Self::Error>> + Send;

    /// Writes `rotation`, `idle_expires_at` and `last_seen_at` of `session`, if its row still has the
    /// generation `from` and has not ended. Of `rotation`, a `used` that is lower than the row's stays
    /// as it is. Answers whether it did: of many that race from one generation, one does.
    fn rotate(
        &self,
        session: &Session,
        from: u64,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Ends the session at `now` for this reason. Answers whether it did: false where it had ended,
    /// whose time and reason stay, and where there is none.
    fn end(
        &self,
        id: Uuid,
        reason: EndReason,
        now: i64,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Notes that an access token of this generation was used at `now`: `used`, and `last_seen_at`
    /// unless that is later already, since uses are noted late. A lower generation than the one that is
    /// known changes nothing.
    fn note_use(
        &self,
        id: Uuid,
        generation: u64,
        now: i64,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The sessions that ended at `since` or later.
    fn ended_since(
        &self,
        since: i64,
    ) -> impl Future<Output = Result<Vec<(Uuid, EndReason)>, Self::Error>> + Send;

    /// Removes the sessions that had expired in any case by `until`; answers how many.
    fn purge(&self, until: i64) -> impl Future<Output = Result<u64, Self::Error>> + Send;
}

impl<S: SessionStore> SessionStore for Arc<S> {
    type Error = S::Error;

    fn insert(&self, session: &Session) -> impl Future<Output = Result<(), S::Error>> + Send {
        (**self).insert(session)
    }

    fn find(&self, id: Uuid) -> impl Future<Output = Result<Option<Session>, S::Error>> + Send {
        (**self).find(id)
    }

    fn live_of_user(
        &self,
        user_id: &str,
        now: i64,
    ) -> impl Future<Output = Result<Vec<Session>, S::Error>> + Send {
        (**self).live_of_user(user_id, now)
    }

    fn rotate(
        &self,
        session: &Session,
        from: u64,
    ) -> impl Future<Output = Result<bool, S::Error>> + Send {
        (**self).rotate(session, from)
    }

    fn end(
        &self,
        id: Uuid,
        reason: EndReason,
        now: i64,
    ) -> impl Future<Output = Result<bool, S::Error>> + Send {
        (**self).end(id, reason, now)
    }

    fn note_use(
        &self,
        id: Uuid,
        generation: u64,
        now: i64,
    ) -> impl Future<Output = Result<(), S::Error>> + Send {
        (**self).note_use(id, generation, now)
    }

    fn ended_since(
        &self,
        since: i64,
    ) -> impl Future<Output = Result<Vec<(Uuid, EndReason)>, S::Error>> + Send {
        (**self).ended_since(since)
    }

    fn purge(&self, until: i64) -> impl Future<Output = Result<u64, S::Error>> + Send {
        (**self).purge(until)
    }
}
