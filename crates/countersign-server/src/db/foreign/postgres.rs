//! Another system's PostgreSQL.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, Row as _};

use super::{Cell, Column, Count, Dialect, Selection};
use crate::db::DbError;

/// Times in one spelling, and nothing written by mistake.
const SETTINGS: &str = "SET default_transaction_read_only = on; SET datestyle = 'ISO'; \
                        SET timezone = 'UTC'; SET bytea_output = 'hex'";

const COLUMNS: &str = "SELECT CAST(attname AS TEXT), format_type(atttypid, NULL) \
                       FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 \
                       AND NOT attisdropped ORDER BY attnum";

pub(super) const DIALECT: Dialect = Dialect {
    quote: '"',
    as_text: |dialect, column| format!("CAST({} AS TEXT)", dialect.name(&column.name)),
    // The type comes from the catalogue, which quotes what needs it.
    compared: |_, column| format!("CAST(CAST($1 AS TEXT) AS {})", column.type_name),
};

pub(super) struct PostgresSource(PgConnection);

impl PostgresSource {
    pub(super) async fn connect(url: &str) -> Result<Self, DbError> {
        let options: PgConnectOptions = url.parse()?;
        // Poolers refuse startup parameters that they do not know.
        let options = options.extra_float_digits(None);
        let mut connection = options.connect().await?;
        connection.execute(SETTINGS).await?;
        Ok(Self(connection))
    }

    pub(super) async fn columns(&mut self, table: &str) -> Result<Vec<Column>, DbError> {
        let rows = sqlx::query(COLUMNS).bind(DIALECT.table(table)).fetch_all(&mut self.0).await?;
        let column = |row: sqlx::postgres::PgRow| {
            Ok(Column { name: row.try_get(0)?, type_name: row.try_get(1)? })
        };
        rows.into_iter().map(column).collect()
    }

    pub(super) async fn count(&mut self, selection: &Selection) -> Result<Count, DbError> {
        let sql = AssertSqlSafe(DIALECT.count(selection));
        let row = sqlx::query(sql).fetch_one(&mut self.0).await?;
        let number = |index| row.try_get::<i64, _>(index).map(i64::unsigned_abs);
        Ok(Count { rows: number(0)?, keys: number(1)? })
    }

    pub(super) async fn page(
        &mut self,
        selection: &Selection,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Vec<Cell>>, DbError> {
        let sql = AssertSqlSafe(DIALECT.page(selection, after.is_none(), limit));
        let query = after.into_iter().fold(sqlx::query(sql), sqlx::query::Query::bind);
        let rows = query.fetch_all(&mut self.0).await?;
        let cell = |row: &sqlx::postgres::PgRow, index| {
            let text: Option<String> = row.try_get(index)?;
            Ok(text.map_or(Cell::Null, Cell::Text))
        };
        rows.iter().map(|row| (0..row.len()).map(|index| cell(row, index)).collect()).collect()
    }
}
