//! JSON Lines: one object a line.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value as Json;

use super::lines::{Input, MAX_ROW};
use super::{Mapping, Source};
use crate::operations::import::BATCH;
use crate::operations::import::row::{Field, Page, Place, Problem, Row, Unreadable, Value};

/// A file of JSON Lines.
pub struct JsonlSource {
    input: BufReader<Input>,
    read: Arc<AtomicU64>,
    length: Option<u64>,
    line: u64,
    members: Vec<(Field, String)>,
}

impl JsonlSource {
    /// Opens the file, or standard input for `-`.
    pub fn open(path: &Path, mapping: &Mapping) -> Result<Self, Unreadable> {
        let unreadable = |error| Unreadable(format!("{}: {error}", path.display()));
        let (input, length) = Input::open(path).map_err(unreadable)?;
        let read = input.read_so_far();
        let member = |field| Some((field, mapping.of_file(field)?.to_owned()));
        let members = Field::ALL.into_iter().filter_map(member).collect();
        Ok(Self { input: BufReader::with_capacity(1 << 16, input), read, length, line: 0, members })
    }

    /// How many octets it has, where that is known.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next line that is not empty.
    fn row(&mut self) -> Result<Option<Result<Row, Problem>>, Unreadable> {
        loop {
            let mut line = Vec::new();
            let taken = self.input.by_ref().take(MAX_ROW).read_until(b'\n', &mut line);
            let unreadable = |error| Unreadable(format!("line {}: {error}", self.line + 1));
            if taken.map_err(unreadable)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            if line.len() as u64 == MAX_ROW && line.last() != Some(&b'\n') {
                self.skip_line()?;
                let message = "the line is longer than 1 MiB".to_owned();
                return Ok(Some(Err(self.problem("too_long", message))));
            }
            let text = if self.line == 1 { without_mark(&line) } else { &line };
            if !text.trim_ascii().is_empty() {
                return Ok(Some(self.read(text)));
            }
        }
    }

    fn skip_line(&mut self) -> Result<(), Unreadable> {
        let skipped = self.input.skip_until(b'\n');
        skipped.map(drop).map_err(|error| Unreadable(format!("line {}: {error}", self.line)))
    }

    fn read(&self, text: &[u8]) -> Result<Row, Problem> {
        let Members(mut given) = serde_json::from_slice(text)
            .map_err(|error| self.problem("malformed", format!("no JSON object: {error}")))?;
        let mut row = Row::at(Place::Line(self.line));
        for (field, name) in &self.members {
            let Some(at) = given.iter().position(|(member, _)| member == name) else { continue };
            if let Some(value) = value_of(given.swap_remove(at).1) {
                row.set(*field, value);
            }
        }
        Ok(row)
    }

    /// A problem with the line as a whole.
    fn problem(&self, reason: &'static str, message: String) -> Problem {
        Problem { place: Place::Line(self.line), field: None, reason, message: message.into() }
    }
}

impl Source for JsonlSource {
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

/// What stands after the mark that some programs put at the beginning of UTF-8.
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text)
}

/// A member's value; `None` for null.
fn value_of(value: Json) -> Option<Value> {
    Some(match value {
        Json::Null => return None,
        Json::Bool(value) => Value::Text(value.to_string()),
        Json::Number(number) => Value::Text(number.to_string()),
        Json::String(text) => Value::Text(text),
        Json::Array(items) => {
            let text = |item| if let Json::String(text) = item { Some(text) } else { None };
            let texts = items.into_iter().map(text).collect::<Option<Vec<_>>>();
            texts.map_or(Value::WRONG_TYPE, Value::List)
        }
        Json::Object(_) => Value::WRONG_TYPE,
    })
}

/// The members of an object, each once.
struct Members(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object).map(Self)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Vec<(String, Json)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Self::Value = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Json>()? {
            if members.iter().any(|(other, _)| *other == name) {
                return Err(A::Error::custom("a member stands twice"));
            }
            members.push((name, value));
        }
        Ok(members)
    }
}
