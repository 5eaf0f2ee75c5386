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
const MYSQL: Sql = sql!(
    "SELECT 'innodb_flush_log_at_trx_commit', CAST(@@innodb_flush_log_at_trx_commit AS CHAR) \
     UNION ALL SELECT 'innodb_doublewrite', CAST(@@innodb_doublewrite AS CHAR) \
     UNION ALL SELECT 'sync_binlog', CAST(@@sync_binlog AS CHAR) FROM (SELECT 1) x \
     WHERE @@log_bin <> 0"
);

impl Db {
    /// The settings with which an acknowledged change may be lost. SQLite's are our own.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn durability(&self) -> Result<Vec<Warning>, DbError> {
        let Store::Server(server) = &self.inner.store else { return Ok(Vec::new()) };
        let sql = if server.kind() == Kind::Postgres { POSTGRES } else { MYSQL };
        let settings: Vec<(String, String)> = self.list(sql, &[]).await?;
        let warn = |(setting, value): (String, String)| {
            risk(&setting, &value).map(|risk| Warning { setting, value, risk })
        };
        Ok(settings.into_iter().filter_map(warn).collect())
    }
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
