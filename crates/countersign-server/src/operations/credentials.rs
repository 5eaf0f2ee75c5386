//! Proving who one is with a password.

use super::Caller;
use crate::app::App;
use crate::error::{Error, Result};
use crate::password::{Password, Verdict, WorkClass};
use crate::tables::password::{self, CLIENT_SHA256, PLAIN, StoredPassword};
use crate::tables::user::User;

/// How a client presents a password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presented {
    /// As it was typed.
    #[default]
    Typed,
    /// As the SHA-256 of what was typed, in lower-case hexadecimal.
    ClientSha256,
}

/// A password that was right.
pub struct Proof {
    tried: Tried,
    upgrade: bool,
    /// Whether the password must be changed before anybody logs in with it.
    pub expired: bool,
    /// The password as it was typed, where it is known to be the user's to the last octet and
    /// there is no [`CLIENT_SHA256`] of it.
    typed: Option<Password>,
}

/// Hashes to write in the change that a right password leads to.
#[derive(Default)]
pub struct Renewal {
    /// The form, the hash that was there, and the one to put in its place.
    pub upgrade: Option<(&'static str, String, String)>,
    /// The hash of the form [`CLIENT_SHA256`], which the user lacks.
    pub client_sha256: Option<String>,
}

/// What is hashed, and the stored hash to compare it with.
struct Tried {
    form: &'static str,
    password: Password,
    hash: Option<String>,
}

impl Tried {
    /// Who has only the form that clients hash for can be proved with what was typed, since the
    /// server can hash as such a client does; the other way round there is nothing to compare with.
    fn of(presented: Presented, password: Password, stored: &[StoredPassword]) -> Self {
        let hash = |form: &str| find(stored, form).map(|stored| stored.hash.clone());
        match (presented, hash(PLAIN), hash(CLIENT_SHA256)) {
            (Presented::ClientSha256, _, hash) => Self { form: CLIENT_SHA256, password, hash },
            (Presented::Typed, None, Some(hash)) => {
                let password = password.client_sha256();
                Self { form: CLIENT_SHA256, password, hash: Some(hash) }
            }
            (Presented::Typed, hash, _) => Self { form: PLAIN, password, hash },
        }
    }

    /// Why it was wrong for a user who exists.
    fn reason(&self, stored: &[StoredPassword]) -> &'static str {
        if self.form == CLIENT_SHA256 && self.hash.is_none() && find(stored, PLAIN).is_some() {
            "needs_client_sha256"
        } else {
            "wrong_password"
        }
    }
}

fn find<'a>(stored: &'a [StoredPassword], form: &str) -> Option<&'a StoredPassword> {
    stored.iter().find(|stored| stored.form == form)
}

/// The class of the hash that a proof takes. Accounts that have logged in before have room in the
/// queue that a flood of other names cannot take.
fn class_of(user: Option<&User>) -> WorkClass {
    match user {
        Some(user) if user.last_login_at.is_some() => WorkClass::KnownAccount,
        _ => WorkClass::OtherAccount,
    }
}

impl App {
    /// Refuses an attempt that the hash lane has no room for, before anything is looked up.
    pub(super) async fn check_room(&self, caller: &Caller) -> Result<()> {
        let classes = [WorkClass::KnownAccount, WorkClass::OtherAccount];
        let room = self.lane.check_room(&classes, caller.lane_address());
        self.pace_refusals(room.map_err(Error::from)).await
    }

    /// Checks the password of a user who may not exist; refuses all that is wrong after the same
    /// work. `account` is what attempts are counted under where nobody has it.
    pub(super) async fn prove(
        &self,
        caller: &Caller,
        kind: &'static str,
        whose: (&str, Option<&User>),
        presented: (Presented, Password),
    ) -> Result<Proof> {
        let proved = self.prove_now(caller, kind, whose, presented).await;
        self.pace_refusals(proved).await
    }

    async fn prove_now(
        &self,
        caller: &Caller,
        kind: &'static str,
        (account, user): (&str, Option<&User>),
        (presented, password): (Presented, Password),
    ) -> Result<Proof> {
        let attempt = self.reserve_attempt(caller, (account, user)).await?;
        let stored = match user {
            Some(user) => password::of_user(&self.db, &user.id).await?,
            None => Vec::new(),
        };
        let tried = Tried::of(presented, password.clone(), &stored);
        let (sent, hash) = (tried.password.clone(), tried.hash.clone());
        // Not before the attempt is counted: a place is not kept while others could use it.
        let verdict = match self.lane.enter(class_of(user), caller.lane_address()) {
            Ok(place) => place.verify(sent, hash).await,
            Err(overloaded) => Err(overloaded),
        };
        let verdict = match verdict {
            Ok(verdict) => verdict,
            Err(overloaded) => {
                self.attempt_given_up(attempt).await?;
                return Err(overloaded.into());
            }
        };
        let reason = match (verdict, user) {
            (Verdict::Right { upgrade, whole }, Some(user)) if user.is_active() => {
                let lacks = presented == Presented::Typed && find(&stored, CLIENT_SHA256).is_none();
                let typed = (whole && lacks).then_some(password);
                let expired = stored.iter().any(|stored| stored.expired_at.is_some());
                self.attempt_succeeded(attempt).await?;
                return Ok(Proof { tried, upgrade, expired, typed });
            }
            (Verdict::Right { .. }, _) => "disabled",
            (Verdict::Wrong, None) => "unknown_user",
            (Verdict::Wrong, Some(_)) => tried.reason(&stored),
        };
        let user_id = user.map(|user| user.id.clone());
        self.attempt_failed(caller, attempt, (kind, reason), user_id).await?;
        Err(Error::invalid_credentials(user))
    }

    /// Hashes anew what is not stored as it would be today.
    pub(super) async fn renew(&self, caller: &Caller, proof: &Proof) -> Result<Renewal> {
        let mut renewal = Renewal::default();
        let Proof { tried: Tried { form, password, hash }, upgrade, typed, .. } = proof;
        if let Some(old) = hash.clone().filter(|_| *upgrade) {
            let new = self.lane.hash(password.clone(), caller.lane_address()).await?;
            renewal.upgrade = Some((*form, old, new));
        }
        if let Some(typed) = typed.as_ref().filter(|_| self.wants_client_sha256) {
            let hash = self.lane.hash(typed.client_sha256(), caller.lane_address()).await?;
            renewal.client_sha256 = Some(hash);
        }
        Ok(renewal)
    }
}
