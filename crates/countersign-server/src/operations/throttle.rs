//! Failed attempts slow down the next ones: by account, whether or not it exists, and by address.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Caller, record::Record};
use crate::app::App;
use crate::clock::Time;
use crate::db::{DbError, Tx};
use crate::error::{Error, Result};
use crate::network;
use crate::tables::failure::{self, Counting};

/// From so many failures in a row on, an account's password is refused even when right, until a
/// reset or `countersign user unlock` (NIST SP 800-63B-4, section 3.2.2).
pub const LOCKED: i64 = 100;
/// One event a minute for each account or address.
const QUIET: Duration = Duration::from_mins(1);
/// An address that has not failed for so long begins anew. An account does only by success.
const ADDRESS_MEMORY: Duration = Duration::from_mins(15);
/// How long a locked account's clients are told to stay away.
const LOCKED_RETRY: Duration = Duration::from_hours(24);

/// How failures slow down what comes next.
#[derive(Clone, Copy)]
struct Slowing {
    /// So many failures cost nothing.
    free: i64,
    /// The first delay is a second, each next one twice as long, up to this.
    longest: Duration,
}

/// People mistype; a hundred tries from the fifth on take more than a day.
const ACCOUNT: Slowing = Slowing { free: 4, longest: Duration::from_secs(1024) };
/// Many people share an address.
const ADDRESS: Slowing = Slowing { free: 19, longest: Duration::from_mins(1) };

impl Slowing {
    fn delay(self, failures: i64) -> Duration {
        let beyond = failures - self.free;
        if beyond <= 0 {
            return Duration::ZERO;
        }
        let doublings = u32::try_from(beyond - 1).unwrap_or(u32::MAX).min(30);
        Duration::from_secs(1 << doublings).min(self.longest)
    }
}

/// What an attempt is counted under. Neither the identifier nor the address can be read from it.
#[derive(Clone, Debug)]
pub struct Attempt {
    account: String,
    address: Option<String>,
}

#[derive(Clone)]
struct Failed {
    caller: Caller,
    attempt: Attempt,
    kind: &'static str,
    reason: &'static str,
    user_id: Option<String>,
    in_redis: InRedis,
}

/// Whether Redis has counted a failure for the address.
#[derive(Clone, Copy)]
enum InRedis {
    /// It has, and an event is due for so many.
    Counted(Option<i64>),
    /// It must be counted in the database.
    No,
}

/// An address is never locked, and so never kept by a purge; nor is a refusal.
fn of_address(now: Time) -> Counting {
    let (restart, quiet) = (now.minus(ADDRESS_MEMORY), now.minus(QUIET));
    Counting { restart, quiet, most: LOCKED - 1 }
}

fn count<'t>(tx: &'t mut Tx<'_>, app: App, failed: Arc<Failed>) -> BoxFuture<'t, Result<()>> {
    async move {
        let Failed { caller, attempt, .. } = &*failed;
        let now = caller.now;
        let account = Counting { restart: Time(0), quiet: now.minus(QUIET), most: LOCKED };
        let mut due = failure::count(tx, &attempt.account, now, account).await?;
        due = match (&attempt.address, failed.in_redis) {
            (_, InRedis::Counted(by_address)) => due.or(by_address),
            (Some(address), InRedis::No) => {
                due.or(failure::count(tx, address, now, of_address(now)).await?)
            }
            (None, InRedis::No) => due,
        };
        let Some(occurrences) = due else { return Ok(()) };
        let mut record = Record::refused(failed.kind, failed.reason).times(occurrences);
        if let Some(user_id) = &failed.user_id {
            record = record.user(user_id);
        }
        Ok(app.record(tx, caller, record).await?)
    }
    .boxed()
}

#[derive(Clone)]
struct Refused {
    caller: Caller,
    account: String,
    kind: &'static str,
    reason: &'static str,
    user_id: String,
}

fn count_refused<'t>(
    tx: &'t mut Tx<'_>,
    app: App,
    refused: Arc<Refused>,
) -> BoxFuture<'t, Result<()>> {
    async move {
        let Refused { caller, account, kind, reason, user_id } = &*refused;
        let counting = of_address(caller.now);
        let Some(times) = failure::count(tx, account, caller.now, counting).await? else {
            return Ok(());
        };
        let record = Record::refused(kind, reason).user(user_id).times(times);
        Ok(app.record(tx, caller, record).await?)
    }
    .boxed()
}

impl Attempt {
    /// What the account is counted under.
    pub(super) fn account(&self) -> &str {
        &self.account
    }
}

impl App {
    /// The attempt on the account with this key from the caller's address.
    pub fn attempt(&self, account: &str, caller: &Caller) -> Attempt {
        let address =
            caller.address.map(|address| self.digest("address", &network::of(address).to_string()));
        Attempt { account: self.digest("account", account), address }
    }

    fn digest(&self, kind: &str, subject: &str) -> String {
        let mut context = hmac::Context::with_key(&self.failure_key);
        context.update(kind.as_bytes());
        context.update(b":");
        context.update(subject.as_bytes());
        URL_SAFE_NO_PAD.encode(context.sign())
    }

    /// Refuses an attempt that comes too soon after failures, before anything is hashed.
    pub async fn throttle(&self, attempt: &Attempt, now: Time) -> Result<()> {
        if !self.config.limits.enabled {
            return Ok(());
        }
        if let Some(failures) = failure::find(&self.db, &attempt.account).await? {
            if failures.failures >= LOCKED {
                return Err(Error::TooManyAttempts { retry_after: LOCKED_RETRY });
            }
            wait(ACCOUNT, (failures.failures, failures.last_at), now)?;
        }
        let Some(address) = &attempt.address else { return Ok(()) };
        // Those that the database counted while Redis was away count beside those in Redis.
        let counted = failure::find(&self.db, address).await?;
        let counted = counted.map(|failures| (failures.failures, failures.last_at));
        for failures in counted.into_iter().chain(self.failures_in_redis(address, now).await) {
            if now.since(failures.1) < ADDRESS_MEMORY {
                wait(ADDRESS, failures, now)?;
            }
        }
        Ok(())
    }

    /// What Redis knows of the address, if it is there. A time that lies ahead of every clock is
    /// none that a node wrote.
    async fn failures_in_redis(&self, address: &str, now: Time) -> Option<(i64, Time)> {
        let failures = self.redis.as_ref()?.failures(address).await.ok()??;
        (failures.1 < now.plus(QUIET)).then_some(failures)
    }

    async fn count_in_redis(&self, attempt: &Attempt, now: Time) -> InRedis {
        let (Some(redis), Some(address)) = (&self.redis, &attempt.address) else {
            return InRedis::No;
        };
        let counted = redis.count_failure(address, now, of_address(now), ADDRESS_MEMORY).await;
        counted.map_or(InRedis::No, InRedis::Counted)
    }

    /// Counts a failed attempt, in a change of its own: nothing that fails later takes it back.
    pub async fn count_failure(
        &self,
        caller: &Caller,
        attempt: Attempt,
        (kind, reason): (&'static str, &'static str),
        user_id: Option<String>,
    ) -> Result<()> {
        let in_redis = self.count_in_redis(&attempt, caller.now).await;
        let job = Failed { caller: caller.clone(), attempt, kind, reason, user_id, in_redis };
        let counted = self.write("count_failure", job.clone(), count).await;
        match counted {
            // Two first failures at once: the other one made the row.
            Err(Error::Db(error)) if error.is_unique() => {
                self.write("count_failure", job, count).await
            }
            counted => counted,
        }
    }

    /// Counts what a user was refused who had proved to be that. It slows nothing down; it is an
    /// event, at most once a minute, with the count.
    pub async fn count_refusal(
        &self,
        caller: &Caller,
        (kind, reason): (&'static str, &'static str),
        user_id: &str,
    ) -> Result<()> {
        let account = self.digest(kind, user_id);
        let refused =
            Refused { caller: caller.clone(), account, kind, reason, user_id: user_id.into() };
        match self.write("count_refusal", refused.clone(), count_refused).await {
            Err(Error::Db(error)) if error.is_unique() => {
                self.write("count_refusal", refused, count_refused).await
            }
            counted => counted,
        }
    }

    /// Forgets an account's failures, in the change that success makes.
    pub async fn forget_failures(
        &self,
        tx: &mut Tx<'_>,
        attempt: &Attempt,
    ) -> Result<bool, DbError> {
        failure::delete(tx, &attempt.account).await
    }
}

fn wait(slowing: Slowing, (failures, last_at): (i64, Time), now: Time) -> Result<()> {
    let delay = slowing.delay(failures);
    let passed = now.since(last_at);
    match delay.checked_sub(passed) {
        None | Some(Duration::ZERO) => Ok(()),
        Some(retry_after) => Err(Error::TooManyAttempts { retry_after }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_failure_costs_a_second_and_a_hundred_take_more_than_a_day() {
        let delays: Vec<u64> = (0..=8).map(|n| ACCOUNT.delay(n).as_secs()).collect();
        assert_eq!(delays, [0, 0, 0, 0, 0, 1, 2, 4, 8]);
        let total: Duration = (0..LOCKED).map(|failures| ACCOUNT.delay(failures)).sum();
        assert!(total > Duration::from_hours(24), "{total:?}");
    }
}
