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
    /// A value that the user can be imported without is left out; a row that cannot be imported at
    /// all is skipped.
    DropValue,
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
    /// Values that users of `imported` were imported without, by the reason.
    pub dropped: BTreeMap<&'static str, u64>,
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

    /// How many values were left out.
    pub fn dropped_values(&self) -> u64 {
        self.dropped.values().sum()
    }
}

/// Who is told how it goes.
pub trait Watch {
    /// A row is not imported.
    fn problem(&mut self, problem: &Problem);
    /// A user is imported without a value.
    fn dropped(&mut self, problem: &Problem);
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
    rules: &Rules,
    pages: &mut Pages<Row>,
    watch: &mut impl Watch,
) -> Result<Counts, ImportError> {
    let mut import = Import {
        target,
        rules,
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
                self.tell(problems, Vec::new());
                self.counts.stopped = true;
                return Ok(());
            }
            match self.write(&mut drafts).await {
                Err(Error::Db(error)) if error.is_unique() => self.counts.there += there,
                written => {
                    written?;
                    self.counts.there += there;
                    self.tell(problems, drafts.into_iter().flat_map(|it| it.dropped).collect());
                    return Ok(());
                }
            }
        }
        Err(Error::Conflict.into())
    }

    /// A dry run goes on, to tell of every problem.
    fn must_stop(&self, problems: &[Problem]) -> bool {
        self.rules.on_error == OnError::Stop && !problems.is_empty() && !self.target.is_dry()
    }

    /// Reports, in the order of the source, the rows that are not imported and the values that are
    /// left out.
    fn tell(&mut self, problems: Vec<Problem>, dropped: Vec<Problem>) {
        let dropped = dropped.into_iter().map(|problem| (problem, true));
        let mut all: Vec<_> = problems.into_iter().map(|it| (it, false)).chain(dropped).collect();
        all.sort_by_key(|(problem, _)| match problem.place {
            row::Place::Line(line) => line,
            row::Place::Key(_) => 0,
        });
        for (problem, is_dropped) in all {
            let counts =
                if is_dropped { &mut self.counts.dropped } else { &mut self.counts.problems };
            *counts.entry(problem.reason).or_default() += 1;
            if is_dropped {
                self.watch.dropped(&problem);
            } else {
                self.watch.problem(&problem);
            }
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
            match self.claims.judge(draft, &known, self.rules) {
                Verdict::New(draft) => new.push(draft),
                Verdict::There => there += 1,
                Verdict::Taken(problem) => problems.push(problem),
            }
        }
        Ok((new, there))
    }
}
