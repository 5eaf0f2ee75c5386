//! Takes entries from the outbox and writes the copies.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use redis::cmd;

use super::Mirror;
use crate::app::{App, ticks};
use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::redis::Redis;
use crate::tables::outbox::{self, CLAIM, Entry, Settled};
use crate::tables::session::{self, Session};
use crate::tables::user::{self, User};

/// How many entries are taken at a time.
const BATCH: i64 = 100;
/// How long an entry waits after Redis refused it.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the outbox is looked into when nobody says that it should be.
const INTERVAL: Duration = Duration::from_secs(1);

/// A claimed entry, with what was true when it was claimed.
struct Claimed {
    entry: Entry,
    live: Option<(User, Session)>,
}

/// Entries that were tried.
#[derive(Clone, Default)]
struct Tried {
    written: Vec<Entry>,
    failed: Vec<Entry>,
}

impl App {
    /// Keeps the copies in Redis as they should be, where any are. Runs until it is dropped.
    pub async fn mirror(&self) {
        let Some(redis) = &self.redis else { return };
        if self.mirrors.channels.is_empty() {
            return;
        }
        tokio::join!(self.write_copies(redis), self.check_copies(redis));
    }

    async fn write_copies(&self, redis: &Redis) {
        let is_up = redis.is_up();
        let mut ticks = ticks(INTERVAL);
        loop {
            let is_time = tokio::select! {
                _ = ticks.tick() => true,
                () = self.mirrors.marked.notified() => false,
            };
            if !*is_up.borrow() {
                continue;
            }
            for mirror in self.mirrors.served() {
                let done = match self.write_due(redis, &mirror).await {
                    Ok(()) if is_time => self.repair_all(redis, &mirror).await,
                    done => done,
                };
                if let Err(error) = done {
                    tracing::warn!(%error, "cannot write what is to be copied to Redis");
                }
            }
        }
    }

    /// Writes what is due until nothing is, or Redis does not take it.
    pub(super) async fn write_due(&self, redis: &Redis, mirror: &Mirror) -> Result<()> {
        loop {
            let now = self.shared_clock.now();
            let due = outbox::due(&self.db, mirror.channel, now, BATCH).await?;
            if due.is_empty() {
                return Ok(());
            }
            let users: Vec<_> = due.iter().map(|entry| entry.user_id.clone()).collect();
            let (started, marks) = (self.clock.monotonic(), self.mirrors.waiting.marks());
            let claimed = self.write("outbox_claim", (due, now), claim).await?;
            let mut writes = Vec::new();
            for claimed in &claimed {
                writes.push(self.write_copy(redis, mirror, claimed, started));
            }
            let written = join_all(writes).await;
            let mut tried = Tried::default();
            for (is_written, Claimed { entry, .. }) in written.into_iter().zip(claimed) {
                if is_written { &mut tried.written } else { &mut tried.failed }.push(entry);
            }
            // Who waits for one that failed, or that another node has, need not wait longer.
            self.mirrors.waiting.tried(&marks, users.iter().map(String::as_str));
            let goes_on = tried.failed.is_empty() && !tried.written.is_empty();
            self.write("outbox_settle", (tried, self.shared_clock.now()), settle).await?;
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// Writes one copy, or removes it; false where Redis may not have obeyed.
    async fn write_copy(
        &self,
        redis: &Redis,
        mirror: &Mirror,
        Claimed { entry, live }: &Claimed,
        started: Duration,
    ) -> bool {
        let key = (mirror.key)(entry.number);
        let left = |session: &Session| session.over_at().since(self.shared_clock.now());
        let live = live.as_ref().filter(|(_, session)| !left(session).is_zero());
        let command = match live {
            None => cmd("DEL").arg(key).clone(),
            Some((user, session)) => {
                let value = match (mirror.value)(user, session) {
                    Some(Ok(value)) => value,
                    Some(Err(error)) => {
                        tracing::error!(%error, "cannot make the copy of a token");
                        return false;
                    }
                    None => return false,
                };
                let millis = u64::try_from(left(session).as_millis()).unwrap_or(u64::MAX);
                cmd("SET").arg(key).arg(value).arg("PX").arg(millis).clone()
            }
        };
        // Soon another node may claim it, and what it writes is newer.
        if self.clock.monotonic().saturating_sub(started) > CLAIM / 2 {
            return false;
        }
        match redis.ask::<()>(&command).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "Redis does not take the copy of a token; it waits");
                false
            }
        }
    }
}

/// Claims entries, and reads what is true of their users after that: who changes it later also
/// changes the entry.
fn claim<'t>(
    tx: &'t mut Tx<'_>,
    _app: App,
    job: Arc<(Vec<Entry>, Time)>,
) -> BoxFuture<'t, Result<Vec<Claimed>>> {
    async move {
        let (due, now) = &*job;
        let mut due: Vec<_> = due.iter().collect();
        // One order for all, so that no two wait for each other.
        due.sort_unstable_by_key(|entry| &entry.user_id);
        let mut claimed = Vec::new();
        for entry in due {
            let Some(entry) = outbox::claim(tx, entry, *now).await? else { continue };
            let user = user::find_in(tx, &entry.user_id).await?.filter(User::is_active);
            let mut sessions = session::live_of_user_in(tx, &entry.user_id, *now).await?;
            sessions.retain(|session| session.channel == entry.channel);
            claimed.push(Claimed { entry, live: user.zip(sessions.pop()) });
        }
        Ok(claimed)
    }
    .boxed()
}

/// Lets go of entries that were tried.
fn settle<'t>(tx: &'t mut Tx<'_>, app: App, job: Arc<(Tried, Time)>) -> BoxFuture<'t, Result<()>> {
    async move {
        let (Tried { written, failed }, now) = &*job;
        let mut lost = Vec::new();
        for entry in written {
            if outbox::settle(tx, entry, *now).await? == Settled::Lost {
                lost.push(entry);
            }
        }
        for entry in failed {
            if outbox::put_off(tx, entry, now.plus(PAUSE)).await? == Settled::Lost {
                lost.push(entry);
            }
        }
        // What was written here may have come after what the other node wrote.
        for Entry { channel, user_id, .. } in lost {
            user::lock(tx, user_id).await?;
            app.mark_copy(tx, (channel, user_id), *now).await?;
        }
        Ok(())
    }
    .boxed()
}
