//! Logging in with a password.

use futures::FutureExt as _;

use super::credentials::Proof;
use super::record::Record;
use super::{Caller, Terms};
use crate::app::App;
use crate::db::DbError;
use crate::error::{Error, Half, Result};
use crate::identifier::Identifier;
use crate::password::Password;
use crate::tables::session::Session;
use crate::tables::user::User;
use crate::tables::{password, user};

/// What a client sends to log in.
pub struct LogIn {
    /// The identifier, as it was sent.
    pub identifier: String,
    /// The password, as it was sent.
    pub password: String,
    /// What the client calls the device.
    pub device: Option<String>,
}

impl App {
    /// Begins a session for whoever proves to be the user.
    ///
    /// An identifier that nobody can have, an unknown one, a wrong password, a disabled user and a
    /// user without a password are refused alike, after the same work; only the error's
    /// [`Half`] differs.
    pub async fn log_in(
        &self,
        caller: &Caller,
        terms: &Terms,
        LogIn { identifier, password, device }: LogIn,
    ) -> Result<(User, Session)> {
        // What is no identifier is nobody's: it takes the way of an unknown one.
        let (account, user) = match Identifier::parse(&identifier) {
            Ok(Identifier { key, .. }) => {
                let user = user::find_by_identifier(&self.db, &key).await?;
                (key, user)
            }
            Err(_) => (format!("\0{identifier}"), None),
        };
        // What is no password is nobody's, whoever the user is.
        let password =
            Password::parse(password).map_err(|_| Error::invalid_credentials(user.as_ref()))?;
        let proof = self.prove(caller, "login", (&account, user.as_ref()), password).await?;
        let user = user.ok_or(Error::InvalidCredentials(Half::Identifier))?;
        self.begin(caller, terms, (user, device), proof).await
    }

    async fn begin(
        &self,
        caller: &Caller,
        terms: &Terms,
        (user, device): (User, Option<String>),
        proof: Proof,
    ) -> Result<(User, Session)> {
        let job = (caller.clone(), terms.clone(), user, device, proof);
        self.write("log_in", job, |tx, app, job| {
            async move {
                let (caller, terms, user, device, proof) = &*job;
                if !user::log_in(tx, user, caller.now).await? {
                    return Err(Error::Conflict);
                }
                let user = user::find_in(tx, &user.id).await?.ok_or(Error::Conflict)?;
                app.accept(tx, proof, &user).await?;
                let session =
                    app.begin_session(tx, caller, &user, (terms, device.as_deref())).await?;
                let record = Record::of("login").user(&user.id).session(&session.id);
                app.record(tx, caller, record).await?;
                Ok((user, session))
            }
            .boxed()
        })
        .await
    }

    /// What a right password does in the change that it leads to: failures are forgotten, and a
    /// hash of yesterday's cost is replaced.
    pub(super) async fn accept(
        &self,
        tx: &mut crate::db::Tx<'_>,
        proof: &Proof,
        user: &User,
    ) -> Result<(), DbError> {
        self.forget_failures(tx, &proof.attempt).await?;
        if let Some((old, new)) = &proof.upgrade {
            password::upgrade(tx, &user.id, old, new).await?;
        }
        Ok(())
    }
}
