//! Reading a table of a database that is not ours: its columns, and its rows page by page, each
//! value as text, whatever its type. Nothing is ever written there.

mod mysql;
mod postgres;
mod sqlite;

use self::mysql::MySqlSource;
use self::postgres::PostgresSource;
use self::sqlite::SqliteSource;
use super::DbError;

/// A connection to the other database.
pub struct Foreign(Connection);

enum Connection {
    Sqlite(SqliteSource),
    Postgres(Box<PostgresSource>),
    MySql(Box<MySqlSource>),
}

/// The same work on whichever database it is.
macro_rules! on {
    ($foreign:expr, $bound:ident => $work:expr) => {
        match &mut $foreign.0 {
            Connection::Sqlite($bound) => $work,
            Connection::Postgres($bound) => $work,
            Connection::MySql($bound) => $work,
        }
    };
}

/// A table and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// As it was asked for.
    pub name: String,
    /// In their own order.
    pub columns: Vec<Column>,
}

/// A column of such a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, in the database's own words.
    type_name: String,
}

/// One value, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// SQL's NULL.
    Null,
    /// Whatever was there, written out.
    Text(String),
    /// Octets that are not UTF-8.
    NotText,
}

/// What of a table is read, in what order.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The table.
    pub table: Table,
    /// The columns, in the order in which they are wanted.
    pub columns: Vec<Column>,
    /// The column whose values are unique, by which the rows are ordered.
    pub key: Column,
}

/// How many rows a table has, and how many different keys they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Rows.
    pub rows: u64,
    /// Different keys; NULL is none.
    pub keys: u64,
}

impl Foreign {
    /// Connects to `sqlite:FILE`, which must be there, `postgres://…`, `mysql://…` or
    /// `mariadb://…`. What `SQLAlchemy` adds to a scheme, as in `mysql+pymysql://`, is passed over.
    pub async fn connect(url: &str) -> Result<Self, DbError> {
        let (scheme, rest) = url.split_once(':').unwrap_or_default();
        let scheme = scheme.split('+').next().unwrap_or_default();
        let plain = format!("{scheme}:{rest}");
        Ok(Self(match scheme {
            "sqlite" => Connection::Sqlite(SqliteSource::open(rest)?),
            "postgres" | "postgresql" => {
                Connection::Postgres(Box::new(PostgresSource::connect(&plain).await?))
            }
            "mysql" | "mariadb" => Connection::MySql(Box::new(MySqlSource::connect(&plain).await?)),
            _ => {
                let expected = "a database's URL begins with sqlite:, postgres:// or mysql://";
                return Err(DbError::Configuration(expected.to_owned()));
            }
        }))
    }

    /// The table of this name, which may stand after the name of a schema and a dot.
    pub async fn table(&mut self, name: &str) -> Result<Option<Table>, DbError> {
        let columns = on!(self, source => source.columns(name).await?);
        let table = Table { name: name.to_owned(), columns };
        Ok((!table.columns.is_empty()).then_some(table))
    }

    /// Counts the rows and their keys.
    pub async fn count(&mut self, selection: &Selection) -> Result<Count, DbError> {
        on!(self, source => source.count(selection).await)
    }

    /// The next `limit` rows after the one with this key; the key stands behind the columns.
    pub async fn page(
        &mut self,
        selection: &Selection,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Vec<Cell>>, DbError> {
        on!(self, source => source.page(selection, after, limit).await)
    }
}

/// How a database writes names, values as text, and a text that is compared with a column.
struct Dialect {
    quote: char,
    as_text: fn(&Self, &Column) -> String,
    compared: fn(&Self, &Column) -> String,
}

impl Dialect {
    /// A name that can mean nothing but itself.
    fn name(&self, name: &str) -> String {
        let Self { quote, .. } = self;
        format!("{quote}{}{quote}", name.replace(*quote, &format!("{quote}{quote}")))
    }

    /// A table's name, after that of its schema where it has one.
    fn table(&self, name: &str) -> String {
        name.split('.').map(|part| self.name(part)).collect::<Vec<_>>().join(".")
    }

    fn count(&self, Selection { table, key, .. }: &Selection) -> String {
        let (table, key) = (self.table(&table.name), self.name(&key.name));
        format!("SELECT COUNT(*), COUNT(DISTINCT {key}) FROM {table}")
    }

    fn page(&self, selection: &Selection, first: bool, limit: usize) -> String {
        let Selection { table, columns, key } = selection;
        let texts = columns.iter().chain([key]).map(|column| (self.as_text)(self, column));
        let texts = texts.collect::<Vec<_>>().join(", ");
        let (table, name) = (self.table(&table.name), self.name(&key.name));
        let after = if first {
            String::new()
        } else {
            format!(" WHERE {name} > {}", (self.compared)(self, key))
        };
        format!("SELECT {texts} FROM {table}{after} ORDER BY {name} LIMIT {limit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_mean_nothing_but_itself() {
        let column = |name: &str| Column { name: name.to_owned(), type_name: "text".to_owned() };
        let table = Table { name: "old.us\"er".to_owned(), columns: Vec::new() };
        let columns = vec![column("e\"; DROP TABLE users; --")];
        let selection = Selection { table, columns, key: column("id") };
        assert_eq!(
            postgres::DIALECT.page(&selection, false, 5),
            "SELECT CAST(\"e\"\"; DROP TABLE users; --\" AS TEXT), CAST(\"id\" AS TEXT) \
             FROM \"old\".\"us\"\"er\" WHERE \"id\" > CAST(CAST($1 AS TEXT) AS text) \
             ORDER BY \"id\" LIMIT 5"
        );
        assert_eq!(mysql::DIALECT.name("a`b"), "`a``b`");
    }
}
