//! The database that is moved.

use super::MoveError;
use super::checksum::{Content, Sum};
use crate::clock::Time;
use crate::db::{Db, DbError};
use crate::node::DEAD;
use crate::tables::inventory::Table;
use crate::tables::{node, setting};

/// The tables that tell whether anybody has used the database: whoever does is in `nodes`, and
/// changes its row there.
const TELLING: [&str; 2] = ["nodes", "settings"];

/// A database that can be moved: of this program's schema, and used by nobody.
#[derive(Debug)]
pub struct Source {
    db: Db,
    fingerprint: String,
}

impl Source {
    /// Finds the database fit to be moved at `now`.
    ///
    /// # Errors
    /// [`MoveError::Behind`], [`MoveError::SourceUnfinished`], [`MoveError::InUse`] and
    /// [`MoveError::Source`].
    pub async fn new(db: Db, now: Time) -> Result<Self, MoveError> {
        let schema = db.schema().await.map_err(MoveError::Source)?;
        if !schema.pending.is_empty() {
            return Err(MoveError::Behind(schema.version));
        }
        if setting::find(&db, setting::MOVE).await.map_err(MoveError::Source)?.is_some() {
            return Err(MoveError::SourceUnfinished);
        }
        for node in node::list(&db).await.map_err(MoveError::Source)? {
            if node.ended_at.is_none() && node.seen_at > now.minus(DEAD) {
                return Err(MoveError::InUse(now.since(node.seen_at).as_secs()));
            }
        }
        let fingerprint = fingerprint(&db).await.map_err(MoveError::Source)?;
        Ok(Self { db, fingerprint })
    }

    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    /// What tells this source, as it is now, from every other.
    pub(super) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether nobody has used the source since it was found fit.
    pub(super) async fn is_unused(&self) -> Result<bool, MoveError> {
        let now = fingerprint(&self.db).await.map_err(MoveError::Source)?;
        Ok(now == self.fingerprint)
    }
}

async fn fingerprint(db: &Db) -> Result<String, DbError> {
    let mut parts = Vec::new();
    for name in TELLING {
        let Content { rows, checksum } = Sum::of(Table::named(name), db, |_| true, |_| {}).await?;
        parts.push(format!("{name} {rows} {checksum}"));
    }
    Ok(parts.join(" "))
}
