//! Proving who one is with a password.

use super::{Caller, throttle::Attempt};
use crate::app::App;
use crate::error::{Error, Result};
use crate::password::{Password, Verdict};
use crate::tables::password::{self, PLAIN};
use crate::tables::user::User;

/// A password that was right.
pub struct Proof {
    /// The account whose failures success forgets.
    pub attempt: Attempt,
    /// The hash that was there, and the one to put in its place.
    pub upgrade: Option<(String, String)>,
}

impl App {
    /// Checks the password of a user who may not exist; refuses all that is wrong after the same
    /// work. `account` is what failures are counted under.
    pub(super) async fn prove(
        &self,
        caller: &Caller,
        kind: &'static str,
        (account, user): (&str, Option<&User>),
        password: Password,
    ) -> Result<Proof> {
        let attempt = self.attempt(account, caller);
        let _turn = self.turns.take(attempt.account()).await;
        self.throttle(&attempt, caller.now).await?;
        let stored = match user {
            Some(user) => password::find(&self.db, &user.id, PLAIN).await?,
            None => None,
        };
        let address = caller.lane_address();
        let verdict = self.lane.verify(password.clone(), stored.clone(), address).await?;
        let reason = match (verdict, user) {
            (Verdict::Right { upgrade }, Some(user)) if user.is_active() => {
                let upgrade = match stored.filter(|_| upgrade) {
                    Some(old) => Some((old, self.lane.hash(password, address).await?)),
                    None => None,
                };
                return Ok(Proof { attempt, upgrade });
            }
            (Verdict::Right { .. }, _) => "disabled",
            (Verdict::Wrong, None) => "unknown_user",
            (Verdict::Wrong, Some(_)) => "wrong_password",
        };
        let user_id = user.map(|user| user.id.clone());
        self.count_failure(caller, attempt, (kind, reason), user_id).await?;
        Err(Error::invalid_credentials(user))
    }
}
