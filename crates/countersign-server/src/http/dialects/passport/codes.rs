//! The dialect's codes, whose numbers are the operator's to choose.

use crate::config::DialectConfig;

/// What an answer says of its outcome, by the names that the platform's services use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// It was done.
    Ok,
    /// The request is wrong. The platform writes it so.
    ParmasError,
    /// Nobody is known by this.
    AuthError,
    /// The server failed.
    ServerError,
    /// The database failed, or cannot be asked.
    DbError,
    /// Too many attempts failed. Its number is HTTP's.
    TooManyAttempts,
}

/// The names that the configuration may give numbers to.
pub(super) const NAMES: [&str; 5] =
    ["ok", "parmas_error", "auth_error", "server_error", "db_error"];

impl Code {
    /// The number that the configuration gives it, or the usual one.
    pub(super) fn number(self, config: &DialectConfig) -> i64 {
        let (name, usual) = match self {
            Self::Ok => ("ok", 200),
            Self::ParmasError => ("parmas_error", 400),
            Self::AuthError => ("auth_error", 401),
            Self::ServerError => ("server_error", 500),
            Self::DbError => ("db_error", 1001),
            Self::TooManyAttempts => return 429,
        };
        config.codes.get(name).copied().unwrap_or(usual)
    }
}
