//! What commands write: a table for people, JSON for programs, and nothing in either that a
//! terminal would obey.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use super::{Failure, Settings};
use crate::clock::Time;
use crate::identifier::text::is_terminal_control;

/// What stands in a table where there is nothing.
const NONE: &str = "-";

impl Settings {
    /// Writes `value` with `--json`, else `text`, whose values are escaped already.
    pub(super) fn print(
        &self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json { print_json(value) } else { write(&text()) }
    }
}

/// Writes JSON.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value).map_err(Failure::of)?;
    write(&escape_json(&json))
}

/// JSON on one line.
pub(super) fn json_line(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map(|json| escape_json(&json)).map_err(Failure::of)
}

/// Writes text that is escaped already, and a line break.
pub(super) fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.trim_end().as_bytes()).and_then(|()| out.write_all(b"\n"));
    written.and_then(|()| out.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::Unread,
        _ => Failure::Failed(format!("standard output: {error}")),
    })
}

/// One row a thing, under a header.
pub(super) fn table<const N: usize>(header: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = plain();
    table.set_header(header.map(str::to_uppercase));
    for row in rows {
        table.add_row(row.map(|cell| escape(&cell)));
    }
    table.trim_fmt()
}

/// One row a value, after its name.
pub(super) fn values(values: Vec<(&str, String)>) -> String {
    let mut table = plain();
    for (name, value) in values {
        table.add_row([escape(name), escape(&value)]);
    }
    table.trim_fmt()
}

fn plain() -> Table {
    let mut table = Table::new();
    // Not cut to the terminal's width, so that a table is the same in a pipe.
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// A value that may not be there.
pub(super) fn or_none(value: Option<impl Into<String>>) -> String {
    value.map_or_else(|| NONE.to_owned(), Into::into)
}

/// A moment that may not be there.
pub(super) fn time(at: Option<Time>) -> String {
    or_none(at.map(Time::to_rfc3339))
}

/// Text that others wrote, without what a terminal would obey or misread.
pub(super) fn escape(text: &str) -> String {
    escape_with(text, is_terminal_control, |out, c| write!(out, "{}", c.escape_unicode()))
}

/// JSON has its own way to write such characters; they stand in its strings alone, but for the
/// line breaks between its members.
fn escape_json(json: &str) -> String {
    let obeyed = |c| c != '\n' && is_terminal_control(c);
    escape_with(json, obeyed, |out, c| write!(out, "\\u{:04x}", u32::from(c)))
}

fn escape_with(
    text: &str,
    obeyed: impl Fn(char) -> bool,
    write: impl Fn(&mut String, char) -> std::fmt::Result,
) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !obeyed(c) || write(&mut out, c).is_err() {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[2Jb\u{9b}c\u{202e}d\ne";

    #[test]
    fn a_cell_holds_nothing_that_a_terminal_obeys() {
        let table = table(["name"], vec![[HOSTILE.to_owned()]]);
        let cell = r"a\u{1b}[2Jb\u{9b}c\u{202e}d\u{a}e";
        assert_eq!(table.lines().collect::<Vec<_>>(), [" NAME", &format!(" {cell}")]);
    }

    #[test]
    fn json_holds_nothing_that_a_terminal_obeys_and_still_means_the_same() {
        let json = escape_json(&serde_json::to_string_pretty(&[HOSTILE]).expect("text"));
        assert!(!json.chars().any(|c| c != '\n' && is_terminal_control(c)), "{json}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&json).expect("JSON"), [HOSTILE]);
    }
}
