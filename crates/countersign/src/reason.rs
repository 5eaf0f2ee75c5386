//! Why a session or a token is over.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a session or a token is over, in words that clients, users and operators are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
#[non_exhaustive]
pub enum EndReason {
    /// Its user logged out.
    Logout,
    /// Its user logged out everywhere.
    LogoutAll,
    /// Its refresh token came twice: someone else has it too.
    RefreshReuse,
    /// The password was changed.
    PasswordChanged,
    /// It was not refreshed in time.
    ExpiredIdle,
    /// It reached the end of its life.
    ExpiredAbsolute,
    /// The user had too many sessions, and this was the oldest.
    Limit,
    /// The user was disabled.
    Disabled,
    /// The user was deleted.
    Deleted,
    /// An administrator ended it.
    Admin,
    /// The key that signed it was withdrawn; a refresh brings another.
    KeyRetired,
    /// Whoever holds the token had it revoked (RFC 7009).
    Revoked,
    /// What the token says of its user is no longer so; a refresh brings another.
    ClaimsChanged,
}

impl EndReason {
    const ALL: [Self; 13] = [
        Self::Logout,
        Self::LogoutAll,
        Self::RefreshReuse,
        Self::PasswordChanged,
        Self::ExpiredIdle,
        Self::ExpiredAbsolute,
        Self::Limit,
        Self::Disabled,
        Self::Deleted,
        Self::Admin,
        Self::KeyRetired,
        Self::Revoked,
        Self::ClaimsChanged,
    ];

    /// The word that stands for it everywhere.
    ///
    /// ```
    /// assert_eq!(countersign::EndReason::RefreshReuse.as_str(), "refresh_reuse");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::LogoutAll => "logout_all",
            Self::RefreshReuse => "refresh_reuse",
            Self::PasswordChanged => "password_changed",
            Self::ExpiredIdle => "expired_idle",
            Self::ExpiredAbsolute => "expired_absolute",
            Self::Limit => "limit",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
            Self::Admin => "admin",
            Self::KeyRetired => "key_retired",
            Self::Revoked => "revoked",
            Self::ClaimsChanged => "claims_changed",
        }
    }

    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The word stands for no reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such reason")]
pub struct UnknownReason;

impl FromStr for EndReason {
    type Err = UnknownReason;

    fn from_str(word: &str) -> Result<Self, UnknownReason> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word).ok_or(UnknownReason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_reads_back_from_its_word_and_its_code() {
        for reason in EndReason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(reason));
            assert_eq!(EndReason::from_code(reason.code()), Some(reason));
            assert_eq!(serde_json::to_value(reason).expect("a word"), reason.as_str());
        }
        assert_eq!("dusk".parse::<EndReason>(), Err(UnknownReason));
        assert_eq!(EndReason::from_code(13), None);
    }
}
