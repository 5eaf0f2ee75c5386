//! Logins, one a device.

use std::time::Duration;

use countersign::EndReason;
use countersign::refresh::{Rotation, expiry};
use ipnet::IpNet;

use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Tx, params, sql};
use crate::network;

/// How long sessions are kept after the end of their life, for whoever asks why they were logged
/// out.
pub const KEPT: Duration = Duration::from_hours(24 * 30);

/// One login on one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The id that tokens carry as `sid`, a UUID of version 7.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// What it was begun through: `native`, or a dialect's name.
    pub channel: String,
    /// How the user proved who they are (RFC 8176).
    pub amr: String,
    /// When they did.
    pub started_at: Time,
    /// When it was last refreshed or seen.
    pub last_seen_at: Time,
    /// How long it lives without a refresh.
    pub idle_ttl: Duration,
    /// When it is over unless it is refreshed.
    pub idle_expires_at: Time,
    /// When it is over in any case.
    pub expires_at: Time,
    /// The current generation and what else the refresh rule looks at.
    pub rotation: Rotation,
    /// Where the login came from.
    pub address: Option<String>,
    /// What the client called itself.
    pub agent: Option<String>,
    /// What the client called the device.
    pub device: Option<String>,
    /// When it ended, and why.
    pub ended: Option<(Time, EndReason)>,
    /// Which entry of the status lists is its own, if it has one.
    pub status_index: Option<i64>,
}

impl Session {
    /// When it will be over if nothing happens.
    pub fn over_at(&self) -> Time {
        self.expires_at.min(self.idle_expires_at)
    }

    /// Since when it is over at `now`, and why: by what came first. An expiry is known from the
    /// row alone, whether or not anybody has noticed.
    pub fn over(&self, now: Time) -> Option<(Time, EndReason)> {
        self.ended.or_else(|| {
            let (at, reason) = expiry(self.idle_expires_at.0, self.expires_at.0, now.0)?;
            Some((Time(at), reason))
        })
    }

    /// Whether it is still good at `now`.
    pub fn is_live(&self, now: Time) -> bool {
        self.over(now).is_none()
    }
}

impl FromRow for Session {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.take()?,
            user_id: row.take()?,
            channel: row.take()?,
            amr: row.take()?,
            started_at: row.take()?,
            last_seen_at: row.take()?,
            idle_ttl: row.take()?,
            idle_expires_at: row.take()?,
            expires_at: row.take()?,
            rotation: Rotation {
                current: row.take()?,
                presented: row.take()?,
                rotated_at: row.take()?,
                used: row.take()?,
            },
            address: row.take()?,
            agent: row.take()?,
            device: row.take()?,
            ended: ended(row.take()?, row.take()?)?,
            status_index: row.take()?,
        })
    }
}

fn ended(at: Option<Time>, reason: Option<String>) -> Result<Option<(Time, EndReason)>, DbError> {
    let Some(at) = at else { return Ok(None) };
    let reason = reason.and_then(|reason| reason.parse().ok());
    Ok(Some((at, reason.ok_or(DbError::Column { index: 17, expected: "a reason" })?)))
}

sql! {
    FIND = "SELECT id, user_id, channel, amr, started_at, last_seen_at, idle_ttl, idle_expires_at, expires_at, generation, presented, rotated_at, used, address, agent, device, ended_at, end_reason, status_index FROM sessions WHERE id = ?";
    LIVE_OF_USER = "SELECT id, user_id, channel, amr, started_at, last_seen_at, idle_ttl, idle_expires_at, expires_at, generation, presented, rotated_at, used, address, agent, device, ended_at, end_reason, status_index FROM sessions WHERE user_id = ? AND ended_at IS NULL AND expires_at > ? AND idle_expires_at > ? ORDER BY started_at, id";
    OF_USER = "SELECT id, user_id, channel, amr, started_at, last_seen_at, idle_ttl, idle_expires_at, expires_at, generation, presented, rotated_at, used, address, agent, device, ended_at, end_reason, status_index FROM sessions WHERE user_id = ? ORDER BY started_at DESC, id DESC LIMIT ?";
    /// Ended or expired after a moment, and no later than another; begun before a third, or then
    /// and with a smaller id.
    OVER_OF_USER = "SELECT id, user_id, channel, amr, started_at, last_seen_at, idle_ttl, idle_expires_at, expires_at, generation, presented, rotated_at, used, address, agent, device, ended_at, end_reason, status_index FROM sessions WHERE user_id = ? AND (ended_at > ? OR (ended_at IS NULL AND (idle_expires_at <= ? OR expires_at <= ?) AND idle_expires_at > ? AND expires_at > ?)) AND started_at <= ? AND (started_at < ? OR id < ?) ORDER BY started_at DESC, id DESC LIMIT ?";
    /// At the end of their life at a moment, and with a larger id, or after it; no later than another;
    /// and not ended before it.
    UNNOTED = "SELECT id, user_id, channel, amr, started_at, last_seen_at, idle_ttl, idle_expires_at, expires_at, generation, presented, rotated_at, used, address, agent, device, ended_at, end_reason, status_index FROM sessions WHERE expires_at >= ? AND (expires_at > ? OR id > ?) AND expires_at <= ? AND ended_at IS NULL ORDER BY expires_at, id LIMIT ?";
    INSERT = "INSERT INTO sessions (id, user_id, channel, amr, started_at, last_seen_at, idle_ttl, idle_expires_at, expires_at, generation, used, address, network, agent, device, status_index) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?)";
    /// Matches for one of two refreshes that race with the same generation, and for one only.
    ROTATE = "UPDATE sessions SET generation = ?, presented = ?, rotated_at = ?, idle_expires_at = ?, last_seen_at = ? WHERE id = ? AND generation = ? AND ended_at IS NULL";
    NOTE_USE = "UPDATE sessions SET used = ?, last_seen_at = ? WHERE id = ? AND used < ?";
    /// Never later than it was over before.
    SHORTEN = "UPDATE sessions SET idle_expires_at = ? WHERE id = ? AND idle_expires_at > ? AND ended_at IS NULL";
    END = "UPDATE sessions SET ended_at = ?, end_reason = ? WHERE id = ? AND ended_at IS NULL";
    PAGE = "SELECT id, user_id, channel, amr, started_at, last_seen_at, idle_ttl, idle_expires_at, expires_at, generation, presented, rotated_at, used, address, agent, device, ended_at, end_reason, status_index FROM sessions WHERE id > ? ORDER BY id LIMIT ?";
    /// Once, and none to a session that ended: nobody would learn of it.
    GIVE_STATUS_INDEX = "UPDATE sessions SET status_index = ? WHERE id = ? AND status_index IS NULL AND ended_at IS NULL";
    BEGUN_IN_NETWORK = "SELECT started_at FROM sessions WHERE user_id = ? AND network = ? AND started_at > ? ORDER BY started_at DESC LIMIT 1";
    STATUS_INDEX = "SELECT status_index FROM sessions WHERE id = ?";
}

/// The session with this id, live or over.
pub async fn find(db: &Db, id: &str) -> Result<Option<Session>, DbError> {
    db.find(FIND, &params![id]).await
}

/// As [`find`], inside a change.
pub async fn find_in(tx: &mut Tx<'_>, id: &str) -> Result<Option<Session>, DbError> {
    let session: Option<Session> = tx.find(FIND, &params![id]).await?;
    if session.as_ref().is_some_and(|session| session.ended.is_some()) {
        tx.note_end();
    }
    Ok(session)
}

/// The user's live sessions, the oldest first.
pub async fn live_of_user(db: &Db, user_id: &str, now: Time) -> Result<Vec<Session>, DbError> {
    db.list(LIVE_OF_USER, &params![user_id, now, now]).await
}

/// As [`live_of_user`], inside a change that has locked the user's row.
pub async fn live_of_user_in(
    tx: &mut Tx<'_>,
    user_id: &str,
    now: Time,
) -> Result<Vec<Session>, DbError> {
    tx.note_end();
    tx.list(LIVE_OF_USER, &params![user_id, now, now]).await
}

/// A place in a user's sessions, of which those come first that began last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// When the session began that stands there.
    pub started_at: Time,
    /// Its id.
    pub id: String,
}

impl Place {
    /// Before all of them.
    pub fn first() -> Self {
        Self { started_at: Time(i64::MAX), id: String::new() }
    }
}

/// At most `limit` of the user's sessions behind `place` that are over at `now`, and were not yet at
/// `since`.
pub async fn over_of_user(
    db: &Db,
    user_id: &str,
    (since, now): (Time, Time),
    (place, limit): (&Place, i64),
) -> Result<Vec<Session>, DbError> {
    let Place { started_at, id } = place;
    let values =
        params![user_id, since, now, now, since, since, *started_at, *started_at, id, limit];
    db.list(OVER_OF_USER, &values).await
}

/// At most `limit` sessions whose life ended by `until` without anybody ending them, the longest over
/// first: those behind the session whose life ended at `from` and that has the id `after`.
pub async fn unnoted(
    db: &Db,
    (from, after): (Time, &str),
    until: Time,
    limit: i64,
) -> Result<Vec<Session>, DbError> {
    db.list(UNNOTED, &params![from, from, after, until, limit]).await
}

/// The user's `limit` latest sessions, live or over, the latest first.
pub async fn of_user(db: &Db, user_id: &str, limit: i64) -> Result<Vec<Session>, DbError> {
    db.list(OF_USER, &params![user_id, limit]).await
}

/// At most `limit` sessions in the order of their ids, live or over, after the one with id `after`.
pub async fn page(db: &Db, after: &str, limit: i64) -> Result<Vec<Session>, DbError> {
    db.list(PAGE, &params![after, limit]).await
}

/// Whether the user began a session in this network after `since`, live or over.
pub async fn has_begun_in(
    db: &Db,
    user_id: &str,
    network: IpNet,
    since: Time,
) -> Result<bool, DbError> {
    let values = params![user_id, network.to_string(), since];
    Ok(db.find::<Time>(BEGUN_IN_NETWORK, &values).await?.is_some())
}

/// Begins one, at generation 0.
pub async fn insert(tx: &mut Tx<'_>, session: &Session) -> Result<(), DbError> {
    let Session { id, user_id, channel, amr, started_at, last_seen_at, .. } = session;
    let address = session.address.as_deref().and_then(|address| address.parse().ok());
    let network = address.map(|address| network::neighborhood(address).to_string());
    let values = params![
        id,
        user_id,
        channel,
        amr,
        *started_at,
        *last_seen_at,
        session.idle_ttl,
        session.idle_expires_at,
        session.expires_at,
        session.address.as_deref(),
        network.as_deref(),
        session.agent.as_deref(),
        session.device.as_deref(),
        session.status_index
    ];
    tx.execute(INSERT, &values).await.map(drop)
}

/// Writes the rotation that `session` carries if its row still has the generation `from` and is
/// not over: the only way to rotate.
pub async fn rotate(tx: &mut Tx<'_>, session: &Session, from: u64) -> Result<bool, DbError> {
    let Rotation { current, presented, rotated_at, .. } = session.rotation;
    let values = params![
        current,
        presented,
        rotated_at,
        session.idle_expires_at,
        session.last_seen_at,
        &session.id,
        from
    ];
    tx.execute_one(ROTATE, &values).await
}

/// Notes that an access token of this generation was used.
pub async fn note_use(tx: &mut Tx<'_>, id: &str, used: u64, at: Time) -> Result<(), DbError> {
    tx.execute(NOTE_USE, &params![used, at, id, used]).await.map(drop)
}

/// Lets one be over at `at`, unless it is over before. It is kept as long as it would have been.
pub async fn shorten(tx: &mut Tx<'_>, id: &str, at: Time) -> Result<(), DbError> {
    tx.execute(SHORTEN, &params![at, id, at]).await.map(drop)
}

/// Ends one as of `at`; false where it had ended.
pub async fn end(tx: &mut Tx<'_>, id: &str, reason: EndReason, at: Time) -> Result<bool, DbError> {
    tx.execute_one(END, &params![at, reason.as_str(), id]).await
}

/// Gives a session that lives an entry of the status lists, unless it has one.
pub async fn give_status_index(tx: &mut Tx<'_>, id: &str, index: i64) -> Result<(), DbError> {
    tx.execute(GIVE_STATUS_INDEX, &params![index, id]).await.map(drop)
}

/// Which entry of the status lists is the session's own.
pub async fn status_index(tx: &mut Tx<'_>, id: &str) -> Result<Option<i64>, DbError> {
    Ok(tx.find::<Option<i64>>(STATUS_INDEX, &params![id]).await?.flatten())
}
