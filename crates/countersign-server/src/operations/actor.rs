//! Actors: admins and API keys that change other users' data, and users who change their own. Each such
//! change checks its actor again in its own transaction.
//!
//! A request is checked before its transaction begins, with what this node knows at that time. Before the
//! change is written, another node may demote, disable or log out the admin, or revoke the API key; and
//! while a request waits for the hash of a password, its session may end on this node too. So the
//! transaction reads the actor's row and locks it until the commit.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use countersign::EndReason;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{COMMAND, Caller};
use crate::app::App;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::{Error, Refusal, Result};
use crate::tables::api_key;
use crate::tables::session;
use crate::tables::user::{self, User};

/// The actor of an operation, where it is not the user whom the operation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A command of the operator's.
    Command,
    /// A user with the role `admin`.
    Admin {
        /// The admin's id.
        user_id: String,
        /// The session of the access token in the request; tokens of an older system have none.
        session_id: Option<String>,
    },
    /// The holder of the API key with this id.
    ApiKey(String),
}

/// The actor's name in events and invitations.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command => f.write_str(COMMAND),
            Self::Admin { user_id, .. } => f.write_str(user_id),
            Self::ApiKey(id) => write!(f, "api_key:{id}"),
        }
    }
}

impl App {
    /// Writes as [`App::write`] does, after checking the caller's actor in the transaction.
    ///
    /// `users` are the ids of the users whose rows the change locks. They are locked here together
    /// with the actor's row, in the order of their ids, so that two admins who change each other do
    /// not deadlock. A change of a single user waits for the user's other changes first, as
    /// [`App::write_for`] does.
    ///
    /// # Errors
    /// [`Refusal::Ended`] if the admin's session or account has ended, [`Error::NotAdmin`] if the admin
    /// has lost the role, [`Error::ApiKeyRevoked`] if the API key was revoked or has expired. This node
    /// has then learnt it too. [`Error::Overloaded`] where a user's other changes take long.
    pub(super) async fn write_as<T, J>(
        &self,
        name: &'static str,
        (caller, users): (&Caller, &[&str]),
        job: J,
        change: impl for<'t> Fn(&'t mut Tx<'_>, App, Arc<J>) -> BoxFuture<'t, Result<T>>
        + Send
        + Sync
        + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        J: Send + Sync + 'static,
    {
        let users: BTreeSet<String> = users.iter().map(|&id| id.to_owned()).collect();
        let passed = match users.first() {
            Some(user) if users.len() == 1 => self.pass_user_gate(user).await?,
            _ => None,
        };
        let held = (caller.clone(), users, Arc::new(job), change);
        self.write_holding(passed, name, held, |tx, app, held| {
            async move {
                let (caller, users, job, change) = &*held;
                if let Err(refused) = hold(tx, caller, users).await {
                    tx.note_end();
                    return Err(refused);
                }
                change(tx, app, Arc::clone(job)).await
            }
            .boxed()
        })
        .await
    }
}

/// Locks the rows of `users` and checks the caller's actor. Commands, and requests without a session,
/// have none to check, and lock their rows themselves.
async fn hold(tx: &mut Tx<'_>, caller: &Caller, users: &BTreeSet<String>) -> Result<()> {
    match &caller.actor {
        Some(Actor::Command) => Ok(()),
        None => {
            let Some(session_id) = &caller.session_id else { return Ok(()) };
            for user in users {
                user::lock(tx, user).await?;
            }
            check_session(tx, session_id).await
        }
        Some(Actor::Admin { user_id, session_id }) => {
            let admin = hold_user(tx, users, user_id).await?;
            check_admin(tx, admin, session_id.as_deref()).await
        }
        Some(Actor::ApiKey(id)) => {
            // Users are locked before API keys: the revocation of a key does so too.
            for user in users {
                user::lock(tx, user).await?;
            }
            check_api_key(tx, id, caller.now).await
        }
    }
}

/// Locks the rows of `users`, and the row of `actor` with a shared lock, in the order of their ids.
/// Returns the actor.
async fn hold_user(tx: &mut Tx<'_>, users: &BTreeSet<String>, actor: &str) -> Result<Option<User>> {
    let (before, after): (Vec<_>, Vec<_>) = users.iter().partition(|user| &***user <= actor);
    for user in &before {
        user::lock(tx, user).await?;
    }
    // An actor who is among `users` is locked already. Otherwise a shared lock lets several requests of
    // one admin proceed at once.
    let found = match before.last() {
        Some(last) if *last == actor => user::find_in(tx, actor).await?,
        _ => user::find_shared(tx, actor).await?,
    };
    for user in &after {
        user::lock(tx, user).await?;
    }
    Ok(found)
}

async fn check_admin(tx: &mut Tx<'_>, admin: Option<User>, session_id: Option<&str>) -> Result<()> {
    let admin = admin.ok_or(Refusal::Ended(EndReason::Deleted))?;
    if !admin.is_active() {
        return Err(Refusal::Ended(EndReason::Disabled).into());
    }
    if let Some(session_id) = session_id {
        check_session(tx, session_id).await?;
    }
    if admin.is_admin() { Ok(()) } else { Err(Error::NotAdmin) }
}

/// Refuses a session that has ended. Ending one locks its user's row first, which this transaction has
/// locked, so that it cannot end before the commit.
async fn check_session(tx: &mut Tx<'_>, session_id: &str) -> Result<()> {
    let session = session::find_in(tx, session_id).await?;
    let session = session.ok_or(Refusal::Ended(EndReason::ExpiredAbsolute))?;
    session.ended.map_or(Ok(()), |(_, reason)| Err(Refusal::Ended(reason).into()))
}

async fn check_api_key(tx: &mut Tx<'_>, id: &str, now: Time) -> Result<()> {
    let key = api_key::find_shared(tx, id).await?;
    if key.is_some_and(|key| key.is_live(now)) { Ok(()) } else { Err(Error::ApiKeyRevoked) }
}
