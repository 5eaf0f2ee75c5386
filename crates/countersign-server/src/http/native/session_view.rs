//! Sessions as lists show them, to the user, to an admin and on the command line.

use countersign::EndReason;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::clock::Time;
use crate::http::problem::Problem;
use crate::http::query::{Query, cursor};
use crate::operations::Caller;
use crate::tables::session::Session;

/// A user's sessions.
#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
pub enum Sessions {
    /// All that are live; there are only so many.
    Live {
        /// The oldest first.
        sessions: Vec<SessionView>,
    },
    /// A part of those that are over.
    Over {
        /// Those that began last first.
        sessions: Vec<SessionView>,
        /// What to send for the next part; null where there is none.
        next_cursor: Option<String>,
    },
}

/// A session.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ListedSession")]
pub struct SessionView {
    id: String,
    user_id: String,
    /// Whether it is the one that asks, where that is the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<bool>,
    /// `native`, or the dialect through which it began.
    channel: String,
    /// When it began.
    started_at: Time,
    /// When it was last refreshed or seen.
    last_seen_at: Time,
    /// When it is over unless it is refreshed.
    expires_at: Time,
    /// Where the login came from.
    address: Option<String>,
    /// What the client called itself.
    agent: Option<String>,
    /// What the client called the device.
    device: Option<String>,
    #[serde(flatten)]
    end: Option<End>,
}

#[derive(JsonSchema, Serialize)]
struct End {
    /// When it ended.
    ended_at: Time,
    /// One of the words of the `reason` of `invalid_token`.
    #[schemars(with = "String")]
    end_reason: EndReason,
}

impl Sessions {
    /// What the query asks for of a user's sessions: with `ended=true` those that are over.
    /// `current` is the session of the user who asks for their own.
    pub(super) async fn of(
        app: &App,
        caller: &Caller,
        (user_id, current): (&str, Option<&str>),
        mut query: Query,
    ) -> Result<Self, Problem> {
        let view = |session| SessionView::of(session, caller.now).seen_from(current);
        if !query.flag("ended")? {
            query.end()?;
            let sessions = app.sessions_of(user_id, caller).await?;
            return Ok(Self::Live { sessions: sessions.into_iter().map(view).collect() });
        }
        let page = query.page()?;
        query.end()?;
        let part = app.ended_sessions_of(user_id, caller, &page).await?.map(view);
        Ok(Self::Over { sessions: part.items, next_cursor: part.next.map(cursor) })
    }
}

impl SessionView {
    /// The session as it is at `now`.
    pub fn of(session: Session, now: Time) -> Self {
        let end = session.over(now).map(|(ended_at, end_reason)| End { ended_at, end_reason });
        Self {
            current: None,
            started_at: session.started_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.over_at(),
            id: session.id,
            user_id: session.user_id,
            channel: session.channel,
            address: session.address,
            agent: session.agent,
            device: session.device,
            end,
        }
    }

    fn seen_from(mut self, current: Option<&str>) -> Self {
        self.current = current.map(|current| current == self.id);
        self
    }
}
