//! Writing a batch of new users.

use futures::FutureExt as _;

use super::draft::Draft;
use super::hash::Hash;
use super::{Import, Target, Watch, ledger};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::operations::Caller;
use crate::tables::bulk::{self, Imported};
use crate::tables::counter::{self, USER_NUMBER};
use crate::tables::import;
use crate::tables::user::User;

struct Job {
    imported: Vec<Imported>,
    largest: i64,
    now: crate::clock::Time,
    entry: ledger::Entry,
}

impl<W: Watch> Import<'_, W> {
    /// Writes the drafts in one change; in a dry run only counts them.
    pub(super) async fn write(&mut self, drafts: &mut [Draft]) -> Result<()> {
        let count = drafts.len() as u64;
        let without_password = drafts.iter().filter(|draft| draft.password.is_none()).count();
        let bare = |draft: &&Draft| matches!(draft.password, Some((_, Hash::Bare(_))));
        let mut hashed = drafts.iter().filter(bare).count() as u64;
        if let Target::Write(app, caller) = self.target
            && !drafts.is_empty()
        {
            hashed = self.hasher.finish(app, drafts).await?;
            let job = self.job(app, caller, drafts).await?;
            app.write("import", job, |tx, _, job| insert(tx, job).boxed()).await?;
            self.ledger.committed(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.counts.imported += count;
        self.counts.without_password += without_password as u64;
        self.counts.hashed += hashed;
        Ok(())
    }

    async fn job(&mut self, app: &App, caller: &Caller, drafts: &[Draft]) -> Result<Job> {
        let largest = drafts.iter().filter_map(|draft| draft.number).max().unwrap_or(0);
        let unnumbered = drafts.iter().filter(|draft| draft.number.is_none()).count();
        let mut next = match i64::try_from(unnumbered) {
            Ok(0) | Err(_) => 0,
            Ok(unnumbered) => {
                // So that what the counter gives is none of this batch's own numbers.
                raise_counter(app, largest).await?;
                counter::take_block(&app.db, USER_NUMBER, unnumbered).await?
            }
        };
        let mut imported = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let number = draft.number.unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            imported.push(self.imported(app, caller, draft, number)?);
        }
        let entry = self.ledger.entry(app, caller);
        Ok(Job { imported, largest, now: caller.now, entry })
    }

    fn imported(
        &mut self,
        app: &App,
        caller: &Caller,
        draft: &Draft,
        number: i64,
    ) -> Result<Imported> {
        let created_at = draft.created_at.unwrap_or(caller.now);
        self.ordinal += 1;
        let id = || app.entropy.uuid_in_order(created_at, self.ordinal).to_string();
        let password = match &draft.password {
            None => None,
            Some((form, Hash::Kept(hash))) => Some((*form, hash.clone())),
            Some((_, Hash::Bare(_))) => return Err(Error::Internal("a hash was not finished")),
        };
        let user = User {
            id: draft.id.clone().unwrap_or_else(id),
            number,
            name: draft.name.clone(),
            roles: draft.roles.clone(),
            epoch: 0,
            created_at,
            last_login_at: draft.last_login_at,
            disabled_at: (!draft.active).then_some(caller.now),
        };
        let source = self.rules.source.to_owned();
        Ok(Imported {
            user,
            identifiers: draft.identifiers.iter().map(|(_, it)| it.clone()).collect(),
            password,
            import: import::Import { source, login_stamp: draft.login_stamp },
        })
    }
}

async fn insert(tx: &mut Tx<'_>, job: std::sync::Arc<Job>) -> Result<()> {
    let Job { imported, largest, now, entry } = &*job;
    bulk::insert(tx, imported, *now).await?;
    counter::raise(tx, USER_NUMBER, *largest).await?;
    let more = i64::try_from(imported.len()).unwrap_or(i64::MAX);
    Ok(ledger::add(tx, entry, more).await?)
}

async fn raise_counter(app: &App, largest: i64) -> Result<()> {
    app.write("import_numbers", largest, |tx, _, largest| {
        async move { Ok(counter::raise(tx, USER_NUMBER, *largest).await?) }.boxed()
    })
    .await
}
