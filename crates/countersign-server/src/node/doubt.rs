//! Changes whose transaction got no answer to its COMMIT. The database is asked what became of each:
//! no time is long enough to be sure, since a COMMIT may be held up on its way or by the database.

use super::Node;
use crate::db::{AsDbError, DbError};
use crate::tables::change::{self, ChangeRow};

/// What the database says of a change.
enum Outcome {
    Committed,
    RolledBack,
    /// Its transaction has not ended.
    Open,
}

/// Why the insertion of a probe was rolled back.
enum Probe {
    /// There is no such row, and no open transaction that has inserted it.
    Absent,
    Failed(DbError),
}

impl From<DbError> for Probe {
    fn from(error: DbError) -> Self {
        Self::Failed(error)
    }
}

impl AsDbError for Probe {
    fn as_db_error(&self) -> Option<&DbError> {
        match self {
            Self::Absent => None,
            Self::Failed(error) => Some(error),
        }
    }
}

impl Node {
    /// Asks the database what became of the changes whose COMMIT got no answer. Those that were
    /// committed act here, and those that have ended let the floor rise.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn resolve_doubts(&self) -> Result<(), DbError> {
        for row in self.0.log.in_doubt() {
            match self.outcome(row.clone()).await? {
                Outcome::Committed => {
                    self.apply(&row);
                    self.0.written.notify_one();
                    self.0.log.end(row.seq);
                }
                Outcome::RolledBack => self.0.log.end(row.seq),
                // The floor stays here, whatever became of later ones.
                Outcome::Open => break,
            }
        }
        Ok(())
    }

    /// Inserts the row once more and rolls that back. Where the first insertion was committed the
    /// key is taken; while its transaction is open the second waits for it, and gives up.
    async fn outcome(&self, row: ChangeRow) -> Result<Outcome, DbError> {
        let id = self.0.id.clone();
        let probe = self.0.db.write("change_probe", move |tx| {
            let (id, row) = (id.clone(), row.clone());
            Box::pin(async move {
                change::insert(tx, &id, &row).await?;
                Err::<(), Probe>(Probe::Absent)
            })
        });
        match probe.await {
            Ok(()) | Err(Probe::Absent) => Ok(Outcome::RolledBack),
            Err(Probe::Failed(DbError::Unique)) => Ok(Outcome::Committed),
            Err(Probe::Failed(error)) if error.is_unavailable() => {
                tracing::debug!(%error, "whether a change was committed is still unknown");
                Ok(Outcome::Open)
            }
            Err(Probe::Failed(error)) => Err(error),
        }
    }
}
