//! Tokens that an older system gave its users, for a while after they came along.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::EndReason;
use futures::FutureExt as _;

use super::{Caller, record::Record};
use crate::app::App;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::{Refusal, Result};
use crate::tables::import::{self, Import};
use crate::tables::revocation::{self, Revocation, Subject};
use crate::tables::user::{self, User};

/// The longest `jti` that a token is remembered by as it is.
const JTI_LENGTH: usize = 64;

/// Whose token it is, as the older system said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// By the user's number.
    Number(i64),
    /// By the user's public id.
    Id(String),
    /// By an identifier.
    Identifier(String),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Id(text) | Self::Identifier(text) => f.write_str(text),
        }
    }
}

/// A token of an older system whose signature and times are good.
#[derive(Clone, Debug)]
pub struct LegacyToken<'a> {
    /// The dialect that the older system speaks.
    pub source: &'a str,
    /// Whose it is.
    pub owner: Owner,
    /// The login it belongs to, in Unix seconds, where it must be the user's last.
    pub stamp: Option<i64>,
    /// What it is remembered by, see [`token_id`].
    pub id: String,
}

/// What an older system's token is remembered by when it is revoked: its `jti` where that is plain
/// and not long, else a hash of the whole token. Never what a token of ours is remembered by.
pub fn token_id(jti: Option<&str>, token: &str) -> String {
    let is_plain = |jti: &&str| {
        (1..=JTI_LENGTH).contains(&jti.len())
            && jti.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet))
    };
    if let Some(jti) = jti.filter(is_plain) {
        return format!("legacy:{jti}");
    }
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    format!("legacy:sha256:{}", URL_SAFE_NO_PAD.encode(hash))
}

impl App {
    /// The user whose token it is, if it may still be used: the user came along from that system,
    /// is active, and had nothing ended here since, and the token was not revoked there or here.
    pub async fn admit_legacy(&self, token: &LegacyToken<'_>) -> Result<User, Refusal> {
        let (user, import) = self.find_imported(token).await?;
        if import.source != token.source {
            return Err(Refusal::Ended(EndReason::Deleted));
        }
        if !user.is_active() {
            return Err(Refusal::Ended(EndReason::Disabled));
        }
        if let Some(reason) = self.node.revocations().check(None, None, Some(&token.id)) {
            return Err(Refusal::Ended(reason));
        }
        // Whatever ends all of a user's sessions ends these too, and whoever knew an old password
        // may hold them.
        if user.epoch != 0 {
            return Err(Refusal::Ended(EndReason::LogoutAll));
        }
        if token.stamp.is_some() {
            check_login(token.stamp, import.login_stamp)?;
        }
        if self.node.is_fresh() { Ok(user) } else { Err(Refusal::OutOfTouch) }
    }

    async fn find_imported(&self, token: &LegacyToken<'_>) -> Result<(User, Import), Refusal> {
        let gone = Refusal::Ended(EndReason::Deleted);
        let user = match &token.owner {
            Owner::Number(number) => user::find_by_number(&self.db, *number).await,
            Owner::Id(id) => user::find(&self.db, id).await,
            Owner::Identifier(text) => {
                self.find_by_text(text).await.map(|found| found.and_then(|(_, user)| user))
            }
        };
        let user = user.map_err(|error| out_of_touch(&error))?.ok_or_else(|| gone.clone())?;
        let import =
            import::find(&self.db, &user.id).await.map_err(|error| out_of_touch(&error))?;
        Ok((user, import.ok_or(gone)?))
    }

    /// Revokes one token of an older system, which is over at `expires_at` anyway.
    pub async fn log_out_legacy(
        &self,
        caller: &Caller,
        user_id: &str,
        (token_id, expires_at): (&str, Time),
    ) -> Result<()> {
        let job = (caller.clone(), user_id.to_owned(), token_id.to_owned(), expires_at);
        self.write_as("log_out_legacy", (caller, &[user_id]), job, |tx, app, job| {
            async move {
                let (caller, user_id, token_id, expires_at) = &*job;
                app.revoke_legacy(tx, caller, user_id, (token_id, *expires_at)).await
            }
            .boxed()
        })
        .await?;
        self.copied(user_id).await;
        Ok(())
    }

    /// As [`App::log_out_legacy`], inside a change.
    pub(super) async fn revoke_legacy(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        user_id: &str,
        (token_id, expires_at): (&str, Time),
    ) -> Result<()> {
        let usual = revocation::until(tx, caller.now, self.config.tokens.leeway).await?;
        let revocation = Revocation {
            subject: Subject::Token(token_id.to_owned()),
            reason: EndReason::Logout,
            until: usual.max(expires_at),
        };
        self.announce(tx, revocation).await?;
        self.mark_copies(tx, user_id, caller.now).await?;
        self.note_action(tx, caller, user_id).await?;
        let record = Record::of("logout").because(EndReason::Logout.as_str());
        Ok(self.record(tx, caller, record.user(user_id)).await?)
    }
}

/// A token is of the last login, unless that is over or a later one has taken its place.
fn check_login(stamp: Option<i64>, last: Option<i64>) -> Result<(), Refusal> {
    match last {
        Some(import::LOGGED_OUT) => Err(Refusal::Ended(EndReason::Logout)),
        last if last != stamp => Err(Refusal::Ended(EndReason::Limit)),
        _ => Ok(()),
    }
}

/// Who cannot read whose token it is cannot say yes.
fn out_of_touch(error: &crate::db::DbError) -> Refusal {
    tracing::error!(%error, "cannot look for the user of an older system's token");
    Refusal::OutOfTouch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_remembered_by_its_jti_only_where_that_is_plain_and_short() {
        let jti = "0d9f6a3c-8f5e-4b43-9f6e-2a1d9c1b2e3f";
        assert_eq!(token_id(Some(jti), "a.b.c"), format!("legacy:{jti}"));
        let hashed = token_id(None, "a.b.c");
        assert!(hashed.starts_with("legacy:sha256:") && hashed.len() == 57, "{hashed}");
        for odd in ["", "a b", "session:x", &"x".repeat(65)] {
            assert_eq!(token_id(Some(odd), "a.b.c"), hashed, "{odd:?}");
        }
        assert_ne!(token_id(None, "a.b.d"), hashed);
    }
}
