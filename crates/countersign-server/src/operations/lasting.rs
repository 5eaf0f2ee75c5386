//! Refresh tokens that are not exchanged: one is good until it expires or is revoked, however often
//! it brings an access token. The older systems whose clients know no other had such.
//!
//! Each belongs to one session, whose row and the revocation beside it say whether it is good. The
//! session is over with it, or once it is revoked with the last access token that it brought. The
//! row stays until the token would have expired, and a token without its row is good for nothing.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use countersign::EndReason;
use countersign::refresh::Rotation;
use futures::FutureExt as _;

use super::{Caller, Terms, record::Record};
use crate::app::App;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::{Error, Refusal, Result};
use crate::tables::revocation::{self, Revocation, Subject};
use crate::tables::session::{self, Session};
use crate::tables::user::{self, User};

/// A refresh token whose signature and times are good.
#[derive(Clone, Debug)]
pub enum Lasting {
    /// Of this session.
    Session(String),
    /// Minted by an older system for a user who came along: a session begins when it is first
    /// used.
    Legacy {
        /// Whose it is.
        user_id: String,
        /// What it is remembered by.
        token_id: String,
        /// When it is over.
        expires_at: Time,
    },
}

struct Job {
    caller: Caller,
    terms: Terms,
    token: Lasting,
    session_id: String,
    user_id: String,
    access_ttl: Duration,
}

/// The `jti` of the access token that a session's refresh token brings when it is used for the
/// `generation`th time; that of the login is the 0th.
pub fn access_jti(session: &Session) -> String {
    uuid_of(&format!("access token\n{}\n{}", session.id, session.rotation.current))
}

/// A UUID of version 8 (RFC 9562, section 5.8), always the same for the same text.
fn uuid_of(text: &str) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

impl Lasting {
    /// The id of the token's session. An older system's token has always the same, so that of two
    /// first uses one begins it.
    fn session_id(&self, terms: &Terms) -> String {
        match self {
            Self::Session(id) => id.clone(),
            Self::Legacy { token_id, .. } => {
                uuid_of(&format!("session\n{}\n{token_id}", terms.channel))
            }
        }
    }
}

impl App {
    /// Uses a refresh token: the session for which an access token is to be minted.
    ///
    /// # Errors
    /// [`Refusal::Ended`] where the token or its session is over.
    pub async fn refresh_lasting(
        &self,
        caller: &Caller,
        terms: &Terms,
        token: Lasting,
    ) -> Result<(User, Session)> {
        let job = self.lasting_job(caller, (terms, Duration::ZERO), token).await?;
        let user_id = job.user_id.clone();
        self.write_for(&user_id, "refresh_lasting", job, |tx, app, job| {
            refresh(tx, app, job).boxed()
        })
        .await
    }

    /// Revokes a refresh token. The access tokens that it brought live on, each for `access_ttl` at
    /// most, and the session with the last of them.
    ///
    /// # Errors
    /// [`Refusal::Ended`] where the token or its session is over.
    pub async fn revoke_lasting(
        &self,
        caller: &Caller,
        (terms, access_ttl): (&Terms, Duration),
        token: Lasting,
    ) -> Result<()> {
        let job = self.lasting_job(caller, (terms, access_ttl), token).await?;
        let user_id = job.user_id.clone();
        self.write_as("revoke_lasting", (caller, &[&user_id]), job, |tx, app, job| {
            revoke(tx, app, job).boxed()
        })
        .await
    }

    /// Revokes one access token of a session. Where its refresh token is revoked too, and this was
    /// the last that it brought, the session ends.
    pub async fn revoke_access_token(
        &self,
        caller: &Caller,
        (session_id, jti): (&str, &str),
    ) -> Result<()> {
        let Some(session) = self.find_session(session_id).await? else { return Ok(()) };
        let user_id = session.user_id.clone();
        let job = (caller.clone(), session, jti.to_owned());
        self.write_as("revoke_access_token", (caller, &[&user_id]), job, |tx, app, job| {
            async move {
                let (caller, Session { id, user_id, .. }, jti) = &*job;
                user::lock(tx, user_id).await?;
                app.revoke(tx, caller, Subject::Token(jti.clone()), EndReason::Logout).await?;
                let record = Record::of("access_token_revoked").user(user_id).session(id);
                app.record(tx, caller, record).await?;
                let session = session::find_in(tx, id).await?;
                let is_last = session.is_some_and(|session| access_jti(&session) == *jti);
                if is_last
                    && revocation::find_in(tx, &Subject::Refresh(id.clone())).await?.is_some()
                {
                    log_out(tx, &app, caller, (id, user_id)).await?;
                }
                Ok(())
            }
            .boxed()
        })
        .await
    }

    /// Whether a refresh token is good, for one who asks and does not use it.
    ///
    /// # Errors
    /// [`Refusal::Ended`] where the token or its session is over.
    pub async fn judge_lasting(
        &self,
        caller: &Caller,
        terms: &Terms,
        token: &Lasting,
    ) -> Result<()> {
        let id = token.session_id(terms);
        let session = self.find_session(&id).await?;
        let subject = subject(session.as_ref(), (&id, token))?;
        let revocation = revocation::find(&self.db, &subject).await?;
        if revocation.is_some() {
            self.node.catch_up().await?;
        }
        judge(session, revocation, caller.now).map(drop)
    }

    async fn lasting_job(
        &self,
        caller: &Caller,
        (terms, access_ttl): (&Terms, Duration),
        token: Lasting,
    ) -> Result<Job> {
        let session_id = token.session_id(terms);
        let user_id = match &token {
            Lasting::Legacy { user_id, .. } => user_id.clone(),
            Lasting::Session(_) => {
                let session = self.find_session(&session_id).await?;
                session.ok_or(Refusal::Ended(EndReason::ExpiredAbsolute))?.user_id
            }
        };
        let (caller, terms) = (caller.clone(), terms.clone());
        Ok(Job { caller, terms, token, session_id, user_id, access_ttl })
    }
}

async fn refresh(tx: &mut Tx<'_>, app: App, job: Arc<Job>) -> Result<(User, Session)> {
    let active = user::lock_active(tx, &job.user_id).await?;
    let known = find(tx, &job).await?;
    let user = match user::find_in(tx, &job.user_id).await? {
        Some(user) if active => user,
        Some(_) => return Err(Refusal::Ended(EndReason::Disabled).into()),
        None => return Err(Refusal::Ended(EndReason::Deleted).into()),
    };
    let mut session = match known {
        Some(session) => session,
        None => adopt(tx, &app, &job, &user).await?,
    };
    let from = session.rotation.current;
    session.rotation = Rotation {
        current: from + 1,
        presented: Some(from),
        rotated_at: Some(job.caller.now.0),
        ..session.rotation
    };
    session.last_seen_at = job.caller.now;
    if session::rotate(tx, &session, from).await? {
        Ok((user, session))
    } else {
        Err(Error::Conflict)
    }
}

/// The session, where token and session are good; `None` where it is yet to begin.
async fn find(tx: &mut Tx<'_>, job: &Job) -> Result<Option<Session>> {
    let session = session::find_in(tx, &job.session_id).await?;
    let subject = subject(session.as_ref(), (&job.session_id, &job.token))?;
    let revocation = revocation::find_in(tx, &subject).await?;
    judge(session, revocation, job.caller.now)
}

/// What a revocation of the token would be about.
fn subject(session: Option<&Session>, (id, token): (&str, &Lasting)) -> Result<Subject> {
    match (session, token) {
        (Some(_), _) => Ok(Subject::Refresh(id.to_owned())),
        (None, Lasting::Legacy { token_id, .. }) => Ok(Subject::Token(token_id.clone())),
        (None, Lasting::Session(_)) => Err(Refusal::Ended(EndReason::ExpiredAbsolute).into()),
    }
}

fn judge(
    session: Option<Session>,
    revocation: Option<Revocation>,
    now: Time,
) -> Result<Option<Session>> {
    let ended = session.as_ref().and_then(|session| session.ended).map(|(_, reason)| reason);
    if let Some(reason) = ended.or(revocation.map(|revocation| revocation.reason)) {
        return Err(Refusal::Ended(reason).into());
    }
    match session {
        Some(session) if !session.is_live(now) => {
            Err(Refusal::Ended(EndReason::ExpiredAbsolute).into())
        }
        session => Ok(session),
    }
}

/// Begins the session of an older system's token, which lives as long as the token does.
async fn adopt(tx: &mut Tx<'_>, app: &App, job: &Job, user: &User) -> Result<Session> {
    let Job { caller, terms, token, session_id, .. } = job;
    let Lasting::Legacy { expires_at, .. } = token else {
        return Err(Refusal::Ended(EndReason::ExpiredAbsolute).into());
    };
    if user.epoch != 0 {
        return Err(Refusal::Ended(EndReason::LogoutAll).into());
    }
    let mut session = app.new_session(caller, &user.id, (terms, None));
    session.id.clone_from(session_id);
    session.expires_at = *expires_at;
    session.idle_expires_at = *expires_at;
    app.make_room(tx, caller, &user.id, terms).await?;
    app.put_session(tx, &session).await?;
    let record = Record::of("session_adopted").user(&user.id).session(session_id);
    app.record(tx, caller, record).await?;
    Ok(session)
}

async fn revoke(tx: &mut Tx<'_>, app: App, job: Arc<Job>) -> Result<()> {
    let Job { caller, token, session_id, user_id, access_ttl, .. } = &*job;
    user::lock(tx, user_id).await?;
    let Some(session) = find(tx, &job).await? else {
        let Lasting::Legacy { token_id, expires_at, .. } = token else { return Ok(()) };
        return app.revoke_legacy(tx, caller, user_id, (token_id, *expires_at)).await;
    };
    let subject = Subject::Refresh(session_id.clone());
    let (reason, until) = (EndReason::Logout, session.expires_at);
    revocation::insert(tx, &Revocation { subject, reason, until }).await?;
    let record = Record::of("refresh_token_revoked").user(user_id).session(session_id);
    app.record(tx, caller, record).await?;
    let minted_at = session.rotation.rotated_at.map_or(session.started_at, Time);
    let last = Subject::Token(access_jti(&session));
    let over_at = minted_at.plus(*access_ttl);
    if over_at <= caller.now || revocation::find_in(tx, &last).await?.is_some() {
        log_out(tx, &app, caller, (session_id, user_id)).await
    } else {
        Ok(session::shorten(tx, session_id, over_at).await?)
    }
}

/// Ends a session of which nothing is left.
async fn log_out(
    tx: &mut Tx<'_>,
    app: &App,
    caller: &Caller,
    (session_id, user_id): (&str, &str),
) -> Result<()> {
    if app.end_session(tx, caller, session_id, EndReason::Logout).await? {
        let record = Record::of("logout").because(EndReason::Logout.as_str());
        app.record(tx, caller, record.user(user_id).session(session_id)).await?;
    }
    Ok(())
}
