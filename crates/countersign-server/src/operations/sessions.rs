//! How sessions begin and end.

use countersign::EndReason;
use countersign::refresh::Rotation;
use futures::FutureExt as _;

use super::page::{Page, Part};
use super::{Caller, Terms, record::Record};
use crate::app::App;
use crate::clock::Time;
use crate::db::{DbError, Tx};
use crate::error::{Error, Result};
use crate::tables::ended_status;
use crate::tables::import;
use crate::tables::revocation::{self, Revocation, Subject};
use crate::tables::session::{self, Place, Session};
use crate::tables::user::{self, User};

/// The longest text that a client may call a device.
const DEVICE_LENGTH: usize = 200;

impl App {
    /// Begins a session, with this status index if with any, in a change that has locked the user's
    /// row. Beyond `max_per_user` the oldest ends.
    pub(super) async fn begin_session(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        user: &User,
        (terms, device, status_index): (&Terms, Option<&str>, Option<i64>),
    ) -> Result<Session, DbError> {
        let mut session = self.new_session(caller, &user.id, (terms, device));
        session.status_index = status_index;
        self.make_room(tx, caller, &user.id, terms).await?;
        if terms.single {
            import::forget_login(tx, &user.id).await?;
        }
        self.put_session(tx, &session).await?;
        Ok(session)
    }

    /// Writes a session that is not in the table yet.
    pub(super) async fn put_session(
        &self,
        tx: &mut Tx<'_>,
        session: &Session,
    ) -> Result<(), DbError> {
        session::insert(tx, session).await?;
        self.mark_copy(tx, (&session.channel, &session.user_id), session.started_at).await
    }

    /// A session that is not in the table yet.
    pub(super) fn new_session(
        &self,
        caller: &Caller,
        user_id: &str,
        (terms, device): (&Terms, Option<&str>),
    ) -> Session {
        let now = caller.now;
        Session {
            id: self.entropy.uuid(now).to_string(),
            user_id: user_id.to_owned(),
            channel: terms.channel.clone(),
            amr: "pwd".to_owned(),
            started_at: now,
            last_seen_at: now,
            idle_ttl: terms.idle_ttl,
            idle_expires_at: now.plus(terms.idle_ttl),
            expires_at: now.plus(terms.absolute_ttl),
            rotation: Rotation::BEGUN,
            address: caller.address.map(|address| address.to_string()),
            agent: caller.agent.clone(),
            device: device.map(|device| shorten(device, DEVICE_LENGTH)),
            ended: None,
            status_index: None,
        }
    }

    /// Ends what a login through these terms leaves no room for.
    pub(super) async fn make_room(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        user_id: &str,
        terms: &Terms,
    ) -> Result<(), DbError> {
        let live = session::live_of_user_in(tx, user_id, caller.now).await?;
        let room = usize::try_from(self.config.sessions.max_per_user).unwrap_or(usize::MAX);
        let (mut over, rest): (Vec<_>, Vec<_>) =
            live.into_iter().partition(|session| terms.single && session.channel == terms.channel);
        let too_many = (rest.len() + 1).saturating_sub(room);
        over.extend(rest.into_iter().take(too_many));
        for session in over {
            self.end_session(tx, caller, &session.id, EndReason::Limit).await?;
            let record = Record::of("session_ended").because(EndReason::Limit.as_str());
            self.record(tx, caller, record.user(user_id).session(&session.id)).await?;
        }
        Ok(())
    }

    /// Ends one session and revokes its tokens; false where it had ended.
    pub(super) async fn end_session(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        session_id: &str,
        reason: EndReason,
    ) -> Result<bool, DbError> {
        self.end_session_as_of(tx, caller, session_id, (caller.now, reason)).await
    }

    /// As [`App::end_session`], where the end came at `at`.
    pub(super) async fn end_session_as_of(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        session_id: &str,
        (at, reason): (Time, EndReason),
    ) -> Result<bool, DbError> {
        if !session::end(tx, session_id, reason, at).await? {
            return Ok(false);
        }
        if let Some(index) = session::status_index(tx, session_id).await? {
            let until = revocation::until(tx, caller.now, self.config.tokens.leeway).await?;
            ended_status::insert(tx, index, until).await?;
        }
        self.mark_copy_of(tx, session_id, caller.now).await?;
        self.revoke(tx, caller, Subject::Session(session_id.to_owned()), reason).await?;
        Ok(true)
    }

    /// Ends every live session of a user whose row this change has locked, but for `except`.
    /// Returns how many.
    pub(super) async fn end_sessions(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        user_id: &str,
        (except, reason): (Option<&str>, EndReason),
    ) -> Result<i64, DbError> {
        let mut ended = 0;
        for session in session::live_of_user_in(tx, user_id, caller.now).await? {
            if except != Some(&*session.id)
                && self.end_session(tx, caller, &session.id, reason).await?
            {
                ended += 1;
            }
        }
        Ok(ended)
    }

    pub(super) async fn revoke(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        subject: Subject,
        reason: EndReason,
    ) -> Result<(), DbError> {
        let until = revocation::until(tx, caller.now, self.config.tokens.leeway).await?;
        self.announce(tx, Revocation { subject, reason, until }).await
    }

    /// Writes a revocation and tells the other nodes.
    pub(super) async fn announce(
        &self,
        tx: &mut Tx<'_>,
        revocation: Revocation,
    ) -> Result<(), DbError> {
        revocation::insert(tx, &revocation).await?;
        self.node.announce(tx, &revocation).await
    }

    /// The session with this id, live or over. This node refuses the tokens of one that has ended,
    /// whoever ended it.
    pub(super) async fn find_session(&self, session_id: &str) -> Result<Option<Session>> {
        let session = session::find(&self.db, session_id).await?;
        let has_ended = session.as_ref().is_some_and(|session| session.ended.is_some());
        let knows = || self.node.revocations().check(Some(session_id), None, None).is_some();
        if has_ended && !knows() {
            self.node.catch_up().await?;
        }
        Ok(session)
    }

    /// The user's live sessions, the oldest first.
    pub async fn sessions_of(&self, user_id: &str, caller: &Caller) -> Result<Vec<Session>> {
        Ok(session::live_of_user(&self.db, user_id, caller.now).await?)
    }

    /// A part of the user's sessions that ended or expired in the last 30 days; those that began
    /// last come first.
    pub async fn ended_sessions_of(
        &self,
        user_id: &str,
        caller: &Caller,
        page: &Page,
    ) -> Result<Part<Session>> {
        let place = page.after(read_place)?.unwrap_or_else(Place::first);
        let interval = (caller.now.minus(session::KEPT), caller.now);
        let of = (&place, page.reach());
        let sessions = session::over_of_user(&self.db, user_id, interval, of).await?;
        self.node.catch_up().await?;
        Ok(page.cut(sessions, |last| format!("{}/{}", last.started_at.0, last.id)))
    }

    /// Ends one session of the user's own; there is none of another's.
    pub async fn end_own_session(
        &self,
        caller: &Caller,
        user_id: &str,
        session_id: &str,
    ) -> Result<()> {
        let owner = self.find_session(session_id).await?;
        if owner.is_none_or(|session| session.user_id != user_id) {
            return Err(Error::NotFound("session"));
        }
        self.end_one(caller, user_id, session_id, EndReason::Logout).await.map(drop)
    }

    /// Ends one session; false where it had ended.
    pub(super) async fn end_one(
        &self,
        caller: &Caller,
        user_id: &str,
        session_id: &str,
        reason: EndReason,
    ) -> Result<bool> {
        let job = (caller.clone(), user_id.to_owned(), session_id.to_owned());
        let ended = self
            .write_as("end_session", (caller, &[user_id]), job, move |tx, app, job| {
                async move {
                    let (caller, user_id, session_id) = &*job;
                    user::lock(tx, user_id).await?;
                    let ended = app.end_session(tx, caller, session_id, reason).await?;
                    if ended {
                        app.note_action(tx, caller, user_id).await?;
                        let record = Record::of("logout").because(reason.as_str());
                        app.record(tx, caller, record.user(user_id).session(session_id)).await?;
                    }
                    Ok(ended)
                }
                .boxed()
            })
            .await?;
        self.copied(user_id).await;
        Ok(ended)
    }

    /// Ends a session as the operator.
    pub async fn end_session_as_operator(&self, caller: &Caller, session_id: &str) -> Result<bool> {
        let session = self.find_session(session_id).await?;
        let session = session.ok_or(Error::NotFound("session"))?;
        self.end_one(caller, &session.user_id, session_id, EndReason::Admin).await
    }
}

/// Reads what [`App::ended_sessions_of`] said the next part begins after.
fn read_place(text: &str) -> Option<Place> {
    let (started_at, id) = text.split_once('/')?;
    Some(Place { started_at: Time(started_at.parse().ok()?), id: id.to_owned() })
}

/// The first `length` characters, without those that a column or a terminal would choke on.
fn shorten(text: &str, length: usize) -> String {
    text.chars().filter(|character| !character.is_control()).take(length).collect()
}
