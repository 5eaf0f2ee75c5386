//! `countersign session`

use clap::Subcommand;
use serde_json::json;

use super::output::{escape, or_none, table};
use super::{Failure, Settings};
use crate::http::native::session_view::SessionView;
use crate::tables::session;

#[derive(Subcommand)]
pub(super) enum Session {
    /// List the live sessions of a user (an identifier, an id or a number), the oldest first.
    List { user: String },
    /// End a session.
    End { id: String },
}

impl Session {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self {
            Self::List { user } => list(settings, &user).await,
            Self::End { id } => end(settings, &id).await,
        }
    }
}

async fn list(settings: &Settings, name: &str) -> Result<(), Failure> {
    let (sessions, now) = settings
        .with_app(async |app, caller| {
            let user = app.find_user(name).await?;
            Ok((app.sessions_of(&user.id, caller).await?, caller.now))
        })
        .await?;
    let view = |session: &session::Session| SessionView::of(session.clone(), now);
    let views: Vec<_> = sessions.iter().map(view).collect();
    settings.print(&json!({ "sessions": views }), || {
        let header = ["id", "channel", "started", "last seen", "expires", "address", "agent"];
        table(header, sessions.into_iter().map(row).collect())
    })
}

fn row(session: session::Session) -> [String; 7] {
    let expires = session.over_at().to_rfc3339();
    [
        session.id,
        session.channel,
        session.started_at.to_rfc3339(),
        session.last_seen_at.to_rfc3339(),
        expires,
        or_none(session.address),
        or_none(session.device.or(session.agent)),
    ]
}

async fn end(settings: &Settings, id: &str) -> Result<(), Failure> {
    let ended = settings
        .with_app(async |app, caller| Ok(app.end_session_as_operator(caller, id).await?))
        .await?;
    settings.print(&json!({ "id": id, "changed": ended }), || {
        format!("{}: {}", escape(id), if ended { "ended" } else { "had ended already" })
    })
}
