//! What can be changed of an account: its name, what it is found by, its roles, whether it may be
//! used, and whether its password must be changed.

use std::sync::Arc;

use countersign::EndReason;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::{Deserialize, Deserializer};

use super::{Caller, admins, identifiers, record::Record};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::identifier::{Identifier, Kind};
use crate::tables::revocation::Subject;
use crate::tables::user::{self, User};
use crate::tables::{password, session};

/// What is to become of an account.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// What the user wants to be called.
    pub name: Rename,
    /// What the user is found by from now on, of each of these kinds: one identifier, or none.
    pub identifiers: Vec<(Kind, Option<Identifier>)>,
    /// What the user may do from now on.
    pub roles: Option<Vec<String>>,
    /// Whether the account may be used.
    pub active: Option<bool>,
    /// Whether the password must be changed before the next login.
    pub must_change_password: Option<bool>,
}

/// What becomes of a name or an identifier: to take it away is not the same as to leave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rename {
    /// It stays.
    #[default]
    No,
    /// It becomes this, or is taken away.
    To(Option<String>),
}

impl<'de> Deserialize<'de> for Rename {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::To)
    }
}

impl Rename {
    /// The same, where what the name becomes is read by `parse`.
    pub fn parse<E>(self, parse: impl FnOnce(String) -> Result<String, E>) -> Result<Self, E> {
        Ok(match self {
            Self::To(Some(name)) => Self::To(Some(parse(name)?)),
            other => other,
        })
    }
}

/// Who changes whom.
pub(super) type Who<'a> = (&'a Caller, &'a str);

impl App {
    /// Changes an account: all that is asked for, or nothing.
    ///
    /// # Errors
    /// [`Error::LastAdmin`] where nobody would be left to administer; [`Error::IdentifierTaken`] where
    /// somebody has an identifier already; [`Error::Invalid`], naming the kind that was to be taken
    /// away, where nothing would be left to find the user by.
    pub async fn change_user(
        &self,
        caller: &Caller,
        user_id: &str,
        changes: Changes,
    ) -> Result<User> {
        let held = (caller, &[user_id][..]);
        let job = (caller.clone(), user_id.to_owned(), changes);
        let user = match self.write_as("change_user", held, job.clone(), change).await {
            // Somebody took an identifier at the same moment, and has it now.
            Err(Error::Db(error)) if error.is_unique() => {
                self.write_as("change_user", held, job, change).await
            }
            written => written,
        }?;
        self.copied(user_id).await;
        Ok(user)
    }
}

type Job = (Caller, String, Changes);

fn change<'t>(tx: &'t mut Tx<'_>, app: App, job: Arc<Job>) -> BoxFuture<'t, Result<User>> {
    async move {
        let (caller, user_id, changes) = &*job;
        apply(tx, &app, (caller, user_id), changes).await
    }
    .boxed()
}

async fn apply(tx: &mut Tx<'_>, app: &App, who: Who<'_>, changes: &Changes) -> Result<User> {
    let (_, user_id) = who;
    if !user::lock(tx, user_id).await? {
        return Err(Error::NotFound("user"));
    }
    if let Rename::To(name) = &changes.name {
        rename(tx, app, who, name.as_deref()).await?;
    }
    identifiers::replace(tx, app, who, &changes.identifiers).await?;
    if let Some(roles) = &changes.roles {
        set_roles(tx, app, who, roles).await?;
    }
    match changes.active {
        Some(true) => drop(enable(tx, app, who).await?),
        Some(false) => drop(disable(tx, app, who).await?),
        None => {}
    }
    match changes.must_change_password {
        Some(true) => drop(expire_password(tx, app, who).await?),
        Some(false) => waive_change(tx, app, who).await?,
        None => {}
    }
    user::find_in(tx, user_id).await?.ok_or(Error::NotFound("user"))
}

pub(super) async fn rename(
    tx: &mut Tx<'_>,
    app: &App,
    (caller, user_id): Who<'_>,
    name: Option<&str>,
) -> Result<()> {
    if !user::rename(tx, user_id, name).await? {
        return Err(Error::NotFound("user"));
    }
    Ok(app.record(tx, caller, Record::of("user_renamed").user(user_id)).await?)
}

/// Access tokens that tell of other roles are stale at once; a refresh brings others.
pub(super) async fn set_roles(
    tx: &mut Tx<'_>,
    app: &App,
    (caller, user_id): Who<'_>,
    roles: &[String],
) -> Result<()> {
    if !user::set_roles(tx, user_id, roles).await? {
        return Err(Error::NotFound("user"));
    }
    admins::settle(tx, caller, user_id).await?;
    for session in session::live_of_user_in(tx, user_id, caller.now).await? {
        let stale = Subject::Generations(session.id, session.rotation.current);
        app.revoke(tx, caller, stale, EndReason::ClaimsChanged).await?;
    }
    let roles = roles.join(" ");
    Ok(app.record(tx, caller, Record::of("roles_changed").user(user_id).about(&roles)).await?)
}

/// False where it was disabled already.
pub(super) async fn disable(
    tx: &mut Tx<'_>,
    app: &App,
    (caller, user_id): Who<'_>,
) -> Result<bool> {
    if !user::bump_epoch(tx, user_id).await? {
        return Err(Error::NotFound("user"));
    }
    if !user::disable(tx, user_id, caller.now).await? {
        return Ok(false);
    }
    admins::settle(tx, caller, user_id).await?;
    let ended = app.end_sessions(tx, caller, user_id, (None, EndReason::Disabled)).await?;
    let record = Record::of("user_disabled").user(user_id).times(ended);
    app.record(tx, caller, record).await?;
    Ok(true)
}

/// False where it was enabled already.
pub(super) async fn enable(tx: &mut Tx<'_>, app: &App, (caller, user_id): Who<'_>) -> Result<bool> {
    let enabled = user::enable(tx, user_id).await?;
    if enabled {
        admins::settle(tx, caller, user_id).await?;
        app.record(tx, caller, Record::of("user_enabled").user(user_id)).await?;
    }
    Ok(enabled)
}

/// Demands a new password before the next login, and ends all sessions; false where that was
/// demanded already.
pub(super) async fn expire_password(
    tx: &mut Tx<'_>,
    app: &App,
    (caller, user_id): Who<'_>,
) -> Result<bool> {
    if !user::bump_epoch(tx, user_id).await? {
        return Err(Error::NotFound("user"));
    }
    if !password::expire(tx, user_id, caller.now).await? {
        let is_there = password::is_there(tx, user_id).await?;
        return if is_there { Ok(false) } else { Err(no_password()) };
    }
    let ended = app.end_sessions(tx, caller, user_id, (None, EndReason::Admin)).await?;
    let record = Record::of("password_expired").user(user_id).times(ended);
    app.record(tx, caller, record).await?;
    Ok(true)
}

async fn waive_change(tx: &mut Tx<'_>, app: &App, (caller, user_id): Who<'_>) -> Result<()> {
    if password::unexpire(tx, user_id).await? {
        app.record(tx, caller, Record::of("password_unexpired").user(user_id)).await?;
    }
    Ok(())
}

pub(super) fn no_password() -> Error {
    Error::Invalid {
        field: "must_change_password",
        reason: "no_password",
        message: "there is no password to be changed".into(),
    }
}
