//! Making an account.

use std::sync::Arc;

use futures::FutureExt as _;

use super::changes::no_password;
use super::credentials::Presented;
use super::invitations::{self, TokenHash};
use super::rate_limits::RateKind;
use super::record::Record;
use super::{Caller, Terms, admins};
use crate::app::App;
use crate::config::RegistrationMode;
use crate::db::Tx;
use crate::error::{Error, Result, Uninvited};
use crate::identifier::Identifier;
use crate::password::{Password, Place, Policy, WorkClass};
use crate::tables::identifier;
use crate::tables::password::{self, CLIENT_SHA256, PLAIN};
use crate::tables::session::Session;
use crate::tables::user::{self, User};

/// A person's account to be.
pub struct Registration {
    /// What the user is to be found by, at least one.
    pub identifiers: Vec<Identifier>,
    /// What the user is to prove themselves with; without one nobody can log in yet.
    pub password: Option<Password>,
    /// What the user wants to be called.
    pub name: Option<String>,
    /// What the user may do; nobody gives themselves a role.
    pub roles: Vec<String>,
    /// Whether the password must be changed before the first login.
    pub must_change_password: bool,
    /// The token of the invitation, where somebody has one.
    pub invitation: Option<String>,
}

impl Registration {
    /// One with these identifiers and this password, and nothing else.
    pub fn of(identifiers: Vec<Identifier>, password: Password) -> Self {
        Self {
            identifiers,
            password: Some(password),
            name: None,
            roles: Vec::new(),
            must_change_password: false,
            invitation: None,
        }
    }

    fn check_password(&self, policy: Option<&Policy>) -> Result<()> {
        let (Some(policy), Some(password)) = (policy, &self.password) else { return Ok(()) };
        let own = self.identifiers.iter().map(|identifier| &*identifier.value);
        let own: Vec<&str> = own.chain(self.name.as_deref()).collect();
        let checked = policy.check(password, &own);
        checked.map_err(|invalid| Error::password("password", invalid))
    }
}

/// How often a number is taken anew.
const NUMBERS_TRIED: usize = 3;

#[derive(Clone)]
struct Job {
    caller: Caller,
    user: User,
    identifiers: Vec<Identifier>,
    password: Option<(&'static str, String)>,
    must_change_password: bool,
    invitation: Option<TokenHash>,
    /// What the session is begun with, if one is.
    begin: Option<(Terms, Option<i64>)>,
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
        let created = self.create_for(caller, Some(terms.clone()), policy, registration).await;
        let (user, session) = self.pace_refusals(created).await?;
        Ok((user, session.ok_or(Error::Internal("a registration without its session"))?))
    }

    /// Makes an account for whoever asks, who will log in next.
    pub async fn sign_up(
        &self,
        caller: &Caller,
        policy: Option<&Policy>,
        registration: Registration,
    ) -> Result<User> {
        let created = self.create_for(caller, None, policy, registration).await;
        Ok(self.pace_refusals(created).await?.0)
    }

    /// Makes an account for whoever asks. An invitation gives the roles that it was made with.
    async fn create_for(
        &self,
        caller: &Caller,
        terms: Option<Terms>,
        policy: Option<&Policy>,
        mut registration: Registration,
    ) -> Result<(User, Option<Session>)> {
        let invitation = match (self.config.registration.mode, &registration.invitation) {
            (RegistrationMode::Closed, _) => return Err(Error::RegistrationClosed),
            (RegistrationMode::Invite, None) => return Err(Uninvited::Missing.into()),
            (_, token) => token.as_deref().map(TokenHash::of),
        };
        registration.check_password(policy)?;
        let place = self.admit(caller).await?;
        if let Some(token) = invitation {
            let invitation = self.invitation(caller, &token, &registration.identifiers).await?;
            registration.roles = invitation.roles;
        }
        self.create(caller, terms, (place, PLAIN), registration).await
    }

    /// Takes a place in the hash lane for a registration, within what the caller's network may do.
    /// Nothing has been looked up or hashed before.
    async fn admit(&self, caller: &Caller) -> Result<Place> {
        let address = caller.lane_address();
        self.lane.check_room(&[WorkClass::Registration], address)?;
        self.take_rate(RateKind::Registrations, caller).await?;
        Ok(self.lane.enter(WorkClass::Registration, address)?)
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
        registration.check_password(policy)?;
        let place = self.lane.enter(WorkClass::KnownAccount, caller.lane_address())?;
        Ok(self.create(caller, None, (place, form), registration).await?.0)
    }

    async fn create(
        &self,
        caller: &Caller,
        terms: Option<Terms>,
        (place, form): (Place, &'static str),
        registration: Registration,
    ) -> Result<(User, Option<Session>)> {
        let Registration { identifiers, password, name, roles, .. } = registration;
        // Told before the hash is paid for; the unique key decides all the same.
        self.refuse_taken(&identifiers).await?;
        let password = match password {
            Some(password) => Some((form, hash_in_form(place, form, password).await?)),
            None if registration.must_change_password => return Err(no_password()),
            None => None,
        };
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
        let begin = match terms {
            Some(terms) => {
                let status_index = self.index_to_begin(&terms).await?;
                Some((terms, status_index))
            }
            None => None,
        };
        let Registration { must_change_password, invitation, .. } = registration;
        let invitation = invitation.as_deref().map(TokenHash::of);
        let caller = caller.clone();
        let job =
            Job { caller, user, identifiers, password, must_change_password, invitation, begin };
        self.add(job).await
    }

    /// Adds the user under the next number that is free.
    async fn add(&self, mut job: Job) -> Result<(User, Option<Session>)> {
        for _ in 0..NUMBERS_TRIED {
            job.user.number = self.numbers.next(&self.db).await?;
            let (caller, job_of_try) = (&job.caller, job.clone());
            let created = self.write_as("register", (caller, &[]), job_of_try, |tx, app, job| {
                insert(tx, app, job).boxed()
            });
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

    pub(super) async fn refuse_taken(&self, identifiers: &[Identifier]) -> Result<()> {
        for identifier in identifiers {
            if user::find_by_identifier(&self.db, &identifier.key).await?.is_some() {
                return Err(Error::IdentifierTaken(identifier.kind.as_str()));
            }
        }
        Ok(())
    }
}

async fn hash_in_form(place: Place, form: &'static str, password: Password) -> Result<String> {
    let password = if form == CLIENT_SHA256 { password.client_sha256() } else { password };
    Ok(place.hash(password).await?)
}

async fn insert(tx: &mut Tx<'_>, app: App, job: Arc<Job>) -> Result<(User, Option<Session>)> {
    let Job { caller, user, identifiers, begin, .. } = &*job;
    if let Some(token) = &job.invitation {
        invitations::consume(tx, caller, token, &user.id).await?;
    }
    user::insert(tx, user).await?;
    for identifier in identifiers {
        identifier::insert(tx, &user.id, identifier, caller.now).await?;
    }
    if let Some((form, hash)) = &job.password {
        password::insert(tx, &user.id, (form, hash), caller.now).await?;
    }
    if job.must_change_password {
        password::expire(tx, &user.id, caller.now).await?;
    }
    admins::admit(tx, user).await?;
    let roles = user.roles.join(" ");
    let created = Record::of("user_created").user(&user.id).about(&roles);
    let created = if job.invitation.is_some() { created.because("invited") } else { created };
    app.record(tx, caller, created).await?;
    let Some((terms, status_index)) = begin else { return Ok((user.clone(), None)) };
    user::log_in(tx, user, caller.now).await?;
    let session = app.begin_session(tx, caller, user, (terms, None, *status_index)).await?;
    let record = Record::of("login").user(&user.id).session(&session.id);
    app.record(tx, caller, record).await?;
    Ok((user.clone(), Some(session)))
}
