//! Another system's MySQL or MariaDB.

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, Row as _};

use super::{Cell, Column, Count, Dialect, Selection};
use crate::db::DbError;

const COLUMNS: &str = "SELECT CAST(column_name AS CHAR CHARACTER SET utf8mb4), \
                       CAST(data_type AS CHAR CHARACTER SET utf8mb4) \
                       FROM information_schema.columns \
                       WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? \
                       ORDER BY ordinal_position";

pub(super) const DIALECT: Dialect = Dialect {
    quote: '`',
    as_text: |dialect, column| {
        let text = format!("CAST({} AS CHAR CHARACTER SET utf8mb4)", dialect.name(&column.name));
        // The one type that is a moment; the others are what a clock on the wall showed.
        match column.type_name.as_str() {
            "timestamp" => format!("CONCAT({text}, '+00:00')"),
            _ => text,
        }
    },
    compared: |_, _| "?".to_owned(),
};

pub(super) struct MySqlSource(MySqlConnection);

impl MySqlSource {
    pub(super) async fn connect(url: &str) -> Result<Self, DbError> {
        let options: MySqlConnectOptions = url.parse()?;
        let mut connection = options.charset("utf8mb4").connect().await?;
        connection.execute("SET SESSION TRANSACTION READ ONLY").await?;
        connection.execute("SET time_zone = '+00:00'").await?;
        Ok(Self(connection))
    }

    pub(super) async fn columns(&mut self, table: &str) -> Result<Vec<Column>, DbError> {
        let (schema, table) = match table.split_once('.') {
            Some((schema, table)) => (Some(schema), table),
            None => (None, table),
        };
        let query = sqlx::query(COLUMNS).bind(schema).bind(table);
        let rows = query.fetch_all(&mut self.0).await?;
        let column = |row: sqlx::mysql::MySqlRow| {
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
        let query = sqlx::query(sql);
        // Compared as a number with a number, so that none beyond 2^53 is rounded.
        let query = match after.map(|after| (after.parse::<i64>(), after)) {
            None => query,
            Some((Ok(number), _)) if selection.key.type_name.ends_with("int") => query.bind(number),
            Some((_, text)) => query.bind(text),
        };
        let rows = query.fetch_all(&mut self.0).await?;
        let cell = |row: &sqlx::mysql::MySqlRow, index| {
            let text: Option<String> = row.try_get(index)?;
            Ok(text.map_or(Cell::Null, Cell::Text))
        };
        rows.iter().map(|row| (0..row.len()).map(|index| cell(row, index)).collect()).collect()
    }
}
