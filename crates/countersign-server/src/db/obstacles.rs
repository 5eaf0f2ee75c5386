//! What keeps the database from taking changes, asked over a connection that only reads.

use rustix::fs::{Access, access};

use super::{Db, DbError, Kind, Sql, Store};
use crate::sql;

/// The values that a new session has, since this one is read-only by its own choice.
const POSTGRES: Sql = sql!(
    "SELECT CASE WHEN pg_is_in_recovery() THEN 1 ELSE 0 END, \
     (SELECT CASE WHEN reset_val = 'on' THEN 1 ELSE 0 END FROM pg_settings \
      WHERE name = 'default_transaction_read_only'), \
     CASE WHEN has_schema_privilege(current_schema(), 'CREATE') THEN 0 ELSE 1 END"
);
const MYSQL: Sql = sql!(
    "SELECT CASE WHEN CAST(@@global.read_only AS CHAR) IN ('0', 'OFF') THEN 0 ELSE 1 END, \
     CASE WHEN CAST(@@global.innodb_read_only AS CHAR) IN ('0', 'OFF') THEN 0 ELSE 1 END, 0"
);

const SQLITE_TRIGGERS: Sql = sql!("SELECT name FROM sqlite_schema WHERE type = 'trigger'");
const POSTGRES_TRIGGERS: Sql = sql!(
    "SELECT CAST(c.relname || '.' || t.tgname AS text) FROM pg_trigger t \
     JOIN pg_class c ON c.oid = t.tgrelid \
     JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE NOT t.tgisinternal AND n.nspname = current_schema()"
);
const MYSQL_TRIGGERS: Sql = sql!(
    "SELECT CONCAT(event_object_table, '.', trigger_name) FROM information_schema.triggers \
     WHERE trigger_schema = DATABASE()"
);

const STANDBY: &str = "this server is a standby, which takes no changes; name the primary";
const READ_ONLY: &str = "this server is read-only; name the primary, or make it writable";
const NO_CREATE: &str = "the user may not create tables in this schema; \
                         GRANT CREATE ON SCHEMA to the user that database.url names";
const FILE: &str = "the file, or the folder that it is in, cannot be written by this user";

impl Db {
    /// Sentences about what keeps the database from taking changes; none if nothing does.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn obstacles(&self) -> Result<Vec<&'static str>, DbError> {
        let (sql, sentences) = match &self.inner.store {
            Store::Sqlite(sqlite) => {
                let (file, folder) = (sqlite.path(), sqlite.folder());
                let may_write = |path| access(path, Access::WRITE_OK).is_ok();
                let can_write = may_write(file) && may_write(folder);
                return Ok(if can_write { Vec::new() } else { vec![FILE] });
            }
            Store::Server(server) if server.kind() == Kind::Postgres => {
                (POSTGRES, [STANDBY, READ_ONLY, NO_CREATE])
            }
            Store::Server(_) => (MYSQL, [READ_ONLY, READ_ONLY, NO_CREATE]),
        };
        let found: Option<(i64, i64, i64)> = self.find(sql, &[]).await?;
        let (first, second, third) = found.unwrap_or_default();
        let mut obstacles: Vec<_> = [first, second, third]
            .into_iter()
            .zip(sentences)
            .filter_map(|(stands, sentence)| (stands == 1).then_some(sentence))
            .collect();
        obstacles.dedup();
        Ok(obstacles)
    }

    /// The triggers on the tables. None is this server's: one may change or delete what is written,
    /// such as events before they are sealed.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn triggers(&self) -> Result<Vec<String>, DbError> {
        let sql = match self.kind() {
            Kind::Sqlite => SQLITE_TRIGGERS,
            Kind::Postgres => POSTGRES_TRIGGERS,
            Kind::MySql => MYSQL_TRIGGERS,
        };
        self.list(sql, &[]).await
    }
}
