//! Making an account.

use std::sync::Arc;

use futures::FutureExt as _;

use super::credentials::Presented;
use super::record::Record;
use super::{Caller, Terms};
use crate::app::App;
use crate::config::RegistrationMode;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::identifier::Identifier;
use crate::password::{Password, Policy};
use crate::tables::identifier;
use crate::tables::password::{self, CLIENT_SHA256, PLAIN};
use crate::tables::session::Session;
use crate::tables::user::{self, User};

/// A person's account to be.
pub struct Registration {
    /// What the user is to be found by, at least one.
    pub identifiers: Vec<Identifier>,
    /// What the user is to prove themselves with.
    pub password: Password,
    /// What the user wants to be called.
    pub name: Option<String>,
    /// What the user may do; nobody gives themselves a role.
    pub roles: Vec<String>,
}

/// How often a number is taken anew.
const NUMBERS_TRIED: usize = 3;

#[derive(Clone)]
struct Job {
    caller: Caller,
    user: User,
    identifiers: Vec<Identifier>,
    password: (&'static str, String),
    terms: Option<Terms>,
}

impl App {
    /// Makes an account for whoever asks, and logs them in.
    pub async fn register(
        &self,
        caller: &Caller,
        terms: &Terms,
        policy: Option<&Policy>,
        registration: Registration,
    ) -> Result<(User, Session)> {
        self.check_open()?;
        let (user, session) =
            self.create(caller, Some(terms.clone()), (policy, PLAIN), registration).await?;
        Ok((user, session.ok_or(Error::Internal("a registration without its session"))?))
    }

    /// Makes an account for whoever asks, who will log in next.
    pub async fn sign_up(
        &self,
        caller: &Caller,
        policy: Option<&Policy>,
        registration: Registration,
    ) -> Result<User> {
        self.check_open()?;
        Ok(self.create(caller, None, (policy, PLAIN), registration).await?.0)
    }

    fn check_open(&self) -> Result<()> {
        match self.config.registration.mode {
            RegistrationMode::Open => Ok(()),
            RegistrationMode::Invite | RegistrationMode::Closed => Err(Error::RegistrationClosed),
        }
    }

    /// Makes an account as the operator, for clients that present the password in this way.
    ///
    /// Where they hash it first the policy is not asked, as it could not be at such a client.
    pub async fn create_user(
        &self,
        caller: &Caller,
        presented: Presented,
        registration: Registration,
    ) -> Result<User> {
        let policy = self.policy();
        let (policy, form) = match presented {
            Presented::Typed => (Some(&policy), PLAIN),
            Presented::ClientSha256 => (None, CLIENT_SHA256),
        };
        Ok(self.create(caller, None, (policy, form), registration).await?.0)
    }

    async fn create(
        &self,
        caller: &Caller,
        terms: Option<Terms>,
        (policy, form): (Option<&Policy>, &'static str),
        Registration { identifiers, password, name, roles }: Registration,
    ) -> Result<(User, Option<Session>)> {
        let own = identifiers.iter().map(|identifier| &*identifier.value);
        let own: Vec<&str> = own.chain(name.as_deref()).collect();
        if let Some(policy) = policy {
            policy
                .check(&password, &own)
                .map_err(|invalid| Error::password("password", invalid))?;
        }
        // Told before the hash is paid for; the unique key decides all the same.
        self.refuse_taken(&identifiers).await?;
        let password = if form == CLIENT_SHA256 { password.client_sha256() } else { password };
        let hash = self.lane.hash(password, caller.lane_address()).await?;
        let user = User {
            id: self.entropy.uuid(caller.now).to_string(),
            number: 0,
            name,
            roles,
            epoch: 0,
            created_at: caller.now,
            last_login_at: terms.is_some().then_some(caller.now),
            disabled_at: None,
        };
        let job = Job { caller: caller.clone(), user, identifiers, password: (form, hash), terms };
        self.add(job).await
    }

    /// Adds the user under the next number that is free.
    async fn add(&self, mut job: Job) -> Result<(User, Option<Session>)> {
        for _ in 0..NUMBERS_TRIED {
            job.user.number = self.numbers.next(&self.db).await?;
            let created =
                self.write("register", job.clone(), |tx, app, job| insert(tx, app, job).boxed());
            match created.await {
                Err(Error::Db(error)) if error.is_unique() => {
                    self.refuse_taken(&job.identifiers).await?;
                    // Users with numbers of their own came along meanwhile.
                    self.numbers.forget().await;
                }
                created => return created,
            }
        }
        Err(Error::Conflict)
    }

    async fn refuse_taken(&self, identifiers: &[Identifier]) -> Result<()> {
        for identifier in identifiers {
            if user::find_by_identifier(&self.db, &identifier.key).await?.is_some() {
                return Err(Error::IdentifierTaken(identifier.kind.as_str()));
            }
        }
        Ok(())
    }
}

async fn insert(tx: &mut Tx<'_>, app: App, job: Arc<Job>) -> Result<(User, Option<Session>)> {
    let Job { caller, user, identifiers, password: (form, hash), terms } = &*job;
    user::insert(tx, user).await?;
    for identifier in identifiers {
        identifier::insert(tx, &user.id, identifier, caller.now).await?;
    }
    password::insert(tx, &user.id, (form, hash), caller.now).await?;
    app.record(tx, caller, Record::of("user_created").user(&user.id)).await?;
    let Some(terms) = terms else { return Ok((user.clone(), None)) };
    user::log_in(tx, user, caller.now).await?;
    let session = app.begin_session(tx, caller, user, (terms, None)).await?;
    let record = Record::of("login").user(&user.id).session(&session.id);
    app.record(tx, caller, record).await?;
    Ok((user.clone(), Some(session)))
}
