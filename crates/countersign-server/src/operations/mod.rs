//! The rules: what happens when people register, log in, refresh and log out. Neither HTTP nor SQL
//! is known here.

pub mod accounts;
pub mod actor;
mod admins;
pub mod api_keys;
pub mod changes;
pub mod clearance;
pub mod credentials;
pub mod directory;
pub mod events;
mod identifiers;
pub mod import;
pub mod invitations;
pub mod keys;
pub mod lasting;
pub mod legacy;
pub mod log_in;
pub mod log_out;
pub mod mirror;
pub mod moving;
pub mod page;
pub mod password;
pub mod purge;
mod rate_limits;
pub mod record;
pub mod refresh;
pub mod refusals;
pub mod register;
pub mod roles;
pub mod seals;
pub mod sessions;
pub mod status_lists;
pub mod throttle;
pub mod tokens;
pub mod turns;
pub mod user_gate;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use self::actor::Actor;
use self::record::Action;
use crate::clock::Time;

/// The longest text that a client may call itself.
pub const AGENT_LENGTH: usize = 400;

/// What a command of the operator's is called as an actor. No user has such an id.
const COMMAND: &str = "command";

/// Who asks, from where, and when: read once, when a command begins or a request has arrived with its
/// body.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The moment that the whole operation takes for now.
    pub now: Time,
    /// Where the request came from; a command has none.
    pub address: Option<IpAddr>,
    /// What the client calls itself: at most [`AGENT_LENGTH`] characters, none of control.
    pub agent: Option<String>,
    /// The actor, where it is not the user whom the operation is about.
    pub actor: Option<Actor>,
    /// The session of the access token in the request, if there is one. A change that users make to their
    /// own account is refused where it has ended.
    pub session_id: Option<String>,
    /// What a log of actions beside the events is told of the request.
    pub action: Option<Action>,
}

impl Caller {
    /// A command of the operator's.
    pub fn command(now: Time) -> Self {
        Self { actor: Some(Actor::Command), ..Self::nobody(now) }
    }

    /// Whether it is one.
    pub(crate) fn is_command(&self) -> bool {
        self.actor == Some(Actor::Command)
    }

    /// What happens because its time has come.
    pub fn nobody(now: Time) -> Self {
        Self { now, address: None, agent: None, actor: None, session_id: None, action: None }
    }

    /// The address whose networks take a share of the hash lane.
    fn lane_address(&self) -> IpAddr {
        self.address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

/// What a session is begun through, and how long it lives.
#[derive(Clone, Debug)]
pub struct Terms {
    /// `native`, or the dialect's name.
    pub channel: String,
    /// It is over when it is not refreshed for so long.
    pub idle_ttl: Duration,
    /// It is over so long after the login in any case.
    pub absolute_ttl: Duration,
    /// Whether a login ends the user's other sessions of the same channel.
    pub single: bool,
}
