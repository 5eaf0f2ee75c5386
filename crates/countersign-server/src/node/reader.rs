//! Reads what the other nodes wrote. No clocks, no order of commits assumed: for each node the
//! highest floor is kept, everything from there on is read again, and applying a row twice changes
//! nothing.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Node, in_memory};
use crate::clock::Time;
use crate::db::{DbError, Kind};
use crate::tables::change::{self, NodeChange};
use crate::tables::node::{self, KnownNode};
use crate::tables::revocation;

/// How often a node looks.
pub const INTERVAL: Duration = Duration::from_millis(200);
/// After so long without a look, nodes may have been purged with their changes unread: everything
/// is loaded anew.
const TOO_LONG: Duration = Duration::from_mins(5);
/// How long the rows of nodes are kept that have ended or died. Far longer than `TOO_LONG`, since
/// clocks differ.
pub const NODES_KEPT: Duration = Duration::from_mins(15);
/// A process that said nothing for so long has nothing under way: whoever writes a change later than
/// [`super::UNHEARD`] after its last word says in the same transaction that it lives, and no
/// transaction lasts for the rest.
const SILENT: Duration = Duration::from_mins(2);
/// After so long without a word, a process is taken for dead.
pub const DEAD: Duration = Duration::from_secs(35);

/// Where this node stands in what the others write.
#[derive(Default)]
pub(super) struct Position {
    heard: Option<HashMap<String, Heard>>,
    data_version: Option<i64>,
    last_look: Option<Duration>,
}

/// Where this node stands in what one node writes.
struct Heard {
    floor: i64,
    seen_at: Time,
    /// Since when, by this node's own clock, `seen_at` is what it is.
    since: Duration,
    /// Whether all its changes were read: it has ended, or is silent for long.
    done: bool,
}

/// The last look that ended.
#[derive(Default)]
pub(super) struct Looked {
    position: Position,
    number: u64,
    result: Option<DbError>,
}

impl Node {
    /// Learns all that was committed before this call. Of many who ask at once, each waits for at
    /// most two looks.
    pub async fn catch_up(&self) -> Result<(), DbError> {
        let begun = self.0.looks.load(Ordering::SeqCst);
        let mut looked = self.0.looked.lock().await;
        // One that began after this call will do.
        if looked.number > begun {
            return looked.result.clone().map_or(Ok(()), Err);
        }
        self.look(&mut looked).await
    }

    /// As [`Node::catch_up`], but at most every 200 ms, whoever asks: a token that names an
    /// unknown key may cause one read, not as many as there are such tokens.
    pub async fn nudge(&self) -> Result<(), DbError> {
        let mut looked = self.0.looked.lock().await;
        let now = self.0.clock.monotonic();
        match looked.position.last_look {
            Some(last) if now.saturating_sub(last) < INTERVAL => Ok(()),
            _ => {
                looked.position.data_version = None;
                self.look(&mut looked).await
            }
        }
    }

    async fn look(&self, looked: &mut Looked) -> Result<(), DbError> {
        let number = self.0.looks.fetch_add(1, Ordering::SeqCst) + 1;
        // On the heap: every write may look, and the compiler does not follow futures nested deeper.
        let result = Box::pin(self.look_from(&mut looked.position)).await;
        (looked.number, looked.result) = (number, result.clone().err());
        result
    }

    async fn look_from(&self, position: &mut Position) -> Result<(), DbError> {
        let before = self.0.freshness.moment();
        let now = self.0.clock.monotonic();
        let age = self.0.freshness.age();
        if age.is_some_and(|age| age > TOO_LONG) {
            *position = Position::default();
        }
        let was_out_of_touch = age.is_some() && !self.0.freshness.is_fresh();
        let version = self.0.db.data_version()?;
        if version.is_none() || version != position.data_version {
            match &mut position.heard {
                Some(heard) => self.read(heard).await?,
                heard @ None => *heard = Some(self.load().await?),
            }
        }
        position.data_version = version;
        position.last_look = Some(now);
        if was_out_of_touch {
            *self.0.back_since.lock() = Some(self.0.freshness.moment());
        }
        self.0.freshness.confirm(before);
        Ok(())
    }

    /// Loads all revocations, and has all else loaded that changes tell of. What is committed after a node's floor was
    /// read is read again later, what was before is among the rows.
    async fn load(&self) -> Result<HashMap<String, Heard>, DbError> {
        let db = &self.0.db;
        let now = self.0.clock.monotonic();
        let heard = |KnownNode { node, floor }| {
            let done = node.ended_at.is_some();
            (node.id, Heard { floor, seen_at: node.seen_at, since: now, done })
        };
        let heard = node::list_known(db).await?.into_iter().map(heard).collect();
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
        Ok(heard)
    }

    /// Reads once, and once more where a node is new.
    async fn read(&self, heard: &mut HashMap<String, Heard>) -> Result<(), DbError> {
        loop {
            let now = self.0.clock.monotonic();
            let awaited = heard.iter().filter(|(_, heard)| !heard.done);
            let positions: Vec<_> = awaited
                .map(|(node, heard)| change::Position { node: node.clone(), floor: heard.floor })
                .collect();
            let look = change::look(&self.0.db, &positions).await?;
            for NodeChange { node, row } in &look.changes {
                self.apply(row);
                if let Some(heard) = heard.get_mut(node) {
                    heard.floor = heard.floor.max(row.floor);
                }
            }
            self.note_sharing(&look.nodes);
            self.note_newcomers(heard, &look.nodes);
            if !note_nodes(heard, &look.nodes, now) {
                return Ok(());
            }
        }
    }

    fn note_newcomers(&self, heard: &HashMap<String, Heard>, nodes: &[node::Node]) {
        let joined = |node: &node::Node| node.ended_at.is_none() && !heard.contains_key(&node.id);
        if self.0.db.kind() == Kind::Sqlite && nodes.iter().any(joined) {
            self.0.newcomers.notify_one();
        }
    }

    /// Tells a SQLite writer whether other processes use the file.
    fn note_sharing(&self, nodes: &[node::Node]) {
        let dead = self.0.clock.now().minus(DEAD);
        let shares = |node: &node::Node| {
            node.id != self.0.id && node.ended_at.is_none() && node.seen_at > dead
        };
        self.0.db.set_shared(nodes.iter().any(shares));
    }
}

/// Notes which nodes there were when the changes of those that are not done were read, which was
/// after `now`; whether some of them were not read and must be.
fn note_nodes(heard: &mut HashMap<String, Heard>, nodes: &[node::Node], now: Duration) -> bool {
    let mut unread = false;
    for node in nodes {
        let Some(known) = heard.get_mut(&node.id) else {
            let new = Heard { floor: 0, seen_at: node.seen_at, since: now, done: false };
            heard.insert(node.id.clone(), new);
            unread = true;
            continue;
        };
        if known.seen_at != node.seen_at {
            (known.seen_at, known.since) = (node.seen_at, now);
            if known.done {
                known.done = false;
                unread = true;
                continue;
            }
        }
        known.done |= node.ended_at.is_some() || now.saturating_sub(known.since) > SILENT;
    }
    if heard.len() > nodes.len() {
        let ids: HashSet<&str> = nodes.iter().map(|node| &*node.id).collect();
        heard.retain(|id, _| ids.contains(&**id));
    }
    unread
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, seen_at: i64, ended: bool) -> node::Node {
        let seen_at = Time(seen_at);
        node::Node { id: id.to_owned(), seen_at, ended_at: ended.then_some(seen_at) }
    }

    /// Those whose changes the next look reads, after one at `minute` found these nodes.
    fn awaited(
        heard: &mut HashMap<String, Heard>,
        nodes: &[node::Node],
        minute: u64,
    ) -> Vec<String> {
        note_nodes(heard, nodes, Duration::from_mins(minute));
        let mut awaited: Vec<_> =
            heard.iter().filter(|(_, heard)| !heard.done).map(|(id, _)| id.clone()).collect();
        awaited.sort();
        awaited
    }

    #[test]
    fn a_node_is_read_once_more_after_it_ended_or_was_silent_for_long() {
        let mut heard = HashMap::new();
        let (a, b) = (node("a", 1, false), node("b", 1, true));
        assert!(note_nodes(&mut heard, &[a.clone(), b.clone()], Duration::ZERO), "both are new");
        assert_eq!(awaited(&mut heard, &[a.clone(), b.clone()], 0), ["a"]);
        assert_eq!(awaited(&mut heard, &[a.clone(), b.clone()], 2), ["a"]);
        assert_eq!(awaited(&mut heard, &[a.clone(), b.clone()], 3), [""; 0]);
        assert!(!note_nodes(&mut heard, &[a, b.clone()], Duration::from_mins(4)));
        assert_eq!(awaited(&mut heard, &[b], 5), [""; 0]);
        assert_eq!(heard.len(), 1, "a purged node is forgotten");
    }

    #[test]
    fn a_node_that_wakes_is_read_from_where_it_was_left() {
        let mut heard = HashMap::new();
        awaited(&mut heard, &[node("a", 1, false)], 0);
        heard.get_mut("a").expect("it is known").floor = 7;
        assert_eq!(awaited(&mut heard, &[node("a", 1, false)], 3), [""; 0]);
        assert!(note_nodes(&mut heard, &[node("a", 2, false)], Duration::from_mins(9)));
        assert_eq!(awaited(&mut heard, &[node("a", 2, false)], 9), ["a"]);
        assert_eq!(heard["a"].floor, 7);
        assert_eq!(awaited(&mut heard, &[node("a", 2, false)], 12), [""; 0]);
        let woken = [node("a", 3, true)];
        assert!(note_nodes(&mut heard, &woken, Duration::from_mins(13)), "its last changes");
        assert_eq!(awaited(&mut heard, &woken, 13), [""; 0]);
    }
}
