//! Users of an older system come along: their rows are read, judged and written in batches, each
//! in one change, so that an import that was cut off goes on where it stopped.

mod batch;
mod claims;
mod draft;
mod hash;
mod ledger;
pub mod revoked;
pub mod row;
mod spelling;

use std::collections::BTreeMap;

use self::claims::{Claims, Known, Verdict};
use self::draft::Draft;
pub use self::draft::Rules;
use self::hash::Hasher;
use self::ledger::Ledger;
use self::row::{Page, Pages, Problem, Row};
use super::Caller;
use crate::app::App;
use crate::db::{Db, DbError};
use crate::error::{Error, Result};

/// How many rows are written in one change.
pub const BATCH: usize = 500;
/// How often a batch is judged anew because somebody registered meanwhile.
const TRIES: usize = 5;

/// Where the users go.
#[derive(Clone, Copy)]
pub enum Target<'a> {
    /// Nowhere: it is only told what would happen with this database, or with an empty one.
    DryRun(Option<&'a Db>),
    /// Into the app's database.
    Write(&'a App, &'a Caller),
}

impl Target<'_> {
    fn db(&self) -> Option<&Db> {
        match self {
            Self::DryRun(db) => *db,
            Self::Write(app, _) => Some(&app.db),
        }
    }

    fn is_dry(&self) -> bool {
        matches!(self, Self::DryRun(_))
    }
}

/// What a row with a problem does to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// Nothing of its batch is written, and nothing after it.
    Stop,
    /// They are written without it.
    Skip,
}

/// What became of the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows that were read.
    pub rows: u64,
    /// Those that were written, or would be.
    pub imported: u64,
    /// Those that came along before.
    pub there: u64,
    /// Those that were not written, by the reason.
    pub problems: BTreeMap<&'static str, u64>,
    /// Those of `imported` that have no password.
    pub without_password: u64,
    /// Those of `imported` whose password had to be hashed.
    pub hashed: u64,
    /// Those that matter no more, of tokens.
    pub over: u64,
    /// Whether a problem stopped the import.
    pub stopped: bool,
}

impl Counts {
    /// How many rows had a problem.
    pub fn refused(&self) -> u64 {
        self.problems.values().sum()
    }
}

/// Who is told how it goes.
pub trait Watch {
    /// A row is not imported.
    fn problem(&mut self, problem: &Problem);
    /// So much has been read and dealt with.
    fn progress(&mut self, read: u64, counts: &Counts);
}

/// Why an import ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The source.
    #[error("the source: {0}")]
    Source(#[from] row::Unreadable),
    /// The target.
    #[error(transparent)]
    Target(#[from] Error),
}

impl From<DbError> for ImportError {
    fn from(error: DbError) -> Self {
        Self::Target(error.into())
    }
}

/// Imports the users of `pages`.
pub async fn import_users(
    target: Target<'_>,
    (rules, on_error): (&Rules, OnError),
    pages: &mut Pages<Row>,
    watch: &mut impl Watch,
) -> Result<Counts, ImportError> {
    let mut import = Import {
        target,
        rules,
        on_error,
        claims: Claims::default(),
        hasher: Hasher::default(),
        ledger: Ledger::new("import", rules.source),
        ordinal: 0,
        counts: Counts::default(),
        watch,
    };
    while let Some(page) = pages.recv().await {
        import.page(page?).await?;
        if import.counts.stopped {
            break;
        }
    }
    import.ledger.close(&target).await?;
    Ok(import.counts)
}

struct Import<'a, W> {
    target: Target<'a>,
    rules: &'a Rules,
    on_error: OnError,
    claims: Claims,
    hasher: Hasher,
    ledger: Ledger,
    /// How many ids were made.
    ordinal: u64,
    counts: Counts,
    watch: &'a mut W,
}

impl<W: Watch> Import<'_, W> {
    async fn page(&mut self, Page { rows, read }: Page<Row>) -> Result<(), ImportError> {
        self.counts.rows += rows.len() as u64;
        let mut problems = Vec::new();
        let mut drafts = Vec::with_capacity(rows.len());
        for row in rows {
            let draft = row.and_then(|row| Draft::of(row, self.rules));
            match draft.and_then(|draft| self.claims.unless_repeated(draft)) {
                Ok(draft) => drafts.push(draft),
                Err(problem) => problems.push(problem),
            }
        }
        self.settle(drafts, problems).await?;
        self.watch.progress(read, &self.counts);
        Ok(())
    }

    /// Judges the drafts and writes the new ones; again, if somebody took what they ask for
    /// between the one and the other.
    async fn settle(
        &mut self,
        mut drafts: Vec<Draft>,
        mut problems: Vec<Problem>,
    ) -> Result<(), ImportError> {
        for _ in 0..TRIES {
            let (new, there) = self.judge(drafts, &mut problems).await?;
            drafts = new;
            if self.must_stop(&problems) {
                self.tell(problems);
                self.counts.stopped = true;
                return Ok(());
            }
            match self.write(&mut drafts).await {
                Err(Error::Db(error)) if error.is_unique() => self.counts.there += there,
                written => {
                    written?;
                    self.counts.there += there;
                    self.tell(problems);
                    return Ok(());
                }
            }
        }
        Err(Error::Conflict.into())
    }

    /// A dry run goes on, to tell of every problem.
    fn must_stop(&self, problems: &[Problem]) -> bool {
        self.on_error == OnError::Stop && !problems.is_empty() && !self.target.is_dry()
    }

    fn tell(&mut self, mut problems: Vec<Problem>) {
        problems.sort_by_key(|problem| match problem.place {
            row::Place::Line(line) => line,
            row::Place::Key(_) => 0,
        });
        for problem in problems {
            *self.counts.problems.entry(problem.reason).or_default() += 1;
            self.watch.problem(&problem);
        }
    }

    /// The drafts that are new, and how many came along before.
    async fn judge(
        &mut self,
        drafts: Vec<Draft>,
        problems: &mut Vec<Problem>,
    ) -> Result<(Vec<Draft>, u64), DbError> {
        let known = match self.target.db() {
            Some(db) => Known::of(db, &drafts).await?,
            None => Known::default(),
        };
        if !self.target.is_dry() {
            self.claims.forget_things();
        }
        let (mut new, mut there) = (Vec::with_capacity(drafts.len()), 0);
        for draft in drafts {
            match self.claims.judge(&draft, &known, self.rules.source) {
                Verdict::New => new.push(draft),
                Verdict::There => there += 1,
                Verdict::Taken(problem) => problems.push(problem),
            }
        }
        Ok((new, there))
    }
}
