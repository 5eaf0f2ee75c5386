//! Whether the database keeps what it has acknowledged (the first promise).

use super::{Db, DbError, Kind, Sql, Store};
use crate::sql;

/// A setting with which an acknowledged change may be lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {value}: {risk}")]
pub struct Warning {
    /// The server's name for it.
    pub setting: String,
    /// What it is set to.
    pub value: String,
    /// What may happen, and what to set instead.
    pub risk: &'static str,
}

const POSTGRES: Sql = sql!(
    "SELECT name, setting FROM pg_settings \
     WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes')"
);
/// Not `SELECT @@…`: of a variable that a newer version has not, it makes an error.
const MYSQL: Sql = sql!(
    "SHOW VARIABLES WHERE Variable_name IN ('innodb_flush_log_at_trx_commit', \
     'innodb_doublewrite', 'sync_binlog', 'log_bin', 'binlog_format')"
);

impl Db {
    /// The settings with which an acknowledged change may be lost. SQLite's are our own.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn durability(&self) -> Result<Vec<Warning>, DbError> {
        let mut settings = self.settings().await?;
        if !has_binary_log(&settings) {
            settings.retain(|(setting, _)| setting != "sync_binlog");
        }
        let warn = |(setting, value): (String, String)| {
            risk(&setting, &value).map(|risk| Warning { setting, value, risk })
        };
        Ok(settings.into_iter().filter_map(warn).collect())
    }

    /// Refuses settings with which no change succeeds.
    ///
    /// # Errors
    /// [`DbError::Configuration`] says what to set; or when the database cannot be asked.
    pub async fn check_settings(&self) -> Result<(), DbError> {
        if self.kind() != Kind::MySql {
            return Ok(());
        }
        let settings = self.settings().await?;
        let by_statement = ("binlog_format".to_owned(), "STATEMENT".to_owned());
        if has_binary_log(&settings) && settings.contains(&by_statement) {
            let wrong = "binlog_format is STATEMENT, with which MySQL refuses every change at READ \
                         COMMITTED (error 1665); set it to ROW or MIXED";
            return Err(DbError::Configuration(wrong.to_owned()));
        }
        Ok(())
    }

    async fn settings(&self) -> Result<Vec<(String, String)>, DbError> {
        let Store::Server(server) = &self.inner.store else { return Ok(Vec::new()) };
        self.list(if server.kind() == Kind::Postgres { POSTGRES } else { MYSQL }, &[]).await
    }
}

fn has_binary_log(settings: &[(String, String)]) -> bool {
    settings.iter().any(|(setting, value)| setting == "log_bin" && value == "ON")
}

fn risk(setting: &str, value: &str) -> Option<&'static str> {
    match (setting, value) {
        ("fsync", "off") => Some("a crash can destroy the database; set it to on"),
        ("full_page_writes", "off") => Some("a power failure can destroy pages; set it to on"),
        ("synchronous_commit", "off") => {
            Some("a crash loses changes that were acknowledged; set it to on")
        }
        ("innodb_flush_log_at_trx_commit", value) if value != "1" => {
            Some("a crash loses changes that were acknowledged; set it to 1")
        }
        ("sync_binlog", value) if value != "1" => {
            Some("a crash loses changes from the binary log and its replicas; set it to 1")
        }
        ("innodb_doublewrite", "0" | "OFF" | "DETECT_ONLY") => {
            Some("a power failure can destroy pages; set it to ON")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::risk;

    #[test]
    fn only_settings_that_lose_changes_are_warned_of() {
        for (setting, value) in [
            ("fsync", "off"),
            ("full_page_writes", "off"),
            ("synchronous_commit", "off"),
            ("innodb_flush_log_at_trx_commit", "2"),
            ("sync_binlog", "0"),
            ("innodb_doublewrite", "0"),
        ] {
            assert!(risk(setting, value).is_some(), "{setting} = {value}");
        }
        for (setting, value) in [
            ("fsync", "on"),
            ("full_page_writes", "on"),
            ("synchronous_commit", "remote_apply"),
            ("innodb_flush_log_at_trx_commit", "1"),
            ("sync_binlog", "1"),
            ("innodb_doublewrite", "ON"),
        ] {
            assert_eq!(risk(setting, value), None, "{setting} = {value}");
        }
    }
}
