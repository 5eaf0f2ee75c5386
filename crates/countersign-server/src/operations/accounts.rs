//! What becomes of an account: found, changed, unlocked, deleted.

use countersign::EndReason;
use futures::FutureExt as _;

use super::changes::{self, Changes, Rename};
use super::credentials::Presented;
use super::{Caller, admins, record::Record};
use crate::app::App;
use crate::db::{DbError, Tx};
use crate::error::{Error, Result};
use crate::identifier::Identifier;
use crate::password::Password;
use crate::tables::identifier::{self, StoredIdentifier};
use crate::tables::user::{self, User};
use crate::tables::{failure, import, password};

/// A user with what they are found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The account.
    pub user: User,
    /// The oldest first.
    pub identifiers: Vec<StoredIdentifier>,
}

impl App {
    /// The user with all that is shown of them.
    pub async fn profile(&self, user: User) -> Result<Profile> {
        let identifiers = identifier::of_user(&self.db, &user.id).await?;
        Ok(Profile { user, identifiers })
    }

    /// The user with this id. This node refuses the tokens of one who was deleted or disabled,
    /// wherever that was.
    pub async fn user(&self, user_id: &str) -> Result<User> {
        let user = user::find(&self.db, user_id).await?;
        self.active(user.clone()).await?;
        user.ok_or(Error::NotFound("user"))
    }

    /// A user who was just read, if there is one who may use the account. Else this node refuses the
    /// tokens, wherever the user was deleted or disabled.
    pub async fn active(&self, user: Option<User>) -> Result<Option<User>> {
        let active = user.filter(User::is_active);
        if active.is_none() {
            self.node.catch_up().await?;
        }
        Ok(active)
    }

    /// What a user without a better name is called: their oldest identifier, as it is stored.
    pub async fn oldest_identifier(&self, user_id: &str) -> Result<String> {
        let identifiers = identifier::of_user(&self.db, user_id).await?;
        let oldest = identifiers.into_iter().next().ok_or(Error::NotFound("user"))?;
        Ok(oldest.value)
    }

    /// The user that an operator names: by an identifier, an id, or a number.
    pub async fn find_user(&self, name: &str) -> Result<User> {
        if let Some(user) = user::find(&self.db, name).await? {
            return Ok(user);
        }
        if let Ok(number) = name.parse()
            && let Some(user) = user::find_by_number(&self.db, number).await?
        {
            return Ok(user);
        }
        let found = self.find_by_text(name).await?.and_then(|(_, user)| user);
        found.ok_or(Error::NotFound("user"))
    }

    /// The key of the identifier that somebody typed, and the user who has it; `None` for what is
    /// no identifier.
    pub async fn find_by_text(
        &self,
        text: &str,
    ) -> Result<Option<(String, Option<User>)>, DbError> {
        let Ok(Identifier { key, .. }) = self.shapes.parse(text) else { return Ok(None) };
        // Whoever had a username of this shape before it was one of phones keeps it.
        if let Ok(Identifier { key: username, .. }) = Identifier::parse(text)
            && username != key
            && let Some(user) = user::find_by_identifier(&self.db, &username).await?
        {
            return Ok(Some((username, Some(user))));
        }
        let user = user::find_by_identifier(&self.db, &key).await?;
        Ok(Some((key, user)))
    }

    /// Changes what the user wants to be called.
    pub async fn rename(
        &self,
        caller: &Caller,
        user_id: &str,
        name: Option<String>,
    ) -> Result<User> {
        self.change_user(caller, user_id, Changes { name: Rename::To(name), ..Changes::default() })
            .await
    }

    /// Disables a user: nobody logs in to the account, and all its sessions end. False where it
    /// was disabled already.
    pub async fn disable(&self, caller: &Caller, user_id: &str) -> Result<bool> {
        let job = (caller.clone(), user_id.to_owned());
        let disabled = self
            .write_as("disable", (caller, &[user_id]), job, |tx, app, job| {
                async move { changes::disable(tx, &app, (&job.0, &job.1)).await }.boxed()
            })
            .await?;
        self.copied(user_id).await;
        Ok(disabled)
    }

    /// Enables a disabled user; false where it was enabled already.
    pub async fn enable(&self, caller: &Caller, user_id: &str) -> Result<bool> {
        let job = (caller.clone(), user_id.to_owned());
        self.write_as("enable", (caller, &[user_id]), job, |tx, app, job| {
            async move { changes::enable(tx, &app, (&job.0, &job.1)).await }.boxed()
        })
        .await
    }

    /// Lets nobody log in with the user's password before it is changed, and ends all sessions.
    /// False where it was so already.
    pub async fn expire_password(&self, caller: &Caller, user_id: &str) -> Result<bool> {
        let job = (caller.clone(), user_id.to_owned());
        let expired = self
            .write_as("expire_password", (caller, &[user_id]), job, |tx, app, job| {
                async move { changes::expire_password(tx, &app, (&job.0, &job.1)).await }.boxed()
            })
            .await?;
        self.copied(user_id).await;
        Ok(expired)
    }

    /// Forgets the failed attempts that slow down a user's logins; false where there were none.
    pub async fn unlock(&self, caller: &Caller, user: &User) -> Result<bool> {
        let job = (caller.clone(), user.id.clone());
        self.write_as("unlock", (caller, &[&user.id]), job, |tx, app, job| {
            async move {
                let (caller, user_id) = &*job;
                let unlocked = failure::delete_of_user(tx, user_id).await?;
                if unlocked {
                    app.record(tx, caller, Record::of("user_unlocked").user(user_id)).await?;
                }
                Ok(unlocked)
            }
            .boxed()
        })
        .await
    }

    /// Changes what a user may do. Their access tokens are stale at once; a refresh brings one
    /// with the new roles.
    pub async fn set_roles(
        &self,
        caller: &Caller,
        user_id: &str,
        roles: Vec<String>,
    ) -> Result<User> {
        let changes = Changes { roles: Some(roles), ..Changes::default() };
        self.change_user(caller, user_id, changes).await
    }

    /// Deletes the account of a user who proves to be them.
    pub async fn delete_own(&self, caller: &Caller, user_id: &str, password: String) -> Result<()> {
        let user = self.user(user_id).await?;
        let password =
            Password::parse(password).map_err(|_| Error::invalid_credentials(Some(&user)))?;
        let password = (Presented::Typed, password);
        self.prove(caller, "user_delete", (&user.id, Some(&user)), password).await?;
        self.delete_user(caller, user_id).await
    }

    /// Deletes a user, with all that they are found by; their sessions end, their events stay.
    pub async fn delete_user(&self, caller: &Caller, user_id: &str) -> Result<()> {
        let job = (caller.clone(), user_id.to_owned());
        self.write_as("delete_user", (caller, &[user_id]), job, |tx, app, job| {
            async move { delete(tx, &app, (&job.0, &job.1)).await }.boxed()
        })
        .await?;
        self.copied(user_id).await;
        Ok(())
    }
}

pub(super) async fn delete(
    tx: &mut Tx<'_>,
    app: &App,
    (caller, user_id): (&Caller, &str),
) -> Result<()> {
    if !user::bump_epoch(tx, user_id).await? {
        return Err(Error::NotFound("user"));
    }
    let ended = app.end_sessions(tx, caller, user_id, (None, EndReason::Deleted)).await?;
    admins::dismiss(tx, caller, user_id).await?;
    identifier::delete_of_user(tx, user_id).await?;
    password::delete_of_user(tx, user_id).await?;
    import::delete_of_user(tx, user_id).await?;
    failure::delete_of_user(tx, user_id).await?;
    user::delete(tx, user_id).await?;
    let record = Record::of("user_deleted").user(user_id).times(ended);
    Ok(app.record(tx, caller, record).await?)
}
