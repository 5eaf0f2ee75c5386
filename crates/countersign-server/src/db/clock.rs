//! What time the database has.

use super::{Db, DbError, Kind, Sql, Store};
use crate::clock::Time;
use crate::sql;

const POSTGRES: Sql =
    sql!("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS millis");
const MYSQL: Sql = sql!("SELECT CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED) AS millis");

impl Db {
    /// The time by the database server's clock; `None` for SQLite, which has this machine's.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn time(&self) -> Result<Option<Time>, DbError> {
        let Store::Server(server) = &self.inner.store else { return Ok(None) };
        let sql = if server.kind() == Kind::Postgres { POSTGRES } else { MYSQL };
        self.find(sql, &[]).await
    }
}
