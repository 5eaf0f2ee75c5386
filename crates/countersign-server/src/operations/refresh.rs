//! Exchanging a refresh token for a new pair.

use std::sync::Arc;

use countersign::refresh::{SessionState, Verdict, Windows, judge};
use countersign::{EndReason, RefreshToken};
use futures::FutureExt as _;

use super::{Caller, record::Record};
use crate::app::App;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::{Error, Refusal, Result};
use crate::tables::session::{self, Session};
use crate::tables::user::{self, User};

struct Job {
    caller: Caller,
    presented: RefreshToken,
    session_id: String,
    user_id: String,
}

/// What the change came to. A session that it ended stays ended, so that is no error inside it.
enum Outcome {
    Refreshed(Box<(User, Session, Taken)>),
    Over(EndReason),
}

/// How a good token was taken.
#[derive(Clone, Copy)]
enum Taken {
    /// The session has another generation now.
    Rotated,
    /// It had been taken before, and got the same pair again.
    Repeated,
}

impl App {
    /// Exchanges a refresh token: the session as it is now, whose pair is to be answered.
    ///
    /// # Errors
    /// [`Refusal::NotARefreshToken`] without any look into the database for what is not ours;
    /// [`Refusal::OutOfTouch`] while this node is out of touch with the database, and for a second
    /// after;
    /// [`Refusal::Ended`] for a session that is over, and for a token that came twice, whose
    /// session this call ends.
    pub async fn refresh(&self, caller: &Caller, token: &str) -> Result<(User, Session)> {
        let refreshed = self.exchange(caller, token).await;
        self.metrics.refreshed(match &refreshed {
            Ok((_, _, Taken::Rotated)) => "rotated",
            Ok((_, _, Taken::Repeated)) => "repeated",
            Err(Error::Refused(Refusal::Ended(reason))) => reason.as_str(),
            Err(Error::Refused(_)) => "not_ours",
            Err(_) => "failed",
        });
        refreshed.map(|(user, session, _)| (user, session))
    }

    async fn exchange(&self, caller: &Caller, token: &str) -> Result<(User, Session, Taken)> {
        let presented = self.refresh_tokens.read(token).ok_or(Refusal::NotARefreshToken)?;
        // A request may have waited while this process was stopped. If its client has sent it again to
        // another node and used the answer, it would look like a stolen token and end the session.
        if !self.node.is_settled() {
            return Err(Refusal::OutOfTouch.into());
        }
        let session_id = presented.session_id.to_string();
        // Sessions are kept until they would have expired anyway.
        let session = self.find_session(&session_id).await?;
        let session = session.ok_or(Refusal::Ended(EndReason::ExpiredAbsolute))?;
        if let Some((_, reason)) = session.ended {
            return Err(Refusal::Ended(reason).into());
        }
        let user_id = session.user_id;
        let job = Job { caller: caller.clone(), presented, session_id, user_id: user_id.clone() };
        let refreshed =
            self.write_for(&user_id, "refresh", job, |tx, app, job| exchange(tx, app, job).boxed());
        match refreshed.await? {
            Outcome::Refreshed(refreshed) => Ok(*refreshed),
            Outcome::Over(reason) => Err(Refusal::Ended(reason).into()),
        }
    }

    /// The session of a refresh token that would be taken at `now`, for one who asks and does not use
    /// it.
    pub async fn judge_refresh_token(
        &self,
        token: RefreshToken,
        now: Time,
    ) -> Result<Option<Session>> {
        let session = self.find_session(&token.session_id.to_string()).await?;
        Ok(session.filter(|session| {
            let verdict = self.would_refresh(token, (session, None), now);
            matches!(verdict, Verdict::Advance { .. } | Verdict::Repeat)
        }))
    }

    /// What is to become of the session; of one whose user is `barred`, too.
    fn would_refresh(
        &self,
        token: RefreshToken,
        (session, barred): (&Session, Option<EndReason>),
        now: Time,
    ) -> Verdict {
        let mut rotation = session.rotation;
        let noted = self.uses.highest(token.session_id).unwrap_or(0);
        rotation.used = rotation.used.max(noted);
        let state = SessionState {
            ended: session.ended.map(|(_, reason)| reason),
            barred,
            expires_at: session.expires_at.0,
            idle_expires_at: session.idle_expires_at.0,
            idle_ttl: session.idle_ttl,
            rotation,
        };
        judge(state, token.generation, now.0, self.windows())
    }

    fn windows(&self) -> Windows {
        let sessions = &self.config.sessions;
        Windows { reuse_grace: sessions.reuse_grace, unused_successor: sessions.unused_successor }
    }
}

async fn exchange(tx: &mut Tx<'_>, app: App, job: Arc<Job>) -> Result<Outcome> {
    let Job { caller, presented, session_id, user_id } = &*job;
    let active = user::lock_active(tx, user_id).await?;
    let session = session::find_in(tx, session_id).await?;
    let Some(mut session) = session else {
        return Ok(Outcome::Over(EndReason::ExpiredAbsolute));
    };
    let user = user::find_in(tx, user_id).await?.filter(|_| active);
    let barred = user.is_none().then_some(EndReason::Disabled);
    let taken = match app.would_refresh(*presented, (&session, barred), caller.now) {
        Verdict::Ended(reason) => return Ok(Outcome::Over(reason)),
        Verdict::End { at, reason } => {
            return end(tx, &app, (caller, &session), (Time(at), reason)).await;
        }
        Verdict::Repeat => Taken::Repeated,
        Verdict::Advance { rotation, idle_expires_at } => {
            let from = session.rotation.current;
            session.rotation = rotation;
            session.last_seen_at = caller.now;
            session.idle_expires_at = Time(idle_expires_at);
            if !session::rotate(tx, &session, from).await? {
                return Err(Error::Conflict);
            }
            Taken::Rotated
        }
    };
    let user = user.ok_or(Error::Internal("a session was refreshed without its user"))?;
    Ok(Outcome::Refreshed(Box::new((user, session, taken))))
}

async fn end(
    tx: &mut Tx<'_>,
    app: &App,
    (caller, session): (&Caller, &Session),
    (at, reason): (Time, EndReason),
) -> Result<Outcome> {
    if app.end_session_as_of(tx, caller, &session.id, (at, reason)).await? {
        let record = if reason == EndReason::RefreshReuse {
            Record::refused("refresh_reuse", reason.as_str())
        } else {
            Record::of("session_ended").because(reason.as_str())
        };
        app.record(tx, caller, record.user(&session.user_id).session(&session.id)).await?;
    }
    Ok(Outcome::Over(reason))
}
