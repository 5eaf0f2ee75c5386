//! Deleting everybody who is not an admin, as one older system let its clients do.

use futures::FutureExt as _;

use super::{Caller, accounts};
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::tables::user;

/// How many go in one change, so that nobody waits long for a lock.
const SLICE: i64 = 50;

impl App {
    /// Deletes every user who is not an admin, for the admin who is the caller's actor, and says how
    /// many. Where it fails, those before are gone.
    pub async fn delete_all_but_admins(&self, caller: &Caller) -> Result<u64> {
        let (mut after, mut count) = (String::new(), 0);
        loop {
            let users = user::list_after(&self.db, &after, SLICE).await?;
            let Some(last) = users.last() else { return Ok(count) };
            after.clone_from(&last.id);
            let ids: Vec<String> =
                users.into_iter().filter(|user| !user.is_admin()).map(|user| user.id).collect();
            let job = (caller.clone(), ids.clone());
            let users: Vec<&str> = ids.iter().map(String::as_str).collect();
            let held = (caller, &*users);
            let deleted = self.write_as("delete_all_but_admins", held, job, |tx, app, job| {
                async move {
                    let (caller, ids) = &*job;
                    let mut deleted = 0;
                    for id in ids {
                        deleted += u64::from(delete_unless_admin(tx, &app, (caller, id)).await?);
                    }
                    Ok(deleted)
                }
                .boxed()
            });
            count += deleted.await?;
        }
    }
}

/// Looks again under the lock: the user may have become an admin, or be gone.
async fn delete_unless_admin(
    tx: &mut Tx<'_>,
    app: &App,
    (caller, user_id): (&Caller, &str),
) -> Result<bool> {
    user::lock(tx, user_id).await?;
    match user::find_in(tx, user_id).await? {
        Some(user) if !user.is_admin() => {
            accounts::delete(tx, app, (caller, user_id)).await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}
