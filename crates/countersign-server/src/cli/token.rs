//! `countersign token`

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::output::{print_json, values};
use super::{Failure, Settings, prompt};
use crate::error::Refusal;

/// The token comes from a prompt or from standard input.
#[derive(Subcommand)]
pub(super) enum Token {
    /// Show what a token says, without checking that it is true.
    Inspect,
    /// Check an access token of the native API as the server would, and show what it says.
    Verify,
}

impl Token {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self {
            Self::Inspect => inspect(settings),
            Self::Verify => verify(settings).await,
        }
    }
}

fn inspect(settings: &Settings) -> Result<(), Failure> {
    let token = prompt::token()?;
    let mut segments = token.split('.');
    let header = object("header", segments.next())?;
    let claims = object("payload", segments.next())?;
    if segments.count() != 1 {
        return Err(Failure::Failed("a token has three segments".to_owned()));
    }
    let shown = json!({ "verified": false, "header": header, "claims": claims });
    settings.print(&shown, || {
        let title = "NOT VERIFIED: anyone can write a token that says this.";
        format!("{title}\n\nHeader\n{}\n\nClaims\n{}", members(&header), members(&claims))
    })
}

fn object(name: &str, segment: Option<&str>) -> Result<Map<String, Value>, Failure> {
    let bytes = URL_SAFE_NO_PAD.decode(segment.unwrap_or_default());
    let object = bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    object.ok_or_else(|| Failure::Failed(format!("the {name} is no JSON object in base64url")))
}

fn members(object: &Map<String, Value>) -> String {
    values(object.iter().map(|(name, value)| (name.as_str(), value.to_string())).collect())
}

async fn verify(settings: &Settings) -> Result<(), Failure> {
    let token = prompt::token()?;
    let checked = settings
        .with_app(async |app, caller| Ok(app.judge_access_token(&token, caller.now).await))
        .await?;
    match checked {
        Ok(verified) => {
            let claims: Map<String, Value> = verified.claims.deserialize().map_err(Failure::of)?;
            settings.print(&json!({ "verified": true, "claims": claims }), || members(&claims))
        }
        Err(refusal) => {
            if settings.json {
                let reason = reason(&refusal);
                print_json(&json!({ "verified": false, "reason": reason }))?;
            }
            Err(Failure::of(refusal))
        }
    }
}

/// The reason as the API gives it, or in words.
fn reason(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Ended(reason) => reason.as_str().to_owned(),
        refusal => refusal.to_string(),
    }
}
