//! What can go wrong in the database, as callers need to tell it apart.

use rusqlite::ErrorCode;
use sqlx::error::ErrorKind;

/// A failure of the database, or of what it was asked.
///
/// It carries no value of a row: MySQL quotes them in its messages, and this ends in logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// A row with this key exists already.
    #[error("a row with this key exists already")]
    Unique,
    /// A serialization failure, a deadlock or a busy file: the same change may succeed next time.
    #[error("the change ran into another one: {0}")]
    Conflict(String),
    /// No connection, no room, or no answer in time. A write that ends so may have been done.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database takes no changes: it is read-only, it is full, its disk fails or does not
    /// answer, or its file is another one now.
    #[error("the database cannot be written: {0}")]
    Unwritable(String),
    /// The database cannot be read, or what is read makes no sense.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The database's user lacks a right that it had.
    #[error("the database user lacks a right: {0}")]
    Forbidden(String),
    /// All connections are in use, and none of them came free in time. Nothing was done.
    #[error("the database has too much to do: {0}")]
    Busy(&'static str),
    /// A closure given to `write` waited for something that is not its transaction.
    #[error("the write `{name}` waits for something other than its transaction")]
    Pending {
        /// The name given to `write`.
        name: &'static str,
    },
    /// A closure given to `write` panicked; nothing of it was kept.
    #[error("the write `{name}` panicked")]
    Panicked {
        /// The name given to `write`.
        name: &'static str,
    },
    /// A row does not have the columns that were asked of it.
    #[error("column {index} is not {expected}")]
    Column {
        /// The column's place in the row, from 0.
        index: usize,
        /// What was asked for.
        expected: &'static str,
    },
    /// The database refused a statement.
    #[error("the database refused a statement ({code}): {message}")]
    Statement {
        /// SQLSTATE, MySQL's error number, or SQLite's extended code.
        code: String,
        /// The database's own words.
        message: String,
    },
    /// The URL does not say which database, or names one that cannot serve.
    #[error("{0}")]
    Configuration(String),
    /// The names of prepared statements are lost on the way to PostgreSQL.
    #[error(
        "a pooler before PostgreSQL does not keep prepared statements: set \
         database.prepared_statements = false, or let it pool by session"
    )]
    Pooler,
    /// The schema is not one that this binary can bring up to date.
    #[error("{0}")]
    Schema(String),
}

impl DbError {
    /// Whether an insert met a row with the same key.
    pub fn is_unique(&self) -> bool {
        matches!(self, Self::Unique)
    }

    /// Whether the same change may succeed if it is run again.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }

    /// Whether the database could not be had, so that the caller answers 503.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Busy(_) | Self::Conflict(_) | Self::Pooler)
            || self.is_unusable()
    }

    /// Whether the database cannot be used before somebody does something about it, whoever asks
    /// and whatever is asked.
    pub fn is_unusable(&self) -> bool {
        matches!(self, Self::Unwritable(_) | Self::Damaged(_) | Self::Forbidden(_))
    }

    /// Whether the connection must not be used again.
    pub(super) fn loses_connection(&self) -> bool {
        matches!(self, Self::Unavailable(_)) || self.is_unusable()
    }
}

/// An error that may have come from the database, so that `write` can tell what to retry.
pub trait AsDbError {
    /// The database's error inside, where there is one.
    fn as_db_error(&self) -> Option<&DbError>;
}

impl AsDbError for DbError {
    fn as_db_error(&self) -> Option<&DbError> {
        Some(self)
    }
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        let message = error.to_string();
        let rusqlite::Error::SqliteFailure(failure, _) = error else {
            return Self::Statement { code: "sqlite".to_owned(), message };
        };
        match (failure.code, failure.extended_code) {
            (
                ErrorCode::ConstraintViolation,
                rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
                | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                | rusqlite::ffi::SQLITE_CONSTRAINT_ROWID,
            ) => Self::Unique,
            (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => Self::Conflict(message),
            (
                ErrorCode::SystemIoFailure,
                rusqlite::ffi::SQLITE_IOERR_READ
                | rusqlite::ffi::SQLITE_IOERR_SHORT_READ
                | rusqlite::ffi::SQLITE_IOERR_CORRUPTFS,
            )
            | (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => Self::Damaged(message),
            (
                ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly,
                _,
            ) => Self::Unwritable(message),
            (
                ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OperationInterrupted,
                _,
            ) => Self::Unavailable(message),
            (_, code) => Self::Statement { code: code.to_string(), message },
        }
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        let message = error.to_string();
        match error {
            sqlx::Error::Database(refusal) => match refusal.kind() {
                ErrorKind::UniqueViolation => Self::Unique,
                _ => refused(&server_code(refusal.as_ref()), refusal.message().to_owned()),
            },
            sqlx::Error::Configuration(_) => Self::Configuration(message),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(message),
            _ => Self::Statement { code: "sqlx".to_owned(), message },
        }
    }
}

/// PostgreSQL's SQLSTATE, or MySQL's error number, which says more than its SQLSTATE.
pub(super) fn server_code(refusal: &dyn sqlx::error::DatabaseError) -> String {
    match refusal.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        Some(mysql) => mysql.number().to_string(),
        None => refusal.code().unwrap_or_default().into_owned(),
    }
}

/// Sorts a server's refusal: SQLSTATE has five characters, MySQL's numbers have four.
fn refused(code: &str, message: String) -> DbError {
    match code {
        // A statement of this name is there already, or is not there.
        "42P05" | "26000" => DbError::Pooler,
        "40001" | "40P01" | "1213" | "1020" => DbError::Conflict(message),
        // A lock not given in time, a cancelled statement, a transaction that waited or took too long,
        // too many connections, a shutdown, a connection that the server ended.
        "55P03" | "57014" | "25P03" | "25P04" | "1205" | "1040" | "1053" | "1158" | "1159"
        | "1160" | "1161" | "1317" | "1927" | "3024" | "1969" | "4031" => {
            DbError::Unavailable(message)
        }
        // A standby, a full disk or table, a disk that fails.
        "25006" | "53100" | "58030" | "1290" | "1836" | "1021" | "1026" | "1030" | "1114" => {
            DbError::Unwritable(message)
        }
        "42501" | "1142" | "1143" | "1227" => DbError::Forbidden(message),
        "XX001" | "XX002" | "1712" => DbError::Damaged(message),
        _ if code.len() == 5 && ["08", "53", "57", "58"].contains(&&code[..2]) => {
            DbError::Unavailable(message)
        }
        _ => DbError::Statement { code: code.to_owned(), message },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_takes_no_changes_is_told_from_one_that_is_busy() {
        let kind = |code| refused(code, String::new());
        for code in ["25006", "53100", "58030", "1290", "1836", "1021", "1114"] {
            assert_eq!(kind(code), DbError::Unwritable(String::new()), "{code}");
        }
        for code in ["XX001", "XX002", "1712"] {
            assert_eq!(kind(code), DbError::Damaged(String::new()), "{code}");
        }
        for code in ["42501", "1142", "1143"] {
            assert_eq!(kind(code), DbError::Forbidden(String::new()), "{code}");
            assert!(kind(code).is_unusable() && kind(code).is_unavailable(), "{code}");
        }
        for code in
            ["25P03", "25P04", "1927", "4031", "55P03", "57P01", "53300", "08006", "1205", "1040"]
        {
            assert_eq!(kind(code), DbError::Unavailable(String::new()), "{code}");
            assert!(!kind(code).is_unusable() && kind(code).is_unavailable(), "{code}");
        }
    }

    #[test]
    fn a_damaged_file_is_unavailable_and_no_refused_statement() {
        let failed = |code| {
            DbError::from(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None))
        };
        for code in [rusqlite::ffi::SQLITE_CORRUPT, rusqlite::ffi::SQLITE_NOTADB] {
            assert!(matches!(failed(code), DbError::Damaged(_)), "{code}");
        }
        assert!(matches!(failed(rusqlite::ffi::SQLITE_IOERR_READ), DbError::Damaged(_)));
        for code in [
            rusqlite::ffi::SQLITE_FULL,
            rusqlite::ffi::SQLITE_READONLY,
            rusqlite::ffi::SQLITE_IOERR_FSYNC,
        ] {
            assert!(matches!(failed(code), DbError::Unwritable(_)), "{code}");
        }
    }
}
