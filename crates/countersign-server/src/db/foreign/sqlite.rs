//! A SQLite file of another program's, opened for reading alone.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::{Cell, Column, Count, Dialect, Selection};
use crate::db::DbError;

/// Another program may be writing.
const BUSY: Duration = Duration::from_secs(10);

const DIALECT: Dialect = Dialect {
    quote: '"',
    as_text: |dialect, column| format!("CAST({} AS TEXT)", dialect.name(&column.name)),
    compared: |_, _| "?".to_owned(),
};

pub(super) struct SqliteSource(Connection);

impl SqliteSource {
    pub(super) fn open(path: &str) -> Result<Self, DbError> {
        let path = path.strip_prefix("//").unwrap_or(path);
        if !Path::new(path).is_file() {
            return Err(DbError::Configuration(format!(
                "there is no file {path}; a path from here is written sqlite:old/app.db, one from \
                 the root sqlite:/srv/app.db"
            )));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA query_only = ON")?;
        Ok(Self(connection))
    }

    #[expect(clippy::unused_async, reason = "the other databases wait here")]
    pub(super) async fn columns(&mut self, table: &str) -> Result<Vec<Column>, DbError> {
        let mut statement = self.0.prepare("SELECT name, type FROM pragma_table_info(?)")?;
        let column = |row: &rusqlite::Row<'_>| {
            Ok(Column { name: row.get(0)?, type_name: row.get::<_, String>(1)? })
        };
        let columns = statement.query_map([table], column)?;
        Ok(columns.collect::<Result<_, _>>()?)
    }

    #[expect(clippy::unused_async, reason = "the other databases wait here")]
    pub(super) async fn count(&mut self, selection: &Selection) -> Result<Count, DbError> {
        let count = |row: &rusqlite::Row<'_>| {
            let number = |index| row.get::<_, i64>(index).map(i64::unsigned_abs);
            Ok(Count { rows: number(0)?, keys: number(1)? })
        };
        Ok(self.0.query_row(&DIALECT.count(selection), [], count)?)
    }

    #[expect(clippy::unused_async, reason = "the other databases wait here")]
    pub(super) async fn page(
        &mut self,
        selection: &Selection,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Vec<Cell>>, DbError> {
        let sql = DIALECT.page(selection, after.is_none(), limit);
        let mut statement = self.0.prepare_cached(&sql)?;
        let width = statement.column_count();
        let cells = |row: &rusqlite::Row<'_>| (0..width).map(|index| cell(row, index)).collect();
        let rows = statement.query_map(params_from_iter(after), cells)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn cell(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<Cell> {
    Ok(match row.get_ref(index)? {
        ValueRef::Null => Cell::Null,
        ValueRef::Text(text) | ValueRef::Blob(text) => {
            std::str::from_utf8(text).map_or(Cell::NotText, |text| Cell::Text(text.to_owned()))
        }
        ValueRef::Integer(number) => Cell::Text(number.to_string()),
        ValueRef::Real(number) => Cell::Text(number.to_string()),
    })
}
