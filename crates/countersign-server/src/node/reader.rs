//! Reads what the other nodes wrote. No clocks, no order of commits assumed: for each node the
//! highest floor is kept, everything from there on is read again, and applying a row twice changes
//! nothing.

use std::collections::HashMap;
use std::time::Duration;

use countersign::Moment;

use super::{Node, in_memory};
use crate::db::DbError;
use crate::tables::{change, node, revocation};

/// How often a node looks.
pub const INTERVAL: Duration = Duration::from_millis(200);
/// After so long without a look, changes may have been purged unread: everything is loaded anew.
const TOO_LONG: Duration = Duration::from_mins(30);
/// How often a node says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The same while the database cannot be written.
const RETRY: Duration = Duration::from_secs(1);
/// Where this node stands in a node that has ended: it was read once more, since its last changes
/// may have been news, and needs no more reading.
const DONE: i64 = i64::MAX;
/// After so long without a word, a process is taken for dead.
pub const DEAD: Duration = Duration::from_secs(35);

/// Where this node stands in what the others write.
#[derive(Default)]
pub(super) struct Position {
    floors: Option<HashMap<String, i64>>,
    data_version: Option<i64>,
    last_look: Option<Duration>,
    last_heartbeat: Option<Moment>,
}

impl Node {
    /// Learns all that was committed before this call.
    pub async fn catch_up(&self) -> Result<(), DbError> {
        let mut position = self.0.position.lock().await;
        self.look(&mut position).await
    }

    /// As [`Node::catch_up`], but at most every 200 ms, whoever asks: a token that names an
    /// unknown key may cause one read, not as many as there are such tokens.
    pub async fn nudge(&self) -> Result<(), DbError> {
        let mut position = self.0.position.lock().await;
        let now = self.0.clock.monotonic();
        match position.last_look {
            Some(last) if now.saturating_sub(last) < INTERVAL => Ok(()),
            _ => {
                position.data_version = None;
                self.look(&mut position).await
            }
        }
    }

    async fn look(&self, position: &mut Position) -> Result<(), DbError> {
        let before = self.0.freshness.moment();
        let now = self.0.clock.monotonic();
        if self.0.freshness.age().is_some_and(|age| age > TOO_LONG) {
            *position = Position::default();
        }
        let version = self.0.db.data_version()?;
        if version.is_none() || version != position.data_version {
            match &mut position.floors {
                Some(floors) => self.read(floors).await?,
                floors @ None => *floors = Some(self.load().await?),
            }
        }
        position.data_version = version;
        position.last_look = Some(now);
        self.0.freshness.confirm(before);
        Ok(())
    }

    /// Loads all revocations, and has all else loaded that changes tell of. What is committed after a node's floor was
    /// read is read again later, what was before is among the rows.
    async fn load(&self) -> Result<HashMap<String, i64>, DbError> {
        let db = &self.0.db;
        let mut floors = HashMap::new();
        for node in node::list(db).await? {
            let floor = change::last_floor(db, &node.id).await?;
            floors.insert(node.id, floor);
        }
        let mut is_news = false;
        let take = |revocation| {
            let revocation = in_memory(revocation);
            is_news |= revocation.is_some_and(|revocation| self.0.revocations.apply(revocation));
        };
        revocation::for_each(db, take).await?;
        // Too many to be told one by one.
        if is_news {
            self.0.news.break_off();
        }
        self.react_to_all();
        Ok(floors)
    }

    async fn read(&self, floors: &mut HashMap<String, i64>) -> Result<(), DbError> {
        let db = &self.0.db;
        let nodes = node::list(db).await?;
        for node in &nodes {
            let floor = floors.get(&node.id).copied().unwrap_or(0);
            if floor == DONE {
                continue;
            }
            let mut highest = floor;
            for row in change::since(db, &node.id, floor).await? {
                highest = highest.max(row.floor);
                self.apply(&row);
            }
            let ended = node.ended_at.is_some();
            floors.insert(node.id.clone(), if ended { DONE } else { highest });
        }
        floors.retain(|id, _| nodes.iter().any(|node| node.id == *id));
        let dead = self.0.clock.now().minus(DEAD);
        let shares = |node: &node::Node| {
            node.id != self.0.id && node.ended_at.is_none() && node.seen_at > dead
        };
        db.set_shared(nodes.iter().any(shares));
        Ok(())
    }

    /// Says that this process lives, every ten seconds, and settles what was in doubt.
    pub async fn heartbeat(&self) -> Result<(), DbError> {
        let freshness = &self.0.freshness;
        let mut position = self.0.position.lock().await;
        // A database that could not be written is tried sooner, so that the node is ready again.
        let every = if self.0.db.problem().is_some() { RETRY } else { HEARTBEAT };
        if position.last_heartbeat.is_some_and(|last| freshness.since(last) < every) {
            return Ok(());
        }
        position.last_heartbeat = Some(freshness.moment());
        self.0.log.settle(self.0.clock.monotonic());
        drop(position);
        let (id, now) = (self.0.id.clone(), self.0.clock.now());
        self.0
            .db
            .write("node_heartbeat", move |tx| {
                let id = id.clone();
                Box::pin(async move {
                    // Others forget a process that slept for long, and would not hear it.
                    if node::seen(tx, &id, now).await? {
                        Ok(())
                    } else {
                        node::insert(tx, &id, now).await
                    }
                })
            })
            .await
    }
}
