//! Everything a request or a command needs, put together once at start.

mod cookies;
pub mod inspect;
mod nudges;
mod start;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::hmac;
use countersign::layer::{Cookies, VerifyAndAsk};
use countersign::{Profile, RefreshTokens, Verifier};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{Notify, Semaphore};
use zeroize::Zeroizing;

pub(crate) use self::start::database_options;
pub use self::start::{Notices, Setup, StartError, check_database_file};
use self::start::{Opened, join, open, put_check, raise_longest_access_ttl, redis, shared_clock};
use crate::api_keys::ApiKeys;
use crate::audit::Audit;
use crate::clock::{Clock, Time};
use crate::config::Config;
use crate::db::{self, Db, DbError, Tx};
use crate::entropy::Entropy;
use crate::error::{Error, Result};
use crate::identifier::Shapes;
use crate::keys::{Keys, Sealing};
use crate::memory;
use crate::metrics::Metrics;
use crate::node::{self, Node};
use crate::numbers::Numbers;
use crate::operations::mirror::Mirrors;
use crate::operations::refusals::RefusalPacing;
use crate::operations::seals::{SealKey, Seals};
use crate::operations::status_lists::StatusLists;
use crate::operations::turns::Turns;
use crate::operations::user_gate::{Passed, UserGate};
use crate::operations::{Caller, Terms};
use crate::password::{HashLane, LaneOptions};
use crate::redis::Redis;
use crate::secrets::MasterSecret;
use crate::shared_clock::SharedClock;
use crate::tables::counter;
use crate::traces::Traces;
use crate::uses::Uses;

/// How many good tokens a verifier remembers, so that their signatures are not checked again: in
/// 16 MiB at most, see [`Verifier::remember`].
const REMEMBERED_TOKENS: usize = 8_192;

/// How many snapshots of the revocations are written at a time.
const MAX_SNAPSHOTS: usize = 64;

/// The channel of sessions that were begun through the native API.
pub const NATIVE: &str = "native";

/// Everything a request or a command needs. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What an [`App`] is made of.
pub struct Parts {
    /// What the operator set.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// The time of all nodes, and how far this one is from it.
    pub shared_clock: SharedClock,
    /// The randomness.
    pub entropy: Entropy,
    /// The database.
    pub db: Db,
    /// This process among the others.
    pub node: Node,
    /// What helps the database, where it is configured.
    pub redis: Option<Redis>,
    /// The native signing keys.
    pub keys: Keys,
    /// The API keys of programs that ask.
    pub(crate) known_api_keys: ApiKeys,
    /// The one way to hash passwords.
    pub lane: HashLane,
    /// What is a phone number here.
    pub shapes: Shapes,
    /// The native access tokens' verifier.
    pub verifier: Verifier,
    /// Whether native access tokens are good: the verifier, and what this node knows of revocations.
    pub(crate) access_tokens: VerifyAndAsk,
    /// Those of cookie mode, if it is on.
    pub cookies: Option<Cookies>,
    pub(crate) sealing: Sealing,
    pub(crate) master: Arc<MasterSecret>,
    pub(crate) refresh_tokens: RefreshTokens,
    pub(crate) failure_key: hmac::Key,
    /// What is copied to Redis.
    pub mirrors: Mirrors,
    pub(crate) turns: Turns,
    pub(crate) refusal_pacing: RefusalPacing,
    pub(crate) user_gate: Option<UserGate>,
    pub(crate) numbers: Numbers,
    pub(crate) status_indexes: Numbers,
    pub(crate) status_lists: StatusLists,
    pub(crate) uses: Uses,
    /// Number of events made by this process; orders the ids of events of one millisecond.
    pub(crate) events_made: AtomicU64,
    /// Whether a right password, as it was typed, is also stored in the form of clients that
    /// send its SHA-256.
    pub(crate) wants_client_sha256: bool,
    pub(crate) audit: Audit,
    pub(crate) seals: Seals,
    pub(crate) followers: Followers,
    /// What is counted.
    pub metrics: Metrics,
    /// Where requests are traced to, if anywhere.
    pub traces: Option<Traces>,
}

/// Room for those who follow the revocations.
pub(crate) struct Followers {
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) snapshots: Arc<Semaphore>,
}

impl Followers {
    fn new(max_streams: usize) -> Self {
        let snapshots = Arc::new(Semaphore::new(MAX_SNAPSHOTS));
        Self { streams: Arc::new(Semaphore::new(max_streams)), snapshots }
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Opens the database, finds the secrets, joins the other nodes and makes sure that there is a
    /// key to sign with.
    pub async fn build(setup: Setup) -> Result<(Self, Notices), StartError> {
        let Opened { db, master, previous, check, mut notices } = Box::pin(open(&setup)).await?;
        let shared_clock = shared_clock(&db, &setup.clock, (setup.command, &mut notices)).await?;
        let longest = setup.config.tokens.access_ttl.max(setup.dialects_access_ttl);
        raise_longest_access_ttl(&db, longest).await?;
        let node = join(&db, &shared_clock, &setup).await?;
        let Setup { config, clock, entropy, command, shapes, .. } = setup;
        let (now, block) = (shared_clock.now(), if command { 1 } else { 100 });
        let traces = if command { None } else { Traces::start(&config.traces, node.id())? };
        let sealing = Sealing::new(master.clone(), previous.clone());
        let seals = Seals::new(Box::pin(SealKey::load(&db, &sealing, &entropy)).await?);
        let keys = signing_keys(db.clone(), (&sealing, now), &node).await?;
        let known_api_keys = api_keys(db.clone(), &node).await?;
        let earlier = |label: &str| previous.as_ref().map(|previous| previous.derive(label));
        let [refresh, csrf] =
            ["refresh", "csrf"].map(|label| (master.derive(label), earlier(label)));
        let redis = Box::pin(redis(&config, &master, (command, &mut notices))).await?;
        let verifier = verifier(&config, &keys);
        let app = Self(Arc::new(Parts {
            lane: HashLane::new(lane_options(&config, command), entropy.clone())?,
            access_tokens: VerifyAndAsk::new(verifier.clone(), node.standing()),
            verifier,
            cookies: cookies::cookies(&config, (&*csrf.0, as_slice(csrf.1.as_ref())))?,
            refresh_tokens: RefreshTokens::new(&*refresh.0, as_slice(refresh.1.as_ref()))
                .ok_or(Error::Internal("a derived key of less than 32 bytes"))?,
            failure_key: hmac::Key::new(hmac::HMAC_SHA256, &*master.derive("failures")),
            audit: audit(&config)?,
            mirrors: Mirrors::new(if redis.is_some() { setup.mirrored } else { Vec::new() }),
            turns: Turns::default(),
            refusal_pacing: RefusalPacing::default(),
            user_gate: user_gate(&config, &db),
            numbers: Numbers::in_blocks_of(block, counter::USER_NUMBER),
            status_indexes: Numbers::in_blocks_of(block, counter::STATUS_INDEX),
            status_lists: StatusLists::default(),
            uses: Uses::default(),
            events_made: AtomicU64::new(0),
            followers: Followers::new(config.http.max_streams),
            shapes,
            wants_client_sha256: setup.dialects_want_client_sha256,
            config,
            clock,
            shared_clock,
            entropy,
            db,
            node,
            redis,
            keys,
            known_api_keys,
            sealing,
            master,
            seals,
            metrics: Metrics::default(),
            traces,
        }));
        app.prepare_keys(&Caller::command(now), command).await?;
        // Last: until all is sealed anew, the previous master secret must still be named.
        if check.is_some() {
            put_check(&app.db, check.as_deref(), &app.master).await?;
        }
        Ok((app, notices))
    }

    /// The terms of sessions that are begun through the native API.
    pub fn native_terms(&self) -> Terms {
        let sessions = &self.config.sessions;
        Terms {
            channel: NATIVE.to_owned(),
            idle_ttl: sessions.refresh_ttl,
            absolute_ttl: sessions.absolute_ttl,
            single: false,
        }
    }

    /// How passwords are hashed, as the operator set it.
    pub(crate) fn lane_options(&self) -> LaneOptions {
        lane_options(&self.config, false)
    }

    /// Does `change` through the one door for writes; it may run several times.
    ///
    /// Where it read that something had ended ([`Tx::note_end`]), this node learns before the answer
    /// all that was committed: whoever answers that a session has ended refuses its tokens from then
    /// on, whoever ended it and wherever.
    pub async fn write<T, J>(
        &self,
        name: &'static str,
        job: J,
        change: impl for<'t> Fn(&'t mut Tx<'_>, App, Arc<J>) -> BoxFuture<'t, Result<T>>
        + Send
        + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        J: Send + Sync + 'static,
    {
        self.write_holding((), name, job, change).await
    }

    /// As [`App::write`], for a change that locks the row of this user: it waits for the user's other
    /// changes first, and not for long.
    ///
    /// # Errors
    /// [`Error::Overloaded`] where they take long.
    pub async fn write_for<T, J>(
        &self,
        user_id: &str,
        name: &'static str,
        job: J,
        change: impl for<'t> Fn(&'t mut Tx<'_>, App, Arc<J>) -> BoxFuture<'t, Result<T>>
        + Send
        + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        J: Send + Sync + 'static,
    {
        let passed = self.pass_user_gate(user_id).await?;
        self.write_holding(passed, name, job, change).await
    }

    /// Waits for the user's other changes, and not for long.
    ///
    /// # Errors
    /// [`Error::Overloaded`] where they take long.
    pub(crate) async fn pass_user_gate(&self, user_id: &str) -> Result<Option<Passed>> {
        match &self.user_gate {
            Some(gate) => gate.pass(user_id).await.map(Some),
            None => Ok(None),
        }
    }

    /// Holds `held` until the write has ended, also where nobody waits for it any longer.
    pub(crate) async fn write_holding<T, J>(
        &self,
        held: impl Send + Sync + 'static,
        name: &'static str,
        job: J,
        change: impl for<'t> Fn(&'t mut Tx<'_>, App, Arc<J>) -> BoxFuture<'t, Result<T>>
        + Send
        + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        J: Send + Sync + 'static,
    {
        let (app, job, held) = (self.clone(), Arc::new(job), Arc::new(held));
        let met_end = Arc::new(AtomicBool::new(false));
        let written = self.db.write(name, {
            let met_end = Arc::clone(&met_end);
            move |tx| {
                let _held = Arc::clone(&held);
                tx.note_ends_in(Arc::clone(&met_end));
                change(tx, app.clone(), job.clone())
            }
        });
        let result = written.await;
        if met_end.load(Ordering::SeqCst) && !matches!(result, Err(Error::Db(_))) {
            // On the heap: as a part of every write it is nested deeper than the compiler looks.
            self.catch_up().boxed().await?;
        }
        result
    }

    /// Learns all that other nodes committed before this call.
    pub async fn catch_up(&self) -> Result<()> {
        self.node.catch_up().await?;
        self.read_changed().await
    }

    /// Reads the keys anew if they changed.
    async fn read_changed(&self) -> Result<()> {
        self.keys.settle(self.clock.now()).await?;
        Ok(self.known_api_keys.settle().await?)
    }

    /// A token named a key that this node does not know: looks once, however many ask.
    pub(crate) async fn nudge(&self, now: Time) {
        let looked = match self.node.nudge().await {
            Ok(()) => self.keys.settle(now).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = looked {
            tracing::warn!(%error, "cannot look for a key that a token names");
        }
    }

    /// Runs the background tasks of a server until it is dropped: reads the changes of other nodes,
    /// sends heartbeats, compares its clock with the database's, writes which tokens were used, seals
    /// events, rotates keys, deletes expired rows, returns freed memory, and exchanges nudges and copies
    /// through Redis.
    pub async fn attend(&self) {
        // On the heap: each of these is large.
        let with_redis = Box::pin(async { tokio::join!(self.exchange_nudges(), self.mirror()) });
        let speak = async { tokio::join!(self.say_alive(), self.resolve_doubts()) };
        let follow = Box::pin(async {
            tokio::join!(self.follow(), speak, self.write_uses(), self.shared_clock.watch())
        });
        let care = Box::pin(async { tokio::join!(self.keep_sealing(), self.keep_rotating()) });
        tokio::join!(follow, care, self.keep_house(), with_redis, memory::return_freed());
    }

    /// Nothing that takes long stands between two looks: it would make this node stale.
    async fn follow(&self) {
        let looked = Notify::new();
        let look = async {
            let mut ticks = ticks(node::INTERVAL);
            loop {
                ticks.tick().await;
                match self.node.catch_up().await {
                    Ok(()) => looked.notify_one(),
                    Err(error) => tracing::warn!(%error, "cannot read what other nodes changed"),
                }
            }
        };
        let read_changed = async {
            loop {
                looked.notified().await;
                if let Err(error) = self.read_changed().await {
                    tracing::warn!(%error, "cannot read the keys that other nodes changed");
                }
            }
        };
        tokio::join!(look, read_changed);
    }

    async fn say_alive(&self) {
        let mut ticks = ticks(Duration::from_secs(1));
        loop {
            let is_asked = tokio::select! {
                _ = ticks.tick() => false,
                () = self.node.has_newcomer() => true,
            };
            if !self.shared_clock.may_tell() {
                continue;
            }
            let said =
                if is_asked { self.node.say_alive().await } else { self.node.heartbeat().await };
            if let Err(error) = said {
                tracing::warn!(%error, "cannot tell other nodes that this one lives");
            }
        }
    }

    async fn resolve_doubts(&self) {
        let mut ticks = ticks(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            if let Err(error) = self.node.resolve_doubts().await {
                tracing::warn!(%error, "cannot ask whether a change was committed");
            }
        }
    }

    async fn write_uses(&self) {
        let mut ticks = ticks(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            if let Err(error) = self.flush_uses().await {
                tracing::warn!(%error, "cannot write which sessions are in use");
            }
        }
    }

    /// Ends in good order: what was noted is written, the others know, the files are complete.
    pub async fn shut_down(&self) -> Result<()> {
        let ended = self.end().await;
        if let Some(traces) = &self.traces {
            traces.shut_down().await;
        }
        ended
    }

    async fn end(&self) -> Result<()> {
        self.flush_uses().await?;
        self.end_sealing().await?;
        self.end_housekeeping().await?;
        self.node.leave().await?;
        self.audit.flush();
        self.db.close().await;
        Ok(())
    }
}

fn as_slice(secret: Option<&Zeroizing<[u8; 32]>>) -> Option<&[u8]> {
    secret.map(|secret| secret.as_slice())
}

pub(crate) fn ticks(interval: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks
}

/// The signing keys, which are loaded anew when another node changes them.
async fn signing_keys(db: Db, (sealing, now): (&Sealing, Time), node: &Node) -> Result<Keys> {
    let keys = Keys::load(db, sealing.clone(), now).await?;
    node.on_keys_changed({
        let keys = keys.clone();
        move || keys.mark_changed()
    });
    Ok(keys)
}

/// The API keys, read anew whenever a node changed them.
async fn api_keys(db: Db, node: &Node) -> Result<ApiKeys, DbError> {
    let keys = ApiKeys::load(db).await?;
    node.on_api_keys_changed({
        let keys = keys.clone();
        move || keys.mark_changed()
    });
    Ok(keys)
}

/// How many writes of one user are under way at a time: a part of the connections. SQLite's writer
/// runs one after another anyway.
fn user_gate(config: &Config, db: &Db) -> Option<UserGate> {
    let at_a_time = (config.database.max_connections / 8).clamp(1, 2);
    let at_a_time = usize::try_from(at_a_time).unwrap_or(1);
    (db.kind() != db::Kind::Sqlite).then(|| UserGate::new(at_a_time))
}

fn verifier(config: &Config, keys: &Keys) -> Verifier {
    Verifier::new(Profile::ACCESS, keys.ring())
        .issuer(config.issuer())
        .audience(config.audience())
        .leeway(config.tokens.leeway)
        .remember(REMEMBERED_TOKENS)
}

fn audit(config: &Config) -> Result<Audit, StartError> {
    let file = config.audit_file();
    Ok(file
        .map(|path| Audit::open(&path))
        .transpose()
        .map_err(StartError::Audit)?
        .unwrap_or_default())
}

fn lane_options(config: &Config, command: bool) -> LaneOptions {
    let passwords = &config.passwords;
    LaneOptions {
        lanes: if command { 1 } else { passwords.lanes },
        queue: passwords.queue,
        memory_kib: passwords.memory_kib,
        iterations: passwords.iterations,
        parallelism: passwords.parallelism,
    }
}
