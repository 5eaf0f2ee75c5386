//! `countersign apikey`

use std::time::Duration;

use clap::Subcommand;
use humantime_serde::re::humantime;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::output::{escape, table, time, values};
use super::{Failure, Settings};
use crate::clock::Time;
use crate::tables::api_key::{ApiKeyRow, Right};

#[derive(Subcommand)]
pub(super) enum ApiKey {
    /// Make a key for a program; it is shown this once, and stored nowhere.
    Create {
        /// Who holds it, in your words.
        name: String,
        /// What its holder may do: introspect, revoke, revocations or metrics.
        #[arg(long = "right", value_name = "RIGHT", required = true)]
        rights: Vec<Right>,
        /// How long it is good, like 90d; without this until it is revoked.
        #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
        expires_in: Option<Duration>,
    },
    /// List the keys, those that are over too.
    List,
    /// Revoke a key: whoever holds it is refused from now on.
    Revoke { id: String },
}

impl ApiKey {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self {
            Self::Create { name, rights, expires_in } => {
                create(settings, &name, (&rights, expires_in)).await
            }
            Self::List => list(settings).await,
            Self::Revoke { id } => revoke(settings, &id).await,
        }
    }
}

async fn create(
    settings: &Settings,
    name: &str,
    (rights, expires_in): (&[Right], Option<Duration>),
) -> Result<(), Failure> {
    let (row, key) = settings
        .with_app(async |app, caller| {
            let expires_at = expires_in.map(|after| caller.now.plus(after));
            Ok(app.create_api_key(caller, name, rights, expires_at).await?)
        })
        .await?;
    let key = key.expose_secret();
    let mut shown = view(&row);
    shown["key"] = json!(key);
    settings.print(&shown, || {
        values(vec![
            ("id", row.id.clone()),
            ("name", row.name.clone()),
            ("rights", words(&row)),
            ("expires", time(row.expires_at)),
            ("key", key.to_owned()),
        ])
    })
}

async fn list(settings: &Settings) -> Result<(), Failure> {
    let keys = settings.with_app(async |app, _| Ok(app.api_keys().await?)).await?;
    let views: Vec<Value> = keys.iter().map(view).collect();
    settings.print(&json!({ "api_keys": views }), || {
        let header = ["id", "name", "rights", "created", "expires", "revoked"];
        table(header, keys.iter().map(row).collect())
    })
}

fn view(key: &ApiKeyRow) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "rights": key.rights,
        "created_at": key.created_at.to_rfc3339(),
        "expires_at": key.expires_at.map(Time::to_rfc3339),
        "revoked_at": key.revoked_at.map(Time::to_rfc3339),
    })
}

fn row(key: &ApiKeyRow) -> [String; 6] {
    [
        key.id.clone(),
        key.name.clone(),
        words(key),
        key.created_at.to_rfc3339(),
        time(key.expires_at),
        time(key.revoked_at),
    ]
}

fn words(key: &ApiKeyRow) -> String {
    key.rights.iter().map(|right| right.as_str()).collect::<Vec<_>>().join(", ")
}

async fn revoke(settings: &Settings, id: &str) -> Result<(), Failure> {
    settings.with_app(async |app, caller| Ok(app.revoke_api_key(caller, id).await?)).await?;
    settings.print(&json!({ "id": id, "changed": true }), || format!("{}: revoked", escape(id)))
}
