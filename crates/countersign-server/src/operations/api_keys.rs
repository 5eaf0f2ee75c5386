//! API keys: made, listed and revoked by an operator, presented by programs.

use std::sync::Arc;

use futures::FutureExt as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Caller, record::Record};
use crate::api_keys::{digest_of, new_key};
use crate::app::App;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::identifier::DisplayName;
use crate::tables::api_key::{self, ApiKeyRow, Right};

/// Why a key does not open a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// It is no key, or one that is over.
    #[error("no API key that is good")]
    Unknown,
    /// Its holder may do other things.
    #[error("the API key does not have the right `{0}`")]
    Lacks(Right),
    /// This node cannot know.
    #[error("out of touch with the database")]
    OutOfTouch,
}

impl App {
    /// Makes a key. The key itself is given here, once, and stored nowhere.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a `name` that is no name, for no `rights`, and, naming `expires_in`,
    /// for an `expires_at` that has passed.
    pub async fn create_api_key(
        &self,
        caller: &Caller,
        name: &str,
        rights: &[Right],
        expires_at: Option<Time>,
    ) -> Result<(ApiKeyRow, SecretString)> {
        let name = DisplayName::parse(name).map_err(|invalid| Error::name("name", invalid))?;
        if rights.is_empty() {
            let message = "an API key has one right at least".into();
            return Err(Error::Invalid { field: "rights", reason: "empty", message });
        }
        if expires_at.is_some_and(|expires| expires <= caller.now) {
            let message = "an API key cannot expire before it is made".into();
            return Err(Error::Invalid { field: "expires_in", reason: "past", message });
        }
        let key = new_key(&self.entropy);
        let row = ApiKeyRow {
            id: self.entropy.uuid(caller.now).to_string(),
            digest: digest_of(key.expose_secret()),
            name: name.into(),
            rights: Right::ALL.into_iter().filter(|right| rights.contains(right)).collect(),
            created_at: caller.now,
            expires_at,
            revoked_at: None,
        };
        let job = (caller.clone(), row);
        let row = self.write_as("create_api_key", (caller, &[]), job, |tx, app, job| {
            async move {
                let (caller, row) = &*job;
                api_key::insert(tx, row).await?;
                app.node.announce_api_keys(tx, caller.now).await?;
                app.record(tx, caller, Record::of("apikey_created").about(&row.id)).await?;
                Ok(row.clone())
            }
            .boxed()
        });
        Ok((row.await?, key))
    }

    /// Every key there ever was, the oldest first.
    pub async fn api_keys(&self) -> Result<Vec<ApiKeyRow>> {
        Ok(api_key::list(&self.db).await?)
    }

    /// Revokes the key with this id: here at once, on the other nodes within a second.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none that is not revoked yet.
    pub async fn revoke_api_key(&self, caller: &Caller, id: &str) -> Result<()> {
        let job = (caller.clone(), id.to_owned());
        self.write_as("revoke_api_key", (caller, &[]), job, |tx, app, job| {
            async move {
                let (caller, id) = &*job;
                if !api_key::revoke(tx, id, caller.now).await? {
                    return Err(Error::NotFound("API key"));
                }
                app.node.announce_api_keys(tx, caller.now).await?;
                Ok(app.record(tx, caller, Record::of("apikey_revoked").about(id)).await?)
            }
            .boxed()
        })
        .await
    }

    /// The key that was presented, if its holder may do what `right` names. From memory, but for
    /// the first call after a change of the keys.
    pub async fn check_api_key(
        &self,
        presented: &str,
        right: Right,
        now: Time,
    ) -> Result<Arc<ApiKeyRow>, KeyRefusal> {
        if let Err(error) = self.known_api_keys.settle().await {
            tracing::warn!(%error, "cannot read which API keys there are");
            return Err(KeyRefusal::OutOfTouch);
        }
        let found = self.known_api_keys.find(presented);
        // Asked after the look-up, as for tokens: what was found may have been revoked elsewhere.
        if !self.node.is_fresh() {
            return Err(KeyRefusal::OutOfTouch);
        }
        let key = found.filter(|key| key.is_live(now)).ok_or(KeyRefusal::Unknown)?;
        if key.rights.contains(&right) { Ok(key) } else { Err(KeyRefusal::Lacks(right)) }
    }
}
