//! Moves everything from one database to another: copies table after table in pages, remembers in
//! the target how far it is, and compares the two at the end. The source is only read.

mod checksum;
mod copy;
mod marker;
mod source;

pub use self::checksum::Content;
pub use self::source::Source;

use self::checksum::Sum;
use self::copy::Copy;
use self::marker::{Begun, Marker};
use crate::db::{Db, DbError};
use crate::tables::inventory::Table;
use crate::tables::setting;

/// How many rows are read, written and held at a time. With the page that is read meanwhile, two
/// such lots are in memory.
const PAGE: usize = 1000;

/// Why a move is refused or fails.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The source was set up by an older program, or by none.
    #[error(
        "the source's schema is at version {0}, older than this program's; bring it up to date \
         with `countersign migrate` first"
    )]
    Behind(u32),
    /// The source is itself the target of a move that did not end.
    #[error("the source is the unfinished target of another move; finish that one first")]
    SourceUnfinished,
    /// A process uses the source.
    #[error(
        "a server or a command uses the source: it was seen {0} seconds ago; stop it first (one \
         that was killed is forgotten after {dead} seconds)", dead = crate::node::DEAD.as_secs()
    )]
    InUse(u64),
    /// There is something in the target, and it is no unfinished move.
    #[error("the target is not empty: there are rows in `{0}`; give an empty database")]
    NotEmpty(&'static str),
    /// The target is the unfinished one of another source, or of this one as it was before.
    #[error(
        "the target holds the beginning of a move from another source, or from this one before it \
         was last used; give an empty database"
    )]
    AnotherSource,
    /// Another move into the same target has begun since.
    #[error("another `countersign move` into this target has begun; this one stops")]
    Overtaken,
    /// The source was used while it was moved.
    #[error(
        "the source was used while it was moved; stop what uses it, and move into an empty database"
    )]
    SourceUsed,
    /// A table is not the same on both sides.
    #[error(
        "`{table}` is not the same at the target: {source_content} at the source, {target_content} \
         at the target; move into an empty database"
    )]
    Differs {
        /// The table.
        table: &'static str,
        /// What the source holds.
        source_content: Content,
        /// What the target holds.
        target_content: Content,
    },
    /// The source failed.
    #[error("the source: {0}")]
    Source(DbError),
    /// The target failed.
    #[error("the target: {0}")]
    Target(DbError),
    /// The target does not take the rows of a table.
    #[error("the target does not take a row of `{table}`: {error}")]
    Row {
        /// The table.
        table: &'static str,
        /// Why not.
        error: DbError,
    },
}

/// A table that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The table.
    pub table: &'static str,
    /// What it holds, on both sides.
    pub content: Content,
}

/// How far a move is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// With which table.
    pub table: &'static str,
    /// How many rows are done.
    pub rows: u64,
    /// How many there are, as far as is known.
    pub of: u64,
}

/// The two halves of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Rows are copied.
    Copying,
    /// Rows are read again from both sides and compared.
    Comparing,
}

/// Told of the progress.
pub type Watch<'w> = &'w (dyn Fn(Progress) + Sync);

impl Source {
    /// Moves all into `to`, or goes on where an earlier run was interrupted. `run` is a fresh id.
    ///
    /// # Errors
    /// See [`MoveError`]. After [`MoveError::Source`] and [`MoveError::Target`] another run goes on.
    pub async fn move_to(
        &self,
        to: &Db,
        run: String,
        watch: Watch<'_>,
    ) -> Result<Vec<Moved>, MoveError> {
        to.migrate().await.map_err(MoveError::Target)?;
        let begun = Marker::begin(to, self.fingerprint().to_owned(), run).await;
        let mut marker = match begun.map_err(MoveError::Target)? {
            Begun::Now(marker) => marker,
            Begun::NotEmpty(table) => return Err(MoveError::NotEmpty(table)),
            Begun::AnotherSource => return Err(MoveError::AnotherSource),
        };
        let mut copy = Copy::new(self.db(), to, watch).await?;
        for table in marker.remaining() {
            copy.table(table, &mut marker).await?;
        }
        marker.copied(to).await?;
        let moved = self.compare(to, copy.total(), watch).await?;
        if !self.is_unused().await? {
            return Err(MoveError::SourceUsed);
        }
        marker.finish(to).await?;
        Ok(moved)
    }

    /// Reads every table from both sides, and finds them the same.
    async fn compare(&self, to: &Db, of: u64, watch: Watch<'_>) -> Result<Vec<Moved>, MoveError> {
        let mut moved: Vec<Moved> = Vec::new();
        for table in Table::moving() {
            let before: u64 = moved.iter().map(|moved| moved.content.rows).sum();
            let show = |sum: &Sum| {
                let rows = before + sum.rows();
                watch(Progress { stage: Stage::Comparing, table: table.name, rows, of });
            };
            let source = Sum::of(table, self.db(), |_| true, show);
            // The marker lies among the settings, and is no part of what was moved.
            let is_moved = |name: &str| table.name != "settings" || name != setting::MOVE;
            let target = Sum::of(table, to, is_moved, |_| {});
            let (source, target) = tokio::join!(source, target);
            let source_content = source.map_err(MoveError::Source)?;
            let target_content = target.map_err(MoveError::Target)?;
            if source_content != target_content {
                let table = table.name;
                return Err(MoveError::Differs { table, source_content, target_content });
            }
            moved.push(Moved { table: table.name, content: source_content });
        }
        Ok(moved)
    }
}
