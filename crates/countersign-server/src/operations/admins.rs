//! Who may administer. There is always somebody: whoever is the last one cannot be demoted, disabled
//! or deleted but by a command of the operator's.

use super::Caller;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::tables::admin;
use crate::tables::user::{self, User};

/// Brings the list of those who may administer into line with the user's row, which this change has
/// locked and changed.
pub(super) async fn settle(tx: &mut Tx<'_>, caller: &Caller, user_id: &str) -> Result<()> {
    let user = user::find_in(tx, user_id).await?;
    let may = user.is_some_and(|user| user.is_active() && user.is_admin());
    match (may, admin::is_listed(tx, user_id).await?) {
        (true, false) => Ok(admin::insert(tx, user_id, caller.now).await?),
        (false, true) => dismiss(tx, caller, user_id).await,
        _ => Ok(()),
    }
}

/// Lists a user who was just made, if they may administer.
pub(super) async fn admit(tx: &mut Tx<'_>, user: &User) -> Result<()> {
    if user.is_active() && user.is_admin() {
        admin::insert(tx, &user.id, user.created_at).await?;
    }
    Ok(())
}

/// Takes a user off the list. Two changes that each dismiss one of the last two wait for each other
/// here, and the later one is refused.
///
/// # Errors
/// [`Error::LastAdmin`] where nobody would be left.
pub(super) async fn dismiss(tx: &mut Tx<'_>, caller: &Caller, user_id: &str) -> Result<()> {
    if !admin::is_listed(tx, user_id).await? {
        return Ok(());
    }
    if admin::lock(tx).await? <= 1 && !caller.is_command() {
        return Err(Error::LastAdmin);
    }
    Ok(admin::delete(tx, user_id).await?)
}
