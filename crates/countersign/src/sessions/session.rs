//! One login on one device.

use std::time::Duration;

use uuid::Uuid;

use crate::reason::EndReason;
use crate::refresh::{Rotation, SessionState};

/// One login on one device. Times are Unix time in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// What its tokens carry as `sid`: a UUID of version 7.
    pub id: Uuid,
    /// Whose it is: the `sub` of its access tokens.
    pub user_id: String,
    /// How the user proved who they are (RFC 8176), as far as it was told.
    pub amr: Vec<String>,
    /// What the application calls the device.
    pub device: Option<String>,
    /// When the user proved who they are.
    pub started_at: i64,
    /// When it was last refreshed or seen.
    pub last_seen_at: i64,
    /// How long it lives without a refresh.
    pub idle_ttl: Duration,
    /// When it is over unless it is refreshed.
    pub idle_expires_at: i64,
    /// When it is over in any case.
    pub expires_at: i64,
    /// Its generations.
    pub rotation: Rotation,
    /// When it ended, and why.
    pub ended: Option<(i64, EndReason)>,
}

impl Session {
    /// When it will be over if nothing happens.
    pub fn over_at(&self) -> i64 {
        self.expires_at.min(self.idle_expires_at)
    }

    /// Whether it is still good at `now`.
    pub fn is_live(&self, now: i64) -> bool {
        self.ended.is_none() && now < self.over_at()
    }

    pub(super) fn state(&self) -> SessionState {
        SessionState {
            ended: self.ended.map(|(_, reason)| reason),
            barred: None,
            expires_at: self.expires_at,
            idle_expires_at: self.idle_expires_at,
            idle_ttl: self.idle_ttl,
            rotation: self.rotation,
        }
    }
}

/// Who begins a session, and how they proved who they are.
///
/// ```
/// use countersign::sessions::Login;
///
/// let login = Login::of("u1").amr(["pwd", "otp"]).device("Alice's phone");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Login {
    pub(super) user_id: String,
    pub(super) amr: Vec<String>,
    pub(super) device: Option<String>,
}

impl Login {
    /// Somebody who has proved to be this user, by means that are not told.
    pub fn of(user_id: impl Into<String>) -> Self {
        Self { user_id: user_id.into(), amr: Vec::new(), device: None }
    }

    /// By these methods (RFC 8176), such as `pwd`.
    pub fn amr(mut self, amr: impl IntoIterator<Item: Into<String>>) -> Self {
        self.amr = amr.into_iter().map(Into::into).collect();
        self
    }

    /// What the device is called, for [`Sessions::list`](super::Sessions::list).
    pub fn device(mut self, device: impl Into<String>) -> Self {
        self.device = Some(device.into());
        self
    }
}

/// Which sessions a logout ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogoutScope {
    /// The one that asks.
    #[default]
    This,
    /// All but the one that asks.
    Others,
    /// All.
    All,
}
