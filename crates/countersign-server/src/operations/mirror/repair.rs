//! Notices that copies were lost or spoilt, and has them written again: all of them where Redis
//! was emptied, and each when its user is next seen.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join_all;
use parking_lot::Mutex;
use redis::cmd;
use tokio::sync::Notify;

use super::Mirror;
use crate::app::App;
use crate::error::Result;
use crate::redis::{NoHelp, Redis};
use crate::tables::session::{self, Session};
use crate::tables::user::{self, User};

/// How often a session's copy is looked at, however often its token comes.
const EVERY: Duration = Duration::from_secs(5);
/// How many sessions are remembered for that, and how many wait for their look.
const CAPACITY: usize = 10_000;
/// How many are looked at at a time.
const AT_A_TIME: usize = 16;
/// How many sessions are read at a time when all copies are written again.
const PAGE: i64 = 500;
/// For so long one node writes all copies again before another would.
const TURN: Duration = Duration::from_mins(1);

/// Sessions whose copies are to be looked at.
#[derive(Default)]
pub(super) struct Looks {
    state: Mutex<State>,
    asked: Notify,
}

#[derive(Default)]
struct State {
    last: HashMap<String, Duration>,
    pending: Vec<String>,
}

impl Looks {
    /// Asks for a look at the session's copy, unless there was one lately or too many wait.
    fn ask(&self, session_id: &str, now: Duration) {
        let mut state = self.state.lock();
        let is_late = |last: &Duration| now.saturating_sub(*last) >= EVERY;
        if !state.last.get(session_id).is_none_or(is_late) {
            return;
        }
        if state.last.len() >= CAPACITY {
            state.last.retain(|_, last| !is_late(last));
        }
        if state.last.len() < CAPACITY && state.pending.len() < CAPACITY {
            state.last.insert(session_id.to_owned(), now);
            state.pending.push(session_id.to_owned());
            drop(state);
            self.asked.notify_one();
        }
    }

    async fn next(&self) -> Vec<String> {
        self.asked.notified().await;
        std::mem::take(&mut self.state.lock().pending)
    }
}

impl App {
    /// The session's token was good: its copy should be there. Asks nothing and waits for nothing.
    pub fn expect_copy(&self, session_id: &str) {
        if self.redis.as_ref().is_some_and(|redis| *redis.is_up().borrow()) {
            self.mirrors.looks.ask(session_id, self.clock.monotonic());
        }
    }

    pub(super) async fn check_copies(&self, redis: &Redis) {
        loop {
            for sessions in self.mirrors.looks.next().await.chunks(AT_A_TIME) {
                let mut looks = Vec::new();
                for session_id in sessions {
                    looks.push(self.check_copy(redis, session_id));
                }
                for looked in join_all(looks).await {
                    if let Err(error) = looked {
                        tracing::warn!(%error, "cannot look whether a token's copy is there");
                    }
                }
            }
        }
    }

    async fn check_copy(&self, redis: &Redis, session_id: &str) -> Result<()> {
        let Some(session) = session::find(&self.db, session_id).await? else { return Ok(()) };
        let served = self.mirrors.served();
        let mirror = served.iter().find(|mirror| mirror.channel == session.channel);
        let Some(mirror) = mirror.filter(|_| session.is_live(self.shared_clock.now())) else {
            return Ok(());
        };
        let Some(user) = user::find(&self.db, &session.user_id).await? else { return Ok(()) };
        match is_right(redis, mirror, (&user, &session)).await {
            Some(false) => self.mark_users(mirror.channel, [user.id].into()).await,
            // Where Redis is away nobody knows; it is looked at again.
            Some(true) | None => Ok(()),
        }
    }

    /// Has all copies written again where Redis has lost what says that they were. One node does
    /// it; while it does, what says so lives only for its turn.
    pub(super) async fn repair_all(&self, redis: &Redis, mirror: &Mirror) -> Result<()> {
        let sign = redis.name(&format!("mirror:{}", mirror.channel));
        let turn = u64::try_from(TURN.as_millis()).unwrap_or(u64::MAX);
        let begin = cmd("SET").arg(&sign).arg("writing").arg("NX").arg("PX").arg(turn).clone();
        if !matches!(redis.ask::<Option<String>>(&begin).await, Ok(Some(_))) {
            return Ok(());
        }
        tracing::info!(dialect = mirror.channel, "Redis was emptied; its tokens are written again");
        let mut after = String::new();
        loop {
            let page = session::page(&self.db, &after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            let now = self.shared_clock.now();
            // Also those that ended: a copy of theirs must not be there.
            let concerned =
                page.iter().filter(|it| it.channel == mirror.channel && it.expires_at > now);
            let users = concerned.map(|session| session.user_id.clone()).collect();
            self.mark_users(mirror.channel, users).await?;
            self.write_due(redis, mirror).await?;
            // Where Redis is emptied or lost meanwhile, it begins anew.
            let prolonged: Result<i64, NoHelp> =
                redis.ask(cmd("PEXPIRE").arg(&sign).arg(turn)).await;
            if !matches!(prolonged, Ok(1)) {
                return Ok(());
            }
        }
        // A sign that is gone meanwhile is not put back: then all is to be written once more.
        let end = cmd("SET").arg(&sign).arg("written").arg("XX").clone();
        if let Err(error) = redis.ask::<Option<String>>(&end).await {
            tracing::debug!(%error, "cannot say that the copies are there");
        }
        Ok(())
    }

    async fn mark_users(&self, channel: &'static str, users: BTreeSet<String>) -> Result<()> {
        if users.is_empty() {
            return Ok(());
        }
        self.write("outbox_mark", (users, self.shared_clock.now()), move |tx, app, job| {
            async move {
                let (users, now) = &*job;
                for user_id in users {
                    if user::lock(tx, user_id).await? {
                        app.mark_copy(tx, (channel, user_id), *now).await?;
                    }
                }
                Ok(())
            }
            .boxed()
        })
        .await
    }
}

/// Whether the copy is there, of the right type and value, and will go by itself; `None` where
/// Redis does not say.
async fn is_right(
    redis: &Redis,
    mirror: &Mirror,
    (user, session): (&User, &Session),
) -> Option<bool> {
    let value = (mirror.value)(user, session)?.ok()?;
    let key = (mirror.key)(user.number);
    match redis.ask::<Option<Vec<u8>>>(cmd("GET").arg(&key)).await {
        Ok(Some(copy)) if copy == value.as_bytes() => {}
        Ok(_) | Err(NoHelp::Refused(_)) => return Some(false),
        Err(NoHelp::Away | NoHelp::TooLate | NoHelp::Failed(_)) => return None,
    }
    let life: i64 = redis.ask(cmd("PTTL").arg(&key)).await.ok()?;
    Some(life >= 0)
}
