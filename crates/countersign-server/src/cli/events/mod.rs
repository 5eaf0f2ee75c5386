//! `countersign events`

mod export;
mod verify;

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::{or_none, table};
use super::{Failure, Settings};
use crate::app::App;
use crate::error::Error;
use crate::tables::event::{self, Event};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Events {
    #[command(flatten)]
    list: List,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args)]
struct List {
    /// About this user only: an identifier, an id or a number; of a deleted user the id.
    #[arg(long)]
    user: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
}

#[derive(Subcommand)]
enum Command {
    /// Find out whether events were changed, removed or added since they were sealed.
    Verify(verify::Verify),
    /// Write events as JSON Lines, the oldest first.
    Export(export::Export),
}

impl Events {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self.command {
            None => self.list.run(settings).await,
            Some(Command::Verify(verify)) => verify.run(settings).await,
            Some(Command::Export(export)) => export.run(settings).await,
        }
    }
}

impl List {
    async fn run(self, settings: &Settings) -> Result<(), Failure> {
        let events = settings.with_app(async |app, _| self.find(app).await).await?;
        settings.print(&json!({ "events": events }), || {
            let header = [
                "at", "kind", "outcome", "reason", "user", "session", "subject", "actor", "address",
            ];
            table(header, events.iter().cloned().map(row).collect())
        })
    }

    async fn find(&self, app: &App) -> Result<Vec<Event>, Failure> {
        let Some(name) = &self.user else { return Ok(event::latest(&app.db, self.limit).await?) };
        let user_id = match app.find_user(name).await {
            Ok(user) => user.id,
            // The events of a deleted user stay.
            Err(Error::NotFound(_)) => name.clone(),
            Err(error) => return Err(error.into()),
        };
        Ok(event::latest_of_user(&app.db, &user_id, self.limit).await?)
    }
}

fn row(event: Event) -> [String; 9] {
    let kind = match event.occurrences {
        1 => event.kind,
        times => format!("{} ({times})", event.kind),
    };
    [
        event.at.to_rfc3339(),
        kind,
        event.outcome,
        or_none(event.reason),
        or_none(event.user_id),
        or_none(event.session_id),
        or_none(event.subject),
        or_none(event.actor),
        or_none(event.address),
    ]
}
