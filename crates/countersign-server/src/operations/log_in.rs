//! Logging in with a password.

use futures::FutureExt as _;

use super::credentials::{Presented, Renewal};
use super::record::Record;
use super::{Caller, Terms};
use crate::app::App;
use crate::clock::Time;
use crate::db::{DbError, Tx};
use crate::error::{Error, Half, Result};
use crate::password::Password;
use crate::tables::password::{self, CLIENT_SHA256};
use crate::tables::session::Session;
use crate::tables::user::{self, User};

/// What a client sends to log in.
pub struct LogIn {
    /// The identifier, as it was sent.
    pub identifier: String,
    /// The password, as it was sent.
    pub password: String,
    /// What was sent as the password.
    pub presented: Presented,
    /// What the client calls the device.
    pub device: Option<String>,
}

/// Somebody who has proved to be a user, and has no session for it yet.
pub struct Proven {
    user: User,
    device: Option<String>,
    renewal: Renewal,
}

impl App {
    /// Begins a session for whoever proves to be the user; see [`App::prove_login`] and
    /// [`App::begin`].
    pub async fn log_in(
        &self,
        caller: &Caller,
        terms: &Terms,
        log_in: LogIn,
    ) -> Result<(User, Session)> {
        let proven = self.prove_login(caller, log_in).await?;
        self.begin(caller, terms, proven).await
    }

    /// Asks whoever wants to log in for their proof.
    ///
    /// An identifier that nobody can have, an unknown one, a wrong password, a disabled user and a
    /// user without a password are refused alike, after the same work; only the error's
    /// [`Half`] differs. Whoever proves to be the user may have to change the password first:
    /// [`Error::PasswordChangeRequired`].
    pub async fn prove_login(
        &self,
        caller: &Caller,
        LogIn { identifier, password, presented, device }: LogIn,
    ) -> Result<Proven> {
        self.check_room(caller).await?;
        let (account, user) = self.find_account(&identifier).await?;
        // What is no password is nobody's, whoever the user is.
        let password =
            Password::parse(password).map_err(|_| Error::invalid_credentials(user.as_ref()))?;
        let presented = (presented, password);
        let proof = self.prove(caller, "login", (&account, user.as_ref()), presented).await?;
        let user = user.ok_or(Error::InvalidCredentials(Half::Identifier))?;
        if proof.expired {
            self.refuse_expired(caller, &user).await?;
        }
        let renewal = self.renew(caller, &proof).await?;
        Ok(Proven { user, device, renewal })
    }

    /// What attempts to log in with this identifier are counted under where nobody has it, and whose
    /// it is. What is no identifier is nobody's: it takes the way of an unknown one.
    pub(super) async fn find_account(&self, identifier: &str) -> Result<(String, Option<User>)> {
        let found = self.find_by_text(identifier).await?;
        Ok(found.unwrap_or_else(|| (format!("\0{identifier}"), None)))
    }

    /// Tells whoever knows the password, and nobody else, that it must be changed first.
    async fn refuse_expired(&self, caller: &Caller, user: &User) -> Result<()> {
        self.count_refusal(caller, ("login", "password_change_required"), &user.id).await?;
        Err(Error::PasswordChangeRequired)
    }

    /// Begins the session of a user who has proved to be that.
    ///
    /// # Errors
    /// [`Error::Conflict`] where the user was disabled, deleted, or had all sessions ended since.
    pub async fn begin(
        &self,
        caller: &Caller,
        terms: &Terms,
        Proven { user, device, renewal }: Proven,
    ) -> Result<(User, Session)> {
        let status_index = self.index_to_begin(terms).await?;
        let user_id = user.id.clone();
        let job = (caller.clone(), (terms.clone(), device, status_index), user, renewal);
        let begun = self
            .write_for(&user_id, "log_in", job, |tx, app, job| {
                async move {
                    let (caller, (terms, device, status_index), user, renewal) = &*job;
                    if !user::log_in(tx, user, caller.now).await? {
                        return Err(Error::Conflict);
                    }
                    let user = user::find_in(tx, &user.id).await?.ok_or(Error::Conflict)?;
                    accept(tx, (&user, renewal), caller.now).await?;
                    let how = (terms, device.as_deref(), *status_index);
                    let session = app.begin_session(tx, caller, &user, how).await?;
                    let record = Record::of("login").user(&user.id).session(&session.id);
                    app.note_action(tx, caller, &user.id).await?;
                    app.record(tx, caller, record).await?;
                    Ok((user, session))
                }
                .boxed()
            })
            .await;
        if let Ok((user, _)) = &begun {
            self.copied(&user.id).await;
        }
        begun
    }
}

/// What a right password does in the change that it leads to: hashes are written as they would be
/// today.
async fn accept(
    tx: &mut Tx<'_>,
    (user, renewal): (&User, &Renewal),
    now: Time,
) -> Result<(), DbError> {
    if let Some((form, old, new)) = &renewal.upgrade {
        password::upgrade(tx, &user.id, form, (old, new)).await?;
    }
    // Another login may have added it since this one read the hashes.
    if let Some(hash) = &renewal.client_sha256
        && password::find_in(tx, &user.id, CLIENT_SHA256).await?.is_none()
    {
        password::insert(tx, &user.id, (CLIENT_SHA256, hash), now).await?;
    }
    Ok(())
}
