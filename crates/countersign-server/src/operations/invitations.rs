//! Inviting people to register: a token that is good once, for a while, shown once and stored as its
//! hash.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::page::{Page, Part};
use super::{COMMAND, Caller, record::Record};
use crate::api_keys::digest_of;
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result, Uninvited};
use crate::identifier::Identifier;
use crate::tables::admin;
use crate::tables::invitation::{self, Invitation, Invited, State};

/// How long an invitation is good unless it is said.
pub const USUAL_LIFE: Duration = Duration::from_hours(24 * 7);
/// How long an invitation is good at least and at most.
const LIVES: std::ops::RangeInclusive<Duration> =
    Duration::from_mins(1)..=Duration::from_hours(24 * 90);
/// Behind every invitation's id.
const LATEST: &str = "g";

/// An invitation to be.
#[derive(Clone, Debug)]
pub struct Invite {
    /// The one identifier it is for, if that is fixed.
    pub identifier: Option<Identifier>,
    /// What the user may do who registers with it.
    pub roles: Vec<String>,
    /// How long it is good.
    pub life: Duration,
}

/// What an invitation is found by: the SHA-256 of its token, as for API keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenHash(String);

impl TokenHash {
    /// The hash of what somebody presents.
    pub fn of(token: &str) -> Self {
        Self(digest_of(token))
    }
}

impl App {
    /// Makes an invitation. Its token is given here, once, and stored nowhere.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a life that is too short or too long; [`Error::IdentifierTaken`] where
    /// somebody is registered with the identifier.
    pub async fn invite(
        &self,
        caller: &Caller,
        Invite { identifier, roles, life }: Invite,
    ) -> Result<(Invitation, SecretString)> {
        if !LIVES.contains(&life) {
            let message = "an invitation is good for a minute to 90 days".into();
            return Err(Error::Invalid { field: "expires_in", reason: "range", message });
        }
        self.refuse_taken(identifier.as_slice()).await?;
        let token: SecretString = URL_SAFE_NO_PAD.encode(self.entropy.bytes::<32>()).into();
        let TokenHash(token_hash) = TokenHash::of(token.expose_secret());
        let invitation = Invitation {
            id: self.entropy.uuid(caller.now).to_string(),
            token_hash,
            invited: identifier.map(|Identifier { kind, value, key }| Invited {
                kind: kind.as_str().to_owned(),
                value,
                normalised: key,
            }),
            roles,
            created_at: caller.now,
            created_by: caller.actor.as_ref().map(ToString::to_string),
            expires_at: caller.now.plus(life),
            used: None,
            revoked_at: None,
        };
        let job = (caller.clone(), invitation);
        let made = self.write_as("invite", (caller, &[]), job, |tx, app, job| {
            async move {
                let (caller, invitation) = &*job;
                invitation::insert(tx, invitation).await?;
                let record = Record::of("invitation_created").about(&invitation.id);
                app.record(tx, caller, record).await?;
                Ok(invitation.clone())
            }
            .boxed()
        });
        Ok((made.await?, token))
    }

    /// A part of the invitations, the latest first; those that are over too, until 30 days after they
    /// would have expired.
    pub async fn invitations(&self, page: &Page) -> Result<Part<Invitation>> {
        let before = page.after(|id| Some(id.to_owned()))?;
        let before = before.as_deref().unwrap_or(LATEST);
        let invitations = invitation::list_before(&self.db, before, page.reach()).await?;
        Ok(page.cut(invitations, |last| last.id.clone()))
    }

    /// Withdraws an invitation; false where it was used or withdrawn before.
    pub async fn revoke_invitation(&self, caller: &Caller, id: &str) -> Result<bool> {
        let job = (caller.clone(), id.to_owned());
        self.write_as("revoke_invitation", (caller, &[]), job, |tx, app, job| {
            async move {
                let (caller, id) = &*job;
                let revoked = invitation::revoke(tx, id, caller.now).await?;
                if revoked {
                    let record = Record::of("invitation_revoked").about(id);
                    app.record(tx, caller, record).await?;
                } else if invitation::find_by_id_in(tx, id).await?.is_none() {
                    return Err(Error::NotFound("invitation"));
                }
                Ok(revoked)
            }
            .boxed()
        })
        .await
    }

    /// The invitation of this token, where it is open and is for one of these identifiers. Asked
    /// before a password is hashed; [`consume`] decides.
    pub(super) async fn invitation(
        &self,
        caller: &Caller,
        token: &TokenHash,
        identifiers: &[Identifier],
    ) -> Result<Invitation> {
        let found = invitation::find(&self.db, &token.0).await?;
        let found = found.ok_or(Uninvited::Unknown)?;
        refuse_over(&found, caller)?;
        if let Some(Invited { normalised, .. }) = &found.invited
            && !identifiers.iter().any(|identifier| identifier.key == *normalised)
        {
            return Err(Uninvited::Identifier.into());
        }
        Ok(found)
    }
}

/// Uses up an invitation for the user with this id, in the change that makes the user: of two that
/// race with one token, one succeeds. One that an admin made is as good as withdrawn while they are
/// no admin.
pub(super) async fn consume(
    tx: &mut Tx<'_>,
    caller: &Caller,
    TokenHash(token): &TokenHash,
    user_id: &str,
) -> Result<()> {
    let consumed = invitation::consume(tx, token, user_id, caller.now).await?;
    let found = invitation::find_in(tx, token).await?.ok_or(Uninvited::Unknown)?;
    if !consumed {
        refuse_over(&found, caller)?;
        return Err(Error::Conflict);
    }
    match found.created_by.as_deref() {
        Some(maker) if maker != COMMAND && !admin::hold(tx, maker).await? => {
            Err(Uninvited::Revoked.into())
        }
        _ => Ok(()),
    }
}

fn refuse_over(invitation: &Invitation, caller: &Caller) -> Result<(), Uninvited> {
    match invitation.state(caller.now) {
        State::Open => Ok(()),
        State::Used => Err(Uninvited::Used),
        State::Revoked => Err(Uninvited::Revoked),
        State::Expired => Err(Uninvited::Expired),
    }
}
