//! Tables of another database.

use super::system::System;
use super::{Mapping, Source};
use crate::db::DbError;
use crate::db::foreign::{Cell, Column, Foreign, Selection, Table};
use crate::operations::import::BATCH;
use crate::operations::import::revoked::RevokedRow;
use crate::operations::import::row::{Field, Page, Place, Problem, Row, Unreadable, Value};

/// A table, read page by page in the order of its key.
struct Rows {
    foreign: Foreign,
    selection: Selection,
    after: Option<String>,
    read: u64,
    length: u64,
}

impl Rows {
    async fn new(mut foreign: Foreign, selection: Selection) -> Result<Self, Unreadable> {
        let count = foreign.count(&selection).await.map_err(|it| unreadable(&it))?;
        if count.rows != count.keys {
            let (table, key) = (&selection.table.name, &selection.key.name);
            return Err(Unreadable(format!(
                "{table}.{key} is not another value in each row; name a column that is: --key COLUMN"
            )));
        }
        Ok(Self { foreign, selection, after: None, read: 0, length: count.rows })
    }

    /// The next rows, each after its key.
    async fn next(&mut self) -> Result<Vec<(Place, Vec<Cell>)>, Unreadable> {
        let after = self.after.as_deref();
        let rows =
            self.foreign.page(&self.selection, after, BATCH).await.map_err(|it| unreadable(&it))?;
        self.read += rows.len() as u64;
        let keyed = |mut row: Vec<Cell>| match row.pop() {
            Some(Cell::Text(key)) => Ok((Place::Key(key), row)),
            _ => Err(Unreadable(format!("{} is no text", self.selection.key.name))),
        };
        let rows = rows.into_iter().map(keyed).collect::<Result<Vec<_>, _>>()?;
        if let Some((Place::Key(key), _)) = rows.last() {
            self.after = Some(key.clone());
        }
        Ok(rows)
    }
}

/// A table of users.
pub struct UserTable {
    rows: Rows,
    fields: Vec<Field>,
}

impl UserTable {
    /// Finds the table, what its columns say, and how its rows are ordered. Without a `system`
    /// there is nothing but what is named.
    pub async fn open(
        mut foreign: Foreign,
        system: &System,
        (name, key): (Option<&str>, Option<&str>),
        mapping: &Mapping,
    ) -> Result<Self, Unreadable> {
        let table = find_table(&mut foreign, name, system.tables).await?;
        let columns = columns(&table, system, mapping)?;
        if let Some(missing) = system.needed.iter().find(|field| {
            mapping.get(**field) != Some(None) && columns.iter().all(|(it, _)| it != *field)
        }) {
            return Err(Unreadable(format!(
                "no column of {} says {missing}; name one with --map {missing}=COLUMN, or leave \
                 it out with --map {missing}= ; there are: {}",
                table.name,
                names(&table)
            )));
        }
        let find = |field| columns.iter().find(|(it, _)| *it == field).map(|(_, column)| column);
        let key = match key {
            Some(name) => Some(column(&table, name)?),
            None => find(Field::Number).or_else(|| find(Field::Id)).cloned(),
        };
        let key = key.ok_or_else(|| {
            Unreadable("name a column by which the rows are ordered: --key COLUMN".to_owned())
        })?;
        let (fields, columns) = columns.into_iter().unzip();
        let rows = Rows::new(foreign, Selection { table, columns, key }).await?;
        Ok(Self { rows, fields })
    }

    /// How many rows it has.
    pub fn length(&self) -> u64 {
        self.rows.length
    }

    fn read(&self, place: Place, cells: Vec<Cell>) -> Row {
        let mut row = Row::at(place);
        for (field, cell) in self.fields.iter().zip(cells) {
            match cell {
                Cell::Null => {}
                Cell::Text(text) => row.set(*field, Value::Text(text)),
                Cell::NotText => row.set(*field, Value::NOT_UTF8),
            }
        }
        row
    }
}

impl Source for UserTable {
    type Row = Row;

    async fn page(&mut self) -> Result<Option<Page<Row>>, Unreadable> {
        let rows = self.rows.next().await?;
        let rows: Vec<_> =
            rows.into_iter().map(|(place, cells)| Ok(self.read(place, cells))).collect();
        Ok((!rows.is_empty()).then_some(Page { rows, read: self.rows.read }))
    }
}

/// A table of tokens that were logged out.
pub struct RevokedTable(Rows);

impl RevokedTable {
    /// Finds the table, whose rows are ordered by their `id`; `None` where nobody named it and it is not there.
    pub async fn open(
        mut foreign: Foreign,
        (name, named): (&str, Option<&str>),
        token: &str,
    ) -> Result<Option<Self>, Unreadable> {
        let Some(table) =
            foreign.table(named.unwrap_or(name)).await.map_err(|it| unreadable(&it))?
        else {
            return match named {
                Some(name) => Err(Unreadable(format!("there is no table {name}"))),
                None => Ok(None),
            };
        };
        let columns = vec![column(&table, token)?];
        let key = column(&table, "id")?;
        Ok(Some(Self(Rows::new(foreign, Selection { table, columns, key }).await?)))
    }

    /// How many rows it has.
    pub fn length(&self) -> u64 {
        self.0.length
    }
}

impl Source for RevokedTable {
    type Row = RevokedRow;

    async fn page(&mut self) -> Result<Option<Page<RevokedRow>>, Unreadable> {
        let rows = self.0.next().await?;
        let read = |(place, mut cells): (Place, Vec<Cell>)| {
            if let Some(Cell::Text(text)) = cells.pop() {
                return Ok(RevokedRow { place, text });
            }
            let message = "there is no token".into();
            Err(Problem { place, field: None, reason: "bad_token", message })
        };
        let rows: Vec<_> = rows.into_iter().map(read).collect();
        Ok((!rows.is_empty()).then_some(Page { rows, read: self.0.read }))
    }
}

async fn find_table(
    foreign: &mut Foreign,
    named: Option<&str>,
    usual: &[&str],
) -> Result<Table, Unreadable> {
    let candidates = named.as_ref().map_or(usual, std::slice::from_ref);
    for name in candidates {
        if let Some(table) = foreign.table(name).await.map_err(|it| unreadable(&it))? {
            return Ok(table);
        }
    }
    let tried = candidates.join(", ");
    Err(Unreadable(format!("there is no table {tried}; name the one of users: --table TABLE")))
}

/// The column of each field: the one named, else the first of the usual ones that is there.
fn columns(
    table: &Table,
    system: &System,
    mapping: &Mapping,
) -> Result<Vec<(Field, Column)>, Unreadable> {
    let mut columns = Vec::new();
    for field in Field::ALL {
        let usual = system.columns.iter().find(|(it, _)| *it == field).map_or(&[][..], |it| it.1);
        let found = match mapping.get(field) {
            Some(None) => None,
            Some(Some(name)) => Some(column(table, name)?),
            None => usual.iter().find_map(|name| column(table, name).ok()),
        };
        columns.extend(found.map(|column| (field, column)));
    }
    Ok(columns)
}

fn column(table: &Table, name: &str) -> Result<Column, Unreadable> {
    table.columns.iter().find(|column| column.name == name).cloned().ok_or_else(|| {
        let Table { name: of, .. } = table;
        Unreadable(format!("{of} has no column `{name}`; there are: {}", names(table)))
    })
}

fn names(table: &Table) -> String {
    table.columns.iter().map(|column| &*column.name).collect::<Vec<_>>().join(", ")
}

fn unreadable(error: &DbError) -> Unreadable {
    Unreadable(error.to_string())
}
