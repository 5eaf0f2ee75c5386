//! Invitations to register, found by the hash of their token.

use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Tx, params, sql};

/// An invitation's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// A UUID of version 7.
    pub id: String,
    /// The SHA-256 of the token, in hexadecimal.
    pub token_hash: String,
    /// Whom it is for, if that is fixed.
    pub invited: Option<Invited>,
    /// What the user may do who registers with it.
    pub roles: Vec<String>,
    /// When it was made.
    pub created_at: Time,
    /// Who made it: a user's id, or `command`.
    pub created_by: Option<String>,
    /// Until when it is good.
    pub expires_at: Time,
    /// When somebody registered with it, and who.
    pub used: Option<(Time, String)>,
    /// When it was withdrawn.
    pub revoked_at: Option<Time>,
}

/// The one identifier that an invitation is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invited {
    /// `email`, `username` or `phone`.
    pub kind: String,
    /// As it was typed.
    pub value: String,
    /// What it is compared by.
    pub normalised: String,
}

/// Where an invitation is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, schemars::JsonSchema, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "InvitationState")]
pub enum State {
    /// Somebody may register with it.
    Open,
    /// Somebody has.
    Used,
    /// It was withdrawn.
    Revoked,
    /// Nobody came in time.
    Expired,
}

impl State {
    /// The word that stands for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Used => "used",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl Invitation {
    /// Where it is in its life at `now`.
    pub fn state(&self, now: Time) -> State {
        if self.used.is_some() {
            State::Used
        } else if self.revoked_at.is_some() {
            State::Revoked
        } else if self.expires_at <= now {
            State::Expired
        } else {
            State::Open
        }
    }
}

impl FromRow for Invitation {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.take()?,
            token_hash: row.take()?,
            invited: invited(row.take()?, row.take()?, row.take()?),
            roles: row.take::<String>()?.split_whitespace().map(str::to_owned).collect(),
            created_at: row.take()?,
            created_by: row.take()?,
            expires_at: row.take()?,
            used: row.take::<Option<Time>>()?.zip(row.take::<Option<String>>()?),
            revoked_at: row.take()?,
        })
    }
}

fn invited(
    kind: Option<String>,
    value: Option<String>,
    normalised: Option<String>,
) -> Option<Invited> {
    Some(Invited { kind: kind?, value: value?, normalised: normalised? })
}

sql! {
    FIND = "SELECT id, token_hash, kind, value, normalised, roles, created_at, created_by, expires_at, used_at, user_id, revoked_at FROM invitations WHERE token_hash = ?";
    FIND_BY_ID = "SELECT id, token_hash, kind, value, normalised, roles, created_at, created_by, expires_at, used_at, user_id, revoked_at FROM invitations WHERE id = ?";
    LIST_BEFORE = "SELECT id, token_hash, kind, value, normalised, roles, created_at, created_by, expires_at, used_at, user_id, revoked_at FROM invitations WHERE id < ? ORDER BY id DESC LIMIT ?";
    INSERT = "INSERT INTO invitations (id, token_hash, kind, value, normalised, roles, created_at, created_by, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    /// Matches for one of two registrations that race with the same token, and for one only.
    CONSUME = "UPDATE invitations SET used_at = ?, user_id = ? WHERE token_hash = ? AND expires_at > ? AND used_at IS NULL AND revoked_at IS NULL";
    REVOKE = "UPDATE invitations SET revoked_at = ? WHERE id = ? AND used_at IS NULL AND revoked_at IS NULL";
}

/// The one with this token.
pub async fn find(db: &Db, token_hash: &str) -> Result<Option<Invitation>, DbError> {
    db.find(FIND, &params![token_hash]).await
}

/// As [`find`], inside a change.
pub async fn find_in(tx: &mut Tx<'_>, token_hash: &str) -> Result<Option<Invitation>, DbError> {
    tx.find(FIND, &params![token_hash]).await
}

/// The one with this id, inside a change.
pub async fn find_by_id_in(tx: &mut Tx<'_>, id: &str) -> Result<Option<Invitation>, DbError> {
    tx.find(FIND_BY_ID, &params![id]).await
}

/// At most `limit` before the one with id `before`, the latest first.
pub async fn list_before(db: &Db, before: &str, limit: i64) -> Result<Vec<Invitation>, DbError> {
    db.list(LIST_BEFORE, &params![before, limit]).await
}

/// Adds one that is open.
pub async fn insert(tx: &mut Tx<'_>, invitation: &Invitation) -> Result<(), DbError> {
    let invited = invitation.invited.as_ref();
    let values = params![
        &invitation.id,
        &invitation.token_hash,
        invited.map(|invited| &*invited.kind),
        invited.map(|invited| &*invited.value),
        invited.map(|invited| &*invited.normalised),
        invitation.roles.join(" "),
        invitation.created_at,
        invitation.created_by.as_deref(),
        invitation.expires_at
    ];
    tx.execute(INSERT, &values).await.map(drop)
}

/// Uses up the one with this token, for the user with this id; false where it is not open.
pub async fn consume(
    tx: &mut Tx<'_>,
    token_hash: &str,
    user_id: &str,
    now: Time,
) -> Result<bool, DbError> {
    Ok(tx.execute(CONSUME, &params![now, user_id, token_hash, now]).await? == 1)
}

/// Withdraws one; false where it was used or withdrawn before.
pub async fn revoke(tx: &mut Tx<'_>, id: &str, now: Time) -> Result<bool, DbError> {
    Ok(tx.execute(REVOKE, &params![now, id]).await? == 1)
}
