//! One process among those that share a database: what it tells the others and what it has heard.

mod doubt;
mod log;
mod news;
mod reader;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use countersign::{Freshness, Moment, RevocationSet, Revocations};
use parking_lot::Mutex;
use tokio::sync::Notify;

use self::log::Log;
pub use self::news::News;
use self::reader::Looked;
pub use self::reader::{DEAD, INTERVAL, NODES_KEPT};
use crate::clock::{Clock, Time};
use crate::db::{Db, DbError, Ended, Tx};
use crate::tables::change::{self, ChangeRow};
use crate::tables::node;
use crate::tables::revocation::{Revocation, Subject};

/// The kind of change that says that the signing keys changed.
const KEYS_CHANGED: &str = "keys";
/// The kind of change that says that the API keys changed.
const API_KEYS_CHANGED: &str = "api_keys";
/// How long such a change is kept for nodes that were away.
const KEPT: Duration = Duration::from_hours(1);
/// How often a node says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The same while the database cannot be written.
const RETRY: Duration = Duration::from_secs(1);
/// A node that said nothing for so long, since it slept or could not write, says that it lives in the
/// transaction of its next change: the others may no longer read what it writes.
const UNHEARD: Duration = Duration::from_secs(30);

/// After a time out of touch, so long the requests are answered that had waited in sockets meanwhile.
const SETTLING: Duration = Duration::from_secs(1);

/// This process, as the others know it. Cheap to clone.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

struct Inner {
    id: String,
    db: Db,
    clock: Clock,
    log: Log,
    revocations: Arc<RevocationSet>,
    news: News,
    freshness: Arc<Freshness>,
    reactions: Mutex<HashMap<&'static str, Reaction>>,
    looked: tokio::sync::Mutex<Looked>,
    /// How many looks have begun.
    looks: AtomicU64,
    /// When this node last said that it lives.
    last_word: Mutex<Moment>,
    /// When this node was last in touch again after it had been out of touch.
    back_since: Mutex<Option<Moment>>,
    written: Notify,
    newcomers: Notify,
}

type Reaction = Arc<dyn Fn() + Send + Sync>;

impl Node {
    /// Makes this process known to the others under the fresh `id`, and learns what they have
    /// said so far.
    pub async fn join(
        db: Db,
        clock: Clock,
        id: String,
        max_staleness: Duration,
    ) -> Result<Self, DbError> {
        let freshness = Arc::new(Freshness::new(clock.source(), max_staleness));
        let (now, last_word) = (clock.now(), Mutex::new(freshness.moment()));
        db.write("node_join", {
            let id = id.clone();
            move |tx| {
                let id = id.clone();
                Box::pin(async move { node::insert(tx, &id, now).await })
            }
        })
        .await?;
        let this = Self(Arc::new(Inner {
            id,
            db,
            freshness,
            clock,
            log: Log::default(),
            revocations: Arc::default(),
            news: News::default(),
            reactions: Mutex::default(),
            looked: tokio::sync::Mutex::default(),
            looks: AtomicU64::new(0),
            last_word,
            back_since: Mutex::default(),
            written: Notify::new(),
            newcomers: Notify::new(),
        }));
        this.catch_up().await?;
        Ok(this)
    }

    /// The id of this process among the others.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Waits until changes that the others must learn were committed here since it last waited.
    pub async fn has_written(&self) {
        self.0.written.notified().await;
    }

    /// Waits until a process joined that this one did not know, on SQLite: it compares its clock with
    /// what the others write.
    pub async fn has_newcomer(&self) {
        self.0.newcomers.notified().await;
    }

    /// Says what is to happen when another node, or this one, changed the signing keys.
    pub fn on_keys_changed(&self, react: impl Fn() + Send + Sync + 'static) {
        self.0.reactions.lock().insert(KEYS_CHANGED, Arc::new(react));
    }

    /// Says what is to happen when another node, or this one, changed the API keys.
    pub fn on_api_keys_changed(&self, react: impl Fn() + Send + Sync + 'static) {
        self.0.reactions.lock().insert(API_KEYS_CHANGED, Arc::new(react));
    }

    /// The revocations that this node knows of.
    pub fn revocations(&self) -> &RevocationSet {
        &self.0.revocations
    }

    /// The revocations that this node learnt lately.
    pub fn news(&self) -> &News {
        &self.0.news
    }

    /// How old what this node knows is; `None` before its first look.
    pub fn age(&self) -> Option<Duration> {
        self.0.freshness.age()
    }

    /// Whether this node may say yes: it was in touch with the database lately enough to have
    /// heard of every revocation within the promised time.
    pub fn is_fresh(&self) -> bool {
        self.0.freshness.is_fresh()
    }

    /// Whether this node is fresh and has been so for a second. A process that was stopped for some
    /// seconds finds requests in its sockets whose clients have long sent them again to another node.
    pub fn is_settled(&self) -> bool {
        let back_since = *self.0.back_since.lock();
        self.is_fresh()
            && back_since.is_none_or(|moment| self.0.freshness.since(moment) >= SETTLING)
    }

    /// Who a check of tokens asks: the revocations, and after them whether this node may say yes.
    pub fn standing(&self) -> Revocations {
        Revocations::fed(Arc::clone(&self.0.revocations), Arc::clone(&self.0.freshness))
    }

    /// Writes a revocation's change, in the revocation's own transaction. It acts here before the
    /// change is answered, and on the other nodes when they read it.
    pub async fn announce(&self, tx: &mut Tx<'_>, revocation: &Revocation) -> Result<(), DbError> {
        self.change(tx, Revocation::CHANGE, revocation.to_text(), revocation.until).await
    }

    /// Writes that the signing keys changed, in the same transaction.
    pub async fn announce_keys(&self, tx: &mut Tx<'_>, now: Time) -> Result<(), DbError> {
        self.change(tx, KEYS_CHANGED, String::new(), now.plus(KEPT)).await
    }

    /// Writes that the API keys changed, in the same transaction.
    pub async fn announce_api_keys(&self, tx: &mut Tx<'_>, now: Time) -> Result<(), DbError> {
        self.change(tx, API_KEYS_CHANGED, String::new(), now.plus(KEPT)).await
    }

    async fn change(
        &self,
        tx: &mut Tx<'_>,
        kind: &'static str,
        subject: String,
        until: Time,
    ) -> Result<(), DbError> {
        self.speak_up(tx).await?;
        let (seq, floor) = self.0.log.begin();
        let row = ChangeRow { seq, floor, kind: kind.to_owned(), subject, until };
        let (this, applied) = (self.clone(), row.clone());
        // Registered before the row is written, so that a failed write frees its number too.
        tx.at_end(move |ended| {
            match ended {
                Ended::Committed => {
                    this.apply(&applied);
                    this.0.written.notify_one();
                }
                Ended::RolledBack => {}
                Ended::Unknown => return this.0.log.doubt(applied),
            }
            this.0.log.end(seq);
        });
        change::insert(tx, &self.0.id, &row).await
    }

    /// Says that this process lives, unless it did lately.
    pub async fn heartbeat(&self) -> Result<(), DbError> {
        // A database that could not be written is tried sooner, so that the node is ready again.
        let every = if self.0.db.problem().is_some() { RETRY } else { HEARTBEAT };
        if self.has_spoken_within(every) {
            return Ok(());
        }
        self.say_alive().await
    }

    /// Says that this process lives, and what time it is by its clock.
    pub async fn say_alive(&self) -> Result<(), DbError> {
        let moment = self.0.freshness.moment();
        let this = self.clone();
        self.0
            .db
            .write("node_heartbeat", move |tx| {
                // The time at which it is written, not that of the wait for the database: other processes
                // compare their clocks with it.
                let (id, now) = (this.0.id.clone(), this.0.clock.now());
                Box::pin(async move { node::seen(tx, &id, now).await })
            })
            .await?;
        *self.0.last_word.lock() = moment;
        Ok(())
    }

    fn has_spoken_within(&self, time: Duration) -> bool {
        self.0.freshness.since(*self.0.last_word.lock()) < time
    }

    /// Says that this process lives, in a transaction whose change the others must hear of.
    async fn speak_up(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        if self.has_spoken_within(UNHEARD) {
            return Ok(());
        }
        let (this, moment) = (self.clone(), self.0.freshness.moment());
        tx.at_end(move |ended| {
            if ended == Ended::Committed {
                *this.0.last_word.lock() = moment;
            }
        });
        node::seen(tx, &self.0.id, self.0.clock.now()).await
    }

    fn apply(&self, row: &ChangeRow) {
        match row.kind.as_str() {
            Revocation::CHANGE => {
                if let Some(revocation) = Revocation::parse(&row.subject, row.until) {
                    self.revoke(revocation);
                }
            }
            kind => self.react(kind),
        }
    }

    /// What is to happen after a change of this kind; nothing after one that a newer version made.
    fn react(&self, kind: &str) {
        let react = self.0.reactions.lock().get(kind).cloned();
        if let Some(react) = react {
            react();
        }
    }

    /// Has everything read anew that is read after a change.
    fn react_to_all(&self) {
        let reactions: Vec<Reaction> = self.0.reactions.lock().values().cloned().collect();
        for react in reactions {
            react();
        }
    }

    fn revoke(&self, revocation: Revocation) {
        if let Some(revocation) = in_memory(revocation)
            && self.0.revocations.apply(revocation)
        {
            self.0.news.tell(revocation);
        }
    }

    /// Says that this process will write no more, so that nobody reads its changes any longer.
    /// While it is unknown whether one was committed, the others read on until it is silent for long.
    pub async fn leave(&self) -> Result<(), DbError> {
        self.resolve_doubts().await?;
        if !self.0.log.in_doubt().is_empty() {
            return Ok(());
        }
        let (id, now) = (self.0.id.clone(), self.0.clock.now());
        self.0
            .db
            .write("node_leave", move |tx| {
                let id = id.clone();
                Box::pin(async move { node::end(tx, &id, now).await })
            })
            .await
    }
}

/// What nodes keep in memory of a revocation, if they do.
fn in_memory(Revocation { subject, reason, until }: Revocation) -> Option<countersign::Revocation> {
    let until = until.seconds().saturating_add(1);
    Some(match subject {
        Subject::Session(sid) => countersign::Revocation::session(&sid, reason, until),
        Subject::Token(jti) => countersign::Revocation::token(&jti, reason, until),
        Subject::Generations(sid, up_to) => {
            countersign::Revocation::generations(&sid, up_to, until)
        }
        Subject::Refresh(_) => return None,
    })
}
