//! Redis, a helper of the database: it carries nudges between nodes, and copies of tokens for other
//! services. It never decides: whatever it says, or does not say, the database has the last word.
//!
//! No request waits for a Redis that is away. The first that gets no answer in time says so; from
//! then on everybody goes on without it at once, while it is tried again in the background.

mod link;
mod nudges;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind};
use tokio::sync::watch;
use tokio::time::timeout;

use self::link::Link;
use crate::config::RedisServers;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_millis(300);
/// Between the first attempts to reach it again; each next pause is twice as long.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// The servers of Redis. Cheap to clone.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    servers: RedisServers,
    prefix: String,
    state: Mutex<State>,
    is_up: watch::Sender<bool>,
}

enum State {
    /// Nobody has needed it yet.
    Idle,
    /// It answered last time. The number tells one link from the next.
    Up(Link, u64),
    /// It did not, and is being tried in the background.
    Away,
}

/// Why Redis was of no help.
#[derive(Debug, thiserror::Error)]
pub enum NoHelp {
    /// It is known to be away.
    #[error("it is away")]
    Away,
    /// It did not answer in time: the command may still be obeyed.
    #[error("it did not answer in time")]
    TooLate,
    /// It cannot be reached, or is not the server it should be.
    #[error(transparent)]
    Failed(RedisError),
    /// It answers, and refuses this command: what is in the key's place is something else, say.
    #[error(transparent)]
    Refused(RedisError),
}

impl From<RedisError> for NoHelp {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            ErrorKind::Extension
            | ErrorKind::UnexpectedReturnType
            | ErrorKind::Server(ServerErrorKind::ResponseError | ServerErrorKind::NoPerm) => {
                Self::Refused(error)
            }
            _ => Self::Failed(error),
        }
    }
}

impl NoHelp {
    /// Why Redis cannot be used at start, and what that means.
    pub fn explain(&self) -> String {
        let refuses = match self {
            Self::Refused(_) => true,
            Self::Failed(error) => {
                matches!(error.kind(), ErrorKind::AuthenticationFailed | ErrorKind::Server(_))
            }
            Self::Away | Self::TooLate => false,
        };
        let what = if refuses { "it refuses this server" } else { "nothing answers there" };
        format!("{what} ({self}); the database does its work meanwhile")
    }
}

impl Redis {
    /// Those servers, not asked yet. What nodes with other secrets keep there stays apart from
    /// what those with this `name` do.
    pub fn new(servers: RedisServers, name: &[u8]) -> Self {
        Self(Arc::new(Inner {
            servers,
            prefix: format!("countersign:{}", URL_SAFE_NO_PAD.encode(name)),
            state: Mutex::new(State::Idle),
            is_up: watch::Sender::new(false),
        }))
    }

    /// Reaches out for the first time. Where nothing answers, it is tried again in the background.
    pub async fn connect(&self) -> Result<(), NoHelp> {
        match Link::connect(&self.0.servers).await {
            Ok(link) => {
                self.0.put(link, 1);
                Ok(())
            }
            Err(error) => {
                self.0.lose(0);
                Err(error)
            }
        }
    }

    /// Asks, waiting a moment for the answer; at once `Err` while Redis is known to be away.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, NoHelp> {
        let (mut link, number) = match &*self.0.state.lock() {
            State::Up(link, number) => (link.clone(), *number),
            State::Idle | State::Away => return Err(NoHelp::Away),
        };
        let answer = match timeout(PATIENCE, link.ask(command)).await {
            Ok(answer) => answer.map_err(NoHelp::from),
            Err(_) => Err(NoHelp::TooLate),
        };
        if let Err(error @ (NoHelp::TooLate | NoHelp::Failed(_))) = &answer {
            tracing::warn!(%error, "Redis is away; the database does its work meanwhile");
            self.0.lose(number);
        }
        answer.and_then(|value| T::from_redis_value(value).map_err(|it| NoHelp::Refused(it.into())))
    }

    /// Changes to true when Redis can be asked, and to false when it is away.
    pub fn is_up(&self) -> watch::Receiver<bool> {
        self.0.is_up.subscribe()
    }

    /// The name of something that nodes of this database alone keep in Redis.
    pub(crate) fn name(&self, what: &str) -> String {
        format!("{}:{what}", self.0.prefix)
    }
}

impl Inner {
    fn put(&self, link: Link, number: u64) {
        *self.state.lock() = State::Up(link, number);
        self.is_up.send_replace(true);
    }

    /// Lets go of the link with this number, unless there is a newer one, and tries for another.
    fn lose(self: &Arc<Self>, number: u64) {
        let mut state = self.state.lock();
        let is_lost = match &*state {
            State::Idle => true,
            State::Up(_, current) => *current == number,
            State::Away => false,
        };
        if !is_lost {
            return;
        }
        *state = State::Away;
        drop(state);
        self.is_up.send_replace(false);
        let this = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut pause = PAUSE;
            loop {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                let Some(this) = this.upgrade() else { return };
                match Link::connect(&this.servers).await {
                    Ok(link) => {
                        tracing::info!("Redis is there");
                        return this.put(link, number + 1);
                    }
                    Err(error) => tracing::debug!(%error, "Redis is still away"),
                }
            }
        });
    }
}
