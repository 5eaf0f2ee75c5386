//! Changing a password.

use std::sync::Arc;

use countersign::EndReason;
use futures::FutureExt as _;

use super::credentials::{Presented, Proof};
use super::{Caller, record::Record};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Half, Result};
use crate::password::{Password, Policy, words_of_host};
use crate::tables::identifier;
use crate::tables::password::{self, CLIENT_SHA256, PLAIN};
use crate::tables::user::{self, User};

struct Job {
    caller: Caller,
    user: User,
    /// One of each form that the user has.
    hashes: Vec<(&'static str, String)>,
    keep: Option<String>,
    proof: Option<Proof>,
}

impl App {
    /// What new passwords must satisfy in the native API.
    pub fn policy(&self) -> Policy {
        let passwords = &self.config.passwords;
        let mut context_words = words_of_host(self.config.public_url.host());
        context_words.extend_from_slice(&passwords.context_words);
        Policy { min_length: passwords.min_length, blocklist: passwords.blocklist, context_words }
    }

    /// Changes the password of a user who knows the current one, and ends their other sessions.
    pub async fn change_password(
        &self,
        caller: &Caller,
        (user_id, session_id): (&str, &str),
        current: String,
        new: Password,
    ) -> Result<()> {
        let user = self.user(user_id).await?;
        let current =
            Password::parse(current).map_err(|_| Error::invalid_credentials(Some(&user)))?;
        refuse_unchanged(&current, &new)?;
        self.check_policy(&user, "new", &new).await?;
        let current = (Presented::Typed, current);
        let proof = self.prove(caller, "password_change", (&user.id, Some(&user)), current).await?;
        self.put_password(caller, user, new, (Some(session_id.to_owned()), Some(proof))).await
    }

    /// Changes the password of whoever knows the current one and has no session, such as a user who
    /// must change it before the next login; ends all of the user's sessions. Refuses alike, after
    /// the same work, what a login refuses.
    ///
    /// A new password that nobody may have is refused before the proof, so that the answer tells
    /// nothing of the current one. One that this user may not have is refused after it, which is an
    /// event.
    pub async fn change_password_of(
        &self,
        caller: &Caller,
        identifier: &str,
        current: String,
        new: Password,
    ) -> Result<()> {
        self.check_room(caller).await?;
        let (account, user) = self.find_account(identifier).await?;
        let current =
            Password::parse(current).map_err(|_| Error::invalid_credentials(user.as_ref()))?;
        refuse_unchanged(&current, &new)?;
        self.policy().check(&new, &[]).map_err(|invalid| Error::password("new", invalid))?;
        let presented = (Presented::Typed, current);
        let whose = (&*account, user.as_ref());
        let proof = self.prove(caller, "password_change", whose, presented).await?;
        let user = user.ok_or(Error::InvalidCredentials(Half::Identifier))?;
        if let Err(refused) = self.check_policy(&user, "new", &new).await {
            if let Error::Invalid { reason, .. } = refused {
                self.count_refusal(caller, ("password_change", reason), &user.id).await?;
            }
            return Err(refused);
        }
        self.put_password(caller, user, new, (None, Some(proof))).await
    }

    /// Sets a password as the operator, and ends all of the user's sessions.
    pub async fn set_password(&self, caller: &Caller, user: User, new: Password) -> Result<()> {
        self.check_policy(&user, "password", &new).await?;
        self.put_password(caller, user, new, (None, None)).await
    }

    async fn check_policy(&self, user: &User, field: &'static str, new: &Password) -> Result<()> {
        let identifiers = identifier::of_user(&self.db, &user.id).await?;
        let own = identifiers.iter().map(|identifier| &*identifier.value);
        let own: Vec<&str> = own.chain(user.name.as_deref()).collect();
        self.policy().check(new, &own).map_err(|invalid| Error::password(field, invalid))
    }

    async fn put_password(
        &self,
        caller: &Caller,
        user: User,
        new: Password,
        (keep, proof): (Option<String>, Option<Proof>),
    ) -> Result<()> {
        let hashes = self.hash_in_forms_of(caller, &user, new).await?;
        let user_id = user.id.clone();
        let job = Job { caller: caller.clone(), user, hashes, keep, proof };
        self.write_as("change_password", (caller, &[&user_id]), job, |tx, app, job| {
            change(tx, app, job).boxed()
        })
        .await?;
        self.copied(&user_id).await;
        Ok(())
    }

    /// Hashes a new password in the forms that the user has, so that every client that could log
    /// in before can do so again; as it was typed for a user without a password.
    async fn hash_in_forms_of(
        &self,
        caller: &Caller,
        user: &User,
        new: Password,
    ) -> Result<Vec<(&'static str, String)>> {
        let stored = password::of_user(&self.db, &user.id).await?;
        let has = |form: &str| stored.iter().any(|stored| stored.form == form);
        let mut hashes = Vec::new();
        if has(CLIENT_SHA256) {
            let hash = self.lane.hash(new.client_sha256(), caller.lane_address()).await?;
            hashes.push((CLIENT_SHA256, hash));
        }
        if has(PLAIN) || hashes.is_empty() {
            hashes.push((PLAIN, self.lane.hash(new, caller.lane_address()).await?));
        }
        Ok(hashes)
    }
}

fn refuse_unchanged(current: &Password, new: &Password) -> Result<()> {
    if current != new {
        return Ok(());
    }
    Err(Error::Invalid {
        field: "new",
        reason: "unchanged",
        message: "the new password must differ from the current one".into(),
    })
}

async fn change(tx: &mut Tx<'_>, app: App, job: Arc<Job>) -> Result<()> {
    let Job { caller, user, hashes, keep, proof } = &*job;
    // Whoever proved a password that was changed meanwhile proved nothing.
    let locked = match proof {
        Some(_) => user::bump_epoch_from(tx, user).await?,
        None => user::bump_epoch(tx, &user.id).await?,
    };
    if !locked {
        return Err(Error::Conflict);
    }
    password::delete_of_user(tx, &user.id).await?;
    for (form, hash) in hashes {
        password::insert(tx, &user.id, (form, hash), caller.now).await?;
    }
    let reason = EndReason::PasswordChanged;
    let ended = app.end_sessions(tx, caller, &user.id, (keep.as_deref(), reason)).await?;
    let record = Record::of("password_changed").user(&user.id).times(ended);
    Ok(app.record(tx, caller, record).await?)
}
