//! Making, rotating and withdrawing the native signing keys.

use std::time::Duration;

use countersign::Algorithm;
use futures::FutureExt as _;

use super::{Caller, record::Record};
use crate::app::{App, ticks};
use crate::clock::Time;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::tables::revocation;
use crate::tables::setting;
use crate::tables::signing_key::{self, SigningKeyRow};

/// How long clients may keep the JWK set: the next key is published so long before it signs.
pub const CACHE_LIFE: Duration = Duration::from_mins(5);
/// How often a node looks whether a key is due.
const INTERVAL: Duration = Duration::from_mins(1);

impl App {
    /// Every key there ever was.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKeyRow>> {
        Ok(signing_key::list(&self.db).await?)
    }

    /// Publishes a new key, which signs one cache life later, or at once. The keys before it are
    /// published until their last token has expired.
    pub async fn rotate_key(&self, caller: &Caller, at_once: bool) -> Result<SigningKeyRow> {
        let key = self.publish_key(caller, at_once, |_| true).await?;
        key.ok_or(Error::Internal("a key that is always wanted was not"))
    }

    /// Publishes a new key one cache life before the one that signs has signed for as long as keys
    /// do; `None` while that is not due. Every node may ask at any time: one of them does it.
    pub async fn rotate_due_key(&self, caller: &Caller) -> Result<Option<SigningKeyRow>> {
        let Some(every) = self.config.keys.rotate_every else { return Ok(None) };
        let now = caller.now;
        let is_due = move |rows: &[SigningKeyRow]| {
            let newest = SigningKeyRow::newest(rows, now);
            newest.is_none_or(|newest| newest.activates_at.plus(every) <= now.plus(CACHE_LIFE))
        };
        if !is_due(&self.signing_keys().await?) {
            return Ok(None);
        }
        self.publish_key(caller, false, is_due).await
    }

    /// A fresh key of the configured algorithm. One of RSA takes so long to find that nobody else's
    /// requests may wait for it.
    async fn new_key(&self, published_at: Time, activates_at: Time) -> Result<SigningKeyRow> {
        let (sealing, entropy) = (self.sealing.clone(), self.entropy.clone());
        let algorithm = self.config.tokens.algorithm;
        let made = tokio::task::spawn_blocking(move || {
            sealing.new_key(algorithm, &entropy, (published_at, activates_at))
        });
        made.await.map_err(|_| Error::Internal("a signing key could not be made"))?
    }

    /// Publishes a new key if it is wanted beside those that there are when nobody else changes
    /// them.
    async fn publish_key(
        &self,
        caller: &Caller,
        at_once: bool,
        is_wanted: impl Fn(&[SigningKeyRow]) -> bool + Send + Sync + 'static,
    ) -> Result<Option<SigningKeyRow>> {
        let now = caller.now;
        let activates_at = if at_once { now } else { now.plus(CACHE_LIFE) };
        let key = self.new_key(now, activates_at).await?;
        let job = (caller.clone(), key, is_wanted);
        self.write_as("rotate_key", (caller, &[]), job, |tx, app, job| {
            async move {
                let (caller, key, is_wanted) = &*job;
                if !is_wanted(&lock(tx).await?) {
                    return Ok(None);
                }
                app.succeed(tx, caller, key).await?;
                app.record(tx, caller, Record::of("key_rotated").about(&key.kid)).await?;
                Ok(Some(key.clone()))
            }
            .boxed()
        })
        .await
    }

    /// Withdraws a key at once: what it signed is not good any more, and its sessions must
    /// refresh. Where nothing is left that signs now and goes on, a key takes its place in the
    /// same change: the one that was published to come next, or a new one.
    pub async fn revoke_key(&self, caller: &Caller, kid: &str) -> Result<()> {
        let now = caller.now;
        let successor = self.new_key(now, now).await?;
        let job = (caller.clone(), kid.to_owned(), successor);
        self.write_as("revoke_key", (caller, &[]), job, |tx, app, job| {
            async move {
                let (caller, kid, successor) = &*job;
                lock(tx).await?;
                if !signing_key::revoke(tx, kid, caller.now).await? {
                    return Err(Error::NotFound("key"));
                }
                let rows = signing_key::list_in(tx).await?;
                match rows.iter().find(|row| row.stays(caller.now)) {
                    Some(next) => {
                        if SigningKeyRow::active(&rows, caller.now).is_none() {
                            signing_key::activate(tx, &next.kid, caller.now).await?;
                        }
                        app.node.announce_keys(tx, caller.now).await?;
                    }
                    None => app.succeed(tx, caller, successor).await?,
                }
                Ok(app.record(tx, caller, Record::of("key_revoked").about(kid)).await?)
            }
            .boxed()
        })
        .await
    }

    /// Publishes `key` as the successor of all that have none yet.
    async fn succeed(&self, tx: &mut Tx<'_>, caller: &Caller, key: &SigningKeyRow) -> Result<()> {
        signing_key::insert(tx, key).await?;
        let retires_at = revocation::until(tx, key.activates_at, self.config.tokens.leeway).await?;
        signing_key::retire_others(tx, &key.kid, retires_at).await?;
        Ok(self.node.announce_keys(tx, caller.now).await?)
    }

    /// At start: makes the first key, or publishes one for an algorithm that was just configured;
    /// and seals anew what the previous master secret had sealed. A command follows no algorithm:
    /// it may have been given another configuration than the servers.
    pub(crate) async fn prepare_keys(&self, caller: &Caller, command: bool) -> Result<()> {
        let rows = self.signing_keys().await?;
        self.reseal(&rows).await?;
        let (now, wanted) = (caller.now, self.config.tokens.algorithm);
        let is_first = move |rows: &[SigningKeyRow]| SigningKeyRow::active(rows, now).is_none();
        let is_missing = move |rows: &[SigningKeyRow]| {
            let is_wanted = |row: &SigningKeyRow| row.algorithm.parse::<Algorithm>() == Ok(wanted);
            let stays = rows.iter().filter(|row| row.stays(now)).any(is_wanted);
            !stays && (!command || is_first(rows))
        };
        if !is_missing(&rows) {
            return Ok(());
        }
        self.publish_key(caller, is_first(&rows), is_missing).await?;
        self.keys.mark_changed();
        self.keys.settle(now).await
    }

    /// Rotates keys when it is time. Runs until it is dropped.
    pub(crate) async fn keep_rotating(&self) {
        let mut ticks = ticks(INTERVAL);
        loop {
            ticks.tick().await;
            let rotated = self.rotate_due_key(&Caller::nobody(self.shared_clock.now())).await;
            match rotated {
                Ok(Some(key)) => tracing::info!(kid = key.kid, "a new signing key is published"),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "cannot rotate the signing key"),
            }
        }
    }

    async fn reseal(&self, rows: &[SigningKeyRow]) -> Result<()> {
        let resealed: Vec<(String, String)> = rows
            .iter()
            .filter_map(|row| Some((row.kid.clone(), self.sealing.reseal(row, &self.entropy)?)))
            .collect();
        if resealed.is_empty() {
            return Ok(());
        }
        self.write("reseal_keys", resealed, |tx, _app, resealed| {
            async move {
                for (kid, sealed) in &*resealed {
                    signing_key::reseal(tx, kid, sealed).await?;
                }
                Ok(())
            }
            .boxed()
        })
        .await
    }
}

/// The keys that there are, which nobody else changes until this change ends. What is locked is the
/// setting that every change of keys reads, and that is always there.
async fn lock(tx: &mut Tx<'_>) -> Result<Vec<SigningKeyRow>> {
    setting::lock(tx, setting::LONGEST_ACCESS_TTL).await?;
    Ok(signing_key::list_in(tx).await?)
}
