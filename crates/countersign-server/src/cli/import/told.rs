//! What the operator is told: a bar meanwhile, the counts at the end, and every problem.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::cli::output::{escape, values};
use crate::cli::{Failure, Settings};
use crate::operations::import::row::{Field, Place, Problem};
use crate::operations::import::{Counts, Watch};

/// How many problems are shown; the others are counted, and stand in the report.
const SHOWN: usize = 20;

/// What has been told so far.
pub(super) struct Told {
    what: &'static str,
    first: Vec<Shown>,
    report: Option<BufWriter<std::fs::File>>,
    failed: Option<io::Error>,
    bar: ProgressBar,
}

/// A problem, and what it is a problem of.
#[derive(Clone, Debug)]
struct Shown {
    what: &'static str,
    lost: Lost,
    problem: Problem,
}

/// What is not imported because of a problem.
#[derive(Clone, Copy, Debug)]
enum Lost {
    Row,
    Value,
}

/// What became of everything.
pub(super) struct Summary {
    pub(super) dry_run: bool,
    pub(super) revoked: Option<Counts>,
    pub(super) users: Option<Counts>,
}

impl Told {
    /// Tells of problems also in a new file, which its owner alone may read.
    pub(super) fn new(report: Option<&Path>) -> Result<Self, Failure> {
        let create = |path: &Path| {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            let wrong =
                |error| Failure::Arguments(format!("--report: {}: {error}", path.display()));
            file.map(BufWriter::new).map_err(wrong)
        };
        let report = report.map(create).transpose()?;
        // Draws on standard error, and only if that is a terminal.
        let bar = ProgressBar::no_length();
        Ok(Self { what: "", first: Vec::new(), report, failed: None, bar })
    }

    /// Something of this length begins.
    pub(super) fn begin(&mut self, what: &'static str, length: Option<u64>) {
        self.what = what;
        self.bar.reset();
        let template = match length {
            Some(_) => "{msg} {wide_bar} {percent}%, {eta} left",
            None => "{msg} {spinner}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        if let Some(length) = length {
            self.bar.set_length(length);
        }
        self.bar.set_message(what);
    }

    /// Nothing more is to come.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.bar.finish_and_clear();
        if let Some(report) = &mut self.report
            && let Err(error) = report.flush()
        {
            self.failed.get_or_insert(error);
        }
        match self.failed.take() {
            Some(error) => Err(Failure::Failed(format!("--report: {error}"))),
            None => Ok(()),
        }
    }

    /// Writes what became of everything.
    pub(super) fn print(&self, settings: &Settings, summary: &Summary) -> Result<(), Failure> {
        let problems: Vec<Value> = self.first.iter().map(Shown::object).collect();
        let json = json!({
            "dry_run": summary.dry_run,
            "stopped": summary.is_stopped(),
            "users": summary.users.as_ref().map(counts),
            "revoked_tokens": summary.revoked.as_ref().map(counts),
            "problems": problems,
        });
        settings.print(&json, || {
            let mut text = summary.text();
            text.push_str(if self.first.is_empty() { "" } else { "\n" });
            for Shown { lost, problem, .. } in &self.first {
                text.push('\n');
                text.push_str(&escape(&problem.to_string()));
                text.push_str(match lost {
                    Lost::Row => "",
                    Lost::Value => " (the user is imported without it)",
                });
            }
            if summary.problems() > self.first.len() as u64 {
                text.push_str("\nand more; --report FILE writes them all");
            }
            text
        })
    }
}

impl Told {
    fn show(&mut self, lost: Lost, problem: &Problem) {
        let shown = Shown { what: self.what, lost, problem: problem.clone() };
        if let Some(report) = &mut self.report
            && self.failed.is_none()
            && let Err(error) = writeln!(report, "{}", shown.object())
        {
            self.failed = Some(error);
        }
        if self.first.len() < SHOWN {
            self.first.push(shown);
        }
    }
}

impl Watch for Told {
    fn problem(&mut self, problem: &Problem) {
        self.show(Lost::Row, problem);
    }

    fn dropped(&mut self, problem: &Problem) {
        self.show(Lost::Value, problem);
    }

    fn progress(&mut self, read: u64, counts: &Counts) {
        self.bar.set_position(read);
        let problems = match counts.refused() {
            0 => String::new(),
            refused => format!(", {refused} with a problem"),
        };
        self.bar.set_message(format!("{} {}{problems}", counts.rows, self.what));
    }
}

impl Shown {
    fn object(&self) -> Value {
        let Self { what, lost, problem } = self;
        let (line, row) = match &problem.place {
            Place::Line(line) => (Some(*line), None),
            Place::Key(key) => (None, Some(key)),
        };
        json!({
            "what": what,
            "lost": match lost {
                Lost::Row => "row",
                Lost::Value => "value",
            },
            "line": line,
            "row": row,
            "field": problem.field.map(Field::as_str),
            "reason": problem.reason,
            "message": problem.message,
        })
    }
}

fn counts(counts: &Counts) -> Value {
    json!({
        "rows": counts.rows,
        "imported": counts.imported,
        "already_there": counts.there,
        "over": counts.over,
        "without_password": counts.without_password,
        "hashed": counts.hashed,
        "refused": counts.refused(),
        "reasons": counts.problems,
        "dropped_values": counts.dropped_values(),
        "dropped_reasons": counts.dropped,
    })
}

impl Summary {
    pub(super) fn is_stopped(&self) -> bool {
        self.all().any(|counts| counts.stopped)
    }

    pub(super) fn refused(&self) -> u64 {
        self.all().map(Counts::refused).sum()
    }

    /// How many problems there were, of rows and of values.
    fn problems(&self) -> u64 {
        self.refused() + self.all().map(Counts::dropped_values).sum::<u64>()
    }

    fn all(&self) -> impl Iterator<Item = &Counts> {
        self.revoked.iter().chain(&self.users)
    }

    fn text(&self) -> String {
        let imported = if self.dry_run { "would be imported" } else { "imported" };
        let mut rows = Vec::new();
        for (what, counts) in [("users", &self.users), ("tokens logged out", &self.revoked)] {
            let Some(counts) = counts else { continue };
            rows.push((what, counts.rows.to_string()));
            for (name, count) in [
                (imported, counts.imported),
                ("without a password", counts.without_password),
                ("hashed", counts.hashed),
                ("there already", counts.there),
                ("over already", counts.over),
                ("with a problem", counts.refused()),
            ] {
                if count > 0 || name == imported {
                    rows.push((name, count.to_string()));
                }
            }
            rows.extend(counts.problems.iter().map(|(reason, count)| (*reason, count.to_string())));
            if !counts.dropped.is_empty() {
                rows.push(("values left out", counts.dropped_values().to_string()));
                let reasons = counts.dropped.iter();
                rows.extend(reasons.map(|(reason, count)| (*reason, count.to_string())));
            }
        }
        values(rows)
    }
}
