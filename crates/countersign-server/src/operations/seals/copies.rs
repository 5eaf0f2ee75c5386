//! Compares the seals with their copies in an audit file: who cuts off the end of the chain leaves
//! nothing in the database that tells of it.

use std::io;
use std::path::Path;

use serde::Serialize;

use super::anchor::Anchor;
use super::{Fault, Link};
use crate::app::App;
use crate::audit::{self, SealLine};
use crate::db::DbError;
use crate::error::Result;
use crate::tables::event_seal;

/// What an audit file tells of the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Copy {
    /// How many of its seals are the database's.
    pub seals: u64,
    /// How many are of events that were purged.
    pub purged: u64,
    /// The last one that is the database's.
    pub last: i64,
    /// The first one that is not.
    #[serde(flatten)]
    pub fault: Option<Fault>,
}

impl App {
    /// Compares the chain, which is good, with the seals in this file.
    pub async fn verify_copy(&self, file: &Path) -> Result<io::Result<Copy>> {
        let lines = match audit::seals(file) {
            Ok(lines) => lines,
            Err(error) => return Ok(Err(error)),
        };
        let mut copy = Copy::default();
        for line in lines {
            let line = match line {
                Ok(line) => line,
                Err(error) => return Ok(Err(error)),
            };
            match self.compare(file, &line).await? {
                Compared::Same => {
                    copy.seals += 1;
                    copy.last = copy.last.max(line.seal);
                }
                Compared::Purged => copy.purged += 1,
                Compared::Wrong(fault) => return Ok(Ok(Copy { fault: Some(fault), ..copy })),
            }
        }
        Ok(Ok(copy))
    }

    async fn compare(&self, file: &Path, copy: &SealLine) -> Result<Compared, DbError> {
        let SealLine { line, seal, hash } = copy;
        let (line, seal, file) = (*line, *seal, file.to_owned());
        let known = match event_seal::find(&self.db, seal).await? {
            Some(known) => Link::from(&known),
            None => {
                let anchor = Anchor::find(&self.db, &self.seals.key).await?;
                let Link { number, hash } = anchor.unwrap_or_default().link;
                if seal < number {
                    return Ok(Compared::Purged);
                }
                if seal > number {
                    let end = event_seal::last(&self.db).await?.map_or(number, |it| it.number);
                    return Ok(Compared::Wrong(Fault::EndMissing { file, line, seal, end }));
                }
                Link { number, hash }
            }
        };
        if known.hash == *hash {
            return Ok(Compared::Same);
        }
        Ok(Compared::Wrong(Fault::SealReplaced { file, line, seal }))
    }
}

enum Compared {
    Same,
    Purged,
    Wrong(Fault),
}
