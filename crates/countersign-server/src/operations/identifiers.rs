//! What a user is found by, changed: an identifier takes the place of those of its kind.

use countersign::EndReason;

use super::changes::Who;
use super::record::Record;
use crate::app::{App, NATIVE};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::identifier::{Identifier, Kind};
use crate::tables::identifier::{self, StoredIdentifier};
use crate::tables::{failure, session, user};

/// Replaces the user's identifiers of these kinds, in a change that has locked the user's row.
///
/// Sessions of the native API go on. Those of a dialect end, and so do tokens of an older system: they
/// may name the user by what may be another's next. Logins that are under way fail, since they found
/// the user by it. Failed attempts are forgotten: they were made with what the user is no longer found
/// by.
pub(super) async fn replace(
    tx: &mut Tx<'_>,
    app: &App,
    who: Who<'_>,
    wanted: &[(Kind, Option<Identifier>)],
) -> Result<()> {
    let (caller, user_id) = who;
    let mut changed = Vec::new();
    for (kind, wanted) in wanted {
        let had = identifier::of_kind_in(tx, (user_id, *kind)).await?;
        if !is_so(&had, wanted.as_ref()) {
            replace_kind(tx, who, (&had, wanted.as_ref())).await?;
            changed.push(kind.as_str());
        }
    }
    let Some(first) = changed.first() else { return Ok(()) };
    if !identifier::is_there(tx, user_id).await? {
        let message = "an account keeps an email, a username or a phone".into();
        return Err(Error::Invalid { field: first, reason: "missing", message });
    }
    user::bump_epoch(tx, user_id).await?;
    failure::delete_of_user(tx, user_id).await?;
    for session in session::live_of_user_in(tx, user_id, caller.now).await? {
        if session.channel != NATIVE {
            app.end_session(tx, caller, &session.id, EndReason::Admin).await?;
        }
    }
    let kinds = changed.join(" ");
    let record = Record::of("identifiers_changed").user(user_id).about(&kinds);
    Ok(app.record(tx, caller, record).await?)
}

fn is_so(had: &[StoredIdentifier], wanted: Option<&Identifier>) -> bool {
    match (had, wanted) {
        ([], None) => true,
        ([only], Some(wanted)) => only.normalised == wanted.key && only.value == wanted.value,
        _ => false,
    }
}

async fn replace_kind(
    tx: &mut Tx<'_>,
    (caller, user_id): Who<'_>,
    (had, wanted): (&[StoredIdentifier], Option<&Identifier>),
) -> Result<()> {
    let is_wanted = |had: &&StoredIdentifier| wanted.is_some_and(|it| it.key == had.normalised);
    let stays = wanted.and(had.iter().find(is_wanted).or(had.first()));
    for old in had {
        if Some(old) != stays {
            identifier::delete(tx, &old.normalised).await?;
        }
    }
    let Some(wanted) = wanted else { return Ok(()) };
    match stays {
        Some(old) if old.normalised == wanted.key => Ok(identifier::respell(tx, wanted).await?),
        _ if identifier::find_in(tx, &wanted.key).await?.is_some() => {
            Err(Error::IdentifierTaken(wanted.kind.as_str()))
        }
        Some(old) => Ok(identifier::replace(tx, &old.normalised, wanted).await?),
        None => Ok(identifier::insert(tx, user_id, wanted, caller.now).await?),
    }
}
