//! CSV (RFC 4180), in UTF-8, with a header.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder, StringRecord};

use super::lines::{Input, LineFeeds};
use super::{Mapping, Source};
use crate::operations::import::BATCH;
use crate::operations::import::row::{Field, Page, Place, Problem, Row, Unreadable, Value};

/// What databases write into CSV files for SQL's NULL.
const NO_VALUE: [&str; 2] = ["NULL", "\\N"];

/// A CSV file.
pub struct CsvSource {
    reader: Reader<LineFeeds>,
    read: Arc<AtomicU64>,
    length: Option<u64>,
    columns: Vec<(Field, usize)>,
}

impl CsvSource {
    /// Opens the file, or standard input for `-`, and reads its header.
    pub fn open(path: &Path, mapping: &Mapping) -> Result<Self, Unreadable> {
        let unreadable = |error: String| Unreadable(format!("{}: {error}", path.display()));
        let (mut input, length) = Input::open(path).map_err(|it| unreadable(it.to_string()))?;
        input.allow_row();
        let read = input.read_so_far();
        let mut reader = ReaderBuilder::new().from_reader(LineFeeds::new(input));
        let header = reader.headers().map_err(|it| unreadable(it.to_string()))?.clone();
        let columns = columns(&header, mapping).map_err(unreadable)?;
        Ok(Self { reader, read, length, columns })
    }

    /// How many octets it has, where that is known.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    fn row(&mut self) -> Result<Option<Result<Row, Problem>>, Unreadable> {
        self.reader.get_mut().allow_row();
        let mut record = ByteRecord::new();
        match self.reader.read_byte_record(&mut record) {
            Ok(false) => Ok(None),
            Ok(true) => Ok(Some(Ok(self.read(&record)))),
            Err(error) => self.refused(&error).map(|problem| Some(Err(problem))),
        }
    }

    fn read(&self, record: &ByteRecord) -> Row {
        let line = record.position().map_or(0, csv::Position::line);
        let mut row = Row::at(Place::Line(line));
        for (field, column) in &self.columns {
            match record.get(*column).map(str::from_utf8) {
                None => {}
                Some(Ok(text)) if NO_VALUE.contains(&text) => {}
                Some(Ok(text)) => row.set(*field, Value::Text(text.to_owned())),
                Some(Err(_)) => row.set(*field, Value::NOT_UTF8),
            }
        }
        row
    }

    /// What is wrong with one row; an error where no row can be read any more.
    fn refused(&self, error: &csv::Error) -> Result<Problem, Unreadable> {
        let line =
            error.position().map_or_else(|| self.reader.position().line(), csv::Position::line);
        let (reason, message) = match error.kind() {
            ErrorKind::UnequalLengths { expected_len, len, .. } => {
                ("malformed", format!("{len} values, where the header has {expected_len}"))
            }
            _ => return Err(Unreadable(format!("line {line}: {error}"))),
        };
        Ok(Problem { place: Place::Line(line), field: None, reason, message: message.into() })
    }
}

impl Source for CsvSource {
    type Row = Row;

    async fn page(&mut self) -> Result<Option<Page<Row>>, Unreadable> {
        let mut rows = Vec::with_capacity(BATCH);
        while rows.len() < BATCH
            && let Some(row) = self.row()?
        {
            rows.push(row);
        }
        let read = self.read.load(Ordering::Relaxed);
        Ok((!rows.is_empty()).then_some(Page { rows, read }))
    }
}

/// Where each field stands. A column that was named must be there.
fn columns(header: &StringRecord, mapping: &Mapping) -> Result<Vec<(Field, usize)>, String> {
    let find = |name: &str| header.iter().position(|column| column.trim() == name);
    if let Some((field, name)) = mapping.named().find(|(_, name)| find(name).is_none()) {
        let there = header.iter().collect::<Vec<_>>().join(", ");
        return Err(format!("there is no column `{name}` for {field}; there are: {there}"));
    }
    let column = |field: Field| Some((field, find(mapping.of_file(field)?)?));
    let columns: Vec<_> = Field::ALL.into_iter().filter_map(column).collect();
    if columns.iter().all(|(field, _)| !Field::IDENTIFIERS.contains(field)) {
        let there = header.iter().collect::<Vec<_>>().join(", ");
        let wanted = "email, username, phone or mobile";
        return Err(format!("no column says {wanted}; name one; there are: {there}"));
    }
    Ok(columns)
}
