//! `countersign key`

use clap::Subcommand;
use serde_json::json;

use super::output::{escape, table, time};
use super::{Failure, Settings};
use crate::clock::Time;
use crate::http::native::admin::keys::KeyAnswer;
use crate::tables::signing_key::SigningKeyRow;

#[derive(Subcommand)]
pub(super) enum Key {
    /// List the signing keys, those that are over too.
    List,
    /// Publish a new key, which signs once every verifier had time to fetch it.
    Rotate {
        /// Let it sign at once: verifiers that keep the JWK set may refuse its first tokens.
        #[arg(long)]
        now: bool,
    },
    /// Withdraw a key at once: every token that it signed is refused from now on.
    Revoke {
        /// It may begin with a hyphen.
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

impl Key {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self {
            Self::List => list(settings).await,
            Self::Rotate { now } => rotate(settings, now).await,
            Self::Revoke { kid } => revoke(settings, &kid).await,
        }
    }
}

async fn list(settings: &Settings) -> Result<(), Failure> {
    let (keys, now) =
        settings.with_app(async |app, caller| Ok((app.signing_keys().await?, caller.now))).await?;
    let views: Vec<_> = keys.iter().map(|key| KeyAnswer::of(&keys, key, now)).collect();
    settings.print(&json!({ "keys": views }), || {
        let header = ["kid", "algorithm", "state", "published", "signs from", "retires", "revoked"];
        table(header, keys.iter().map(|key| row(&keys, key, now)).collect())
    })
}

fn row(keys: &[SigningKeyRow], key: &SigningKeyRow, now: Time) -> [String; 7] {
    [
        key.kid.clone(),
        key.algorithm.clone(),
        key.state(keys, now).to_string(),
        key.published_at.to_rfc3339(),
        key.activates_at.to_rfc3339(),
        time(key.retires_at),
        time(key.revoked_at),
    ]
}

async fn rotate(settings: &Settings, at_once: bool) -> Result<(), Failure> {
    let key =
        settings.with_app(async |app, caller| Ok(app.rotate_key(caller, at_once).await?)).await?;
    let activates_at = key.activates_at.to_rfc3339();
    settings.print(&json!({ "kid": key.kid, "activates_at": activates_at }), || {
        format!("{}: signs from {activates_at} on", escape(&key.kid))
    })
}

async fn revoke(settings: &Settings, kid: &str) -> Result<(), Failure> {
    settings.with_app(async |app, caller| Ok(app.revoke_key(caller, kid).await?)).await?;
    settings.print(&json!({ "kid": kid, "changed": true }), || format!("{}: revoked", escape(kid)))
}
