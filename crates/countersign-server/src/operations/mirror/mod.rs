//! Copies of tokens in Redis, for services of an older platform that look there. The database
//! decides what a copy should be; nothing here asks Redis whether a token is good.
//!
//! Whatever begins or ends a session marks the user in the outbox, in its own change. Whoever
//! writes a copy claims the entry, reads what is true, writes it, and lets go of the entry only if
//! nothing was changed meanwhile. So the last write is the truth, whichever node does it.

mod repair;
mod waiting;
mod write;

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use self::repair::Looks;
use self::waiting::Waiting;
use crate::app::App;
use crate::clock::Time;
use crate::db::{DbError, Ended, Tx};
use crate::error::Result;
use crate::tables::session::{self, Session};
use crate::tables::{outbox, user};

/// What the value of a copy is; `None` while nobody serves the dialect.
type ValueOf = Arc<dyn Fn(&user::User, &Session) -> Option<Result<String>> + Send + Sync>;

/// A dialect whose users' current tokens are copied to Redis.
#[derive(Clone)]
pub struct Mirror {
    /// The dialect.
    pub channel: &'static str,
    /// The key of the user with this number.
    pub key: fn(i64) -> String,
    /// The token of the user's session.
    pub value: ValueOf,
}

/// What is copied, and how far it is.
pub struct Mirrors {
    channels: Vec<&'static str>,
    served: Mutex<Vec<Mirror>>,
    marked: Notify,
    waiting: Waiting,
    looks: Looks,
}

impl Mirrors {
    /// The dialects whose tokens are copied.
    pub fn new(channels: Vec<&'static str>) -> Self {
        Self {
            channels,
            served: Mutex::default(),
            marked: Notify::new(),
            waiting: Waiting::default(),
            looks: Looks::default(),
        }
    }

    /// Says how the copies are made, which only who serves the dialects knows.
    pub fn serve(&self, mirrors: Vec<Mirror>) {
        let is_wanted = |mirror: &Mirror| self.channels.contains(&mirror.channel);
        *self.served.lock() = mirrors.into_iter().filter(is_wanted).collect();
    }

    fn served(&self) -> Vec<Mirror> {
        self.served.lock().clone()
    }
}

impl App {
    /// Notes, in a change that has locked the user's row, that the copy of this session's token is
    /// no longer what it should be.
    pub(super) async fn mark_copy(
        &self,
        tx: &mut Tx<'_>,
        (channel, user_id): (&str, &str),
        now: Time,
    ) -> Result<(), DbError> {
        if !self.mirrors.channels.contains(&channel) {
            return Ok(());
        }
        let Some(user) = user::find_in(tx, user_id).await? else { return Ok(()) };
        outbox::mark(tx, (channel, user_id), user.number, now).await?;
        let (app, user_id) = (self.clone(), user_id.to_owned());
        tx.at_end(move |ended| {
            if ended == Ended::Committed {
                if app.redis.as_ref().is_some_and(|redis| *redis.is_up().borrow()) {
                    app.mirrors.waiting.add(user_id);
                }
                app.mirrors.marked.notify_one();
            }
        });
        Ok(())
    }

    /// As [`App::mark_copy`], of a session that is known by its id alone.
    pub(super) async fn mark_copy_of(
        &self,
        tx: &mut Tx<'_>,
        session_id: &str,
        now: Time,
    ) -> Result<(), DbError> {
        if self.mirrors.channels.is_empty() {
            return Ok(());
        }
        let Some(session) = session::find_in(tx, session_id).await? else { return Ok(()) };
        self.mark_copy(tx, (&session.channel, &session.user_id), now).await
    }

    /// Notes that all copies of a user may not be what they should be: the older system put them
    /// there.
    pub(super) async fn mark_copies(
        &self,
        tx: &mut Tx<'_>,
        user_id: &str,
        now: Time,
    ) -> Result<(), DbError> {
        for channel in &self.mirrors.channels {
            user::lock(tx, user_id).await?;
            self.mark_copy(tx, (channel, user_id), now).await?;
        }
        Ok(())
    }

    /// Waits a moment until Redis has what the user's last change made of the copy. Where it does
    /// not have it so soon, the outbox does.
    pub(super) async fn copied(&self, user_id: &str) {
        self.mirrors.waiting.wait(user_id).await;
    }
}
