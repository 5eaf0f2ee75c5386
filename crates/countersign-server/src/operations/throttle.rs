//! Slows down guessing. Each attempt is counted before its password is looked at, by account, whether
//! or not it exists, and by address; what succeeds is taken out of the count again. The counts are
//! the database's, so that they hold however many attempts come at once, on however many nodes.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::turns::Turn;
use super::{Caller, record::Record};
use crate::app::App;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::network;
use crate::tables::failure::{self, Count};
use crate::tables::session;
use crate::tables::user::User;

/// How long counts are kept after the last attempt: all are halved to nothing by then.
pub const KEPT: Duration = Duration::from_hours(4);
/// One event a minute for each account or address.
const QUIET: Duration = Duration::from_mins(1);
/// For so long after a login a network is one of the user's own.
const OWN_NETWORK: Duration = Duration::from_hours(24 * 90);
/// An attempt that lies further ahead was counted by a clock that was wrong: it delays nothing.
const AHEAD: Duration = Duration::from_mins(1);
/// How often an attempt is counted anew where another made or removed the row meanwhile.
const TRIES: usize = 16;
/// When to come back where too many attempts wait for their turn.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How failures slow down what comes next.
#[derive(Clone, Copy, Debug)]
struct Slowing {
    /// So many failures cost nothing.
    free: i64,
    /// The first delay is a second, each next one twice as long, up to this.
    longest: Duration,
    /// How long without an attempt halves the count.
    half_life: Duration,
}

/// People mistype. An account is never locked: whatever others do, it can be tried every 15 minutes.
const ACCOUNT: Slowing =
    Slowing { free: 4, longest: Duration::from_mins(15), half_life: Duration::from_hours(1) };
/// Many people share an address.
const ADDRESS: Slowing =
    Slowing { free: 19, longest: Duration::from_mins(1), half_life: Duration::from_mins(15) };

impl Slowing {
    fn delay(self, failures: i64) -> Duration {
        let beyond = failures - self.free;
        if beyond <= 0 {
            return Duration::ZERO;
        }
        let doublings = u32::try_from(beyond - 1).unwrap_or(u32::MAX).min(30);
        Duration::from_secs(1 << doublings).min(self.longest)
    }

    /// The smallest count with the longest delay; none goes beyond.
    fn most(self) -> i64 {
        self.free + 1 + i64::from(self.longest.as_secs().next_power_of_two().ilog2())
    }

    /// What is left of a count.
    fn remembered(self, count: Count, now: Time) -> i64 {
        let halvings = now.since(count.last_at).as_millis() / self.half_life.as_millis();
        count.failures >> u32::try_from(halvings).unwrap_or(u32::MAX).min(62)
    }

    /// The count with one more attempt.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] where it comes too soon.
    fn next(self, count: Option<Count>, now: Time) -> Result<Count> {
        let Some(count) = count else { return Ok(Count { failures: 1, last_at: now }) };
        let failures = self.remembered(count, now);
        let next = (failures + 1).min(self.most());
        if count.last_at > now.plus(AHEAD) {
            return Ok(Count { failures: next, last_at: now });
        }
        match self.delay(failures).checked_sub(now.since(count.last_at)) {
            None | Some(Duration::ZERO) => {
                Ok(Count { failures: next, last_at: now.max(count.last_at) })
            }
            Some(retry_after) => Err(Error::TooManyAttempts { retry_after }),
        }
    }

    /// How many attempts may be under way on a node: as many as may fail before the next must wait.
    fn at_a_time(self) -> usize {
        usize::try_from(self.free + 1).unwrap_or(1)
    }
}

/// What an attempt is counted under, and how that is slowed down.
#[derive(Clone, Debug)]
struct Limit {
    subject: String,
    slowing: Slowing,
}

/// A limit, and the count that was read for it.
#[derive(Clone, Debug)]
struct Read {
    limit: Limit,
    count: Option<Count>,
}

/// An attempt that was counted in one row: the count before it, and with it.
#[derive(Clone, Debug)]
struct Reserved {
    subject: String,
    before: Option<Count>,
    after: Count,
}

/// An attempt on an account, counted as a failure until it is known to be none.
pub(super) struct Attempt {
    /// What its failure is an event of: an account that exists, and the address.
    noted: Vec<String>,
    /// The account's row, then that of the address.
    reserved: Vec<Reserved>,
    _turns: Vec<Turn>,
}

#[derive(Clone)]
struct Failed {
    caller: Caller,
    noted: Vec<String>,
    kind: &'static str,
    reason: &'static str,
    user_id: Option<String>,
}

/// Counts an attempt in each row, or in none. Of several that read the same count one wins; the
/// others read it again.
fn reserve<'t>(
    tx: &'t mut Tx<'_>,
    _app: App,
    job: Arc<(Vec<Read>, Time)>,
) -> BoxFuture<'t, Result<Vec<Reserved>>> {
    async move {
        let (limits, now) = &*job;
        let mut reserved = Vec::with_capacity(limits.len());
        for Read { limit: Limit { subject, slowing }, count } in limits {
            let mut before = *count;
            let after = loop {
                let after = slowing.next(before, *now)?;
                if failure::replace(tx, subject, (before, after)).await? {
                    break after;
                }
                before = failure::find_in(tx, subject).await?;
            };
            reserved.push(Reserved { subject: subject.clone(), before, after });
        }
        Ok(reserved)
    }
    .boxed()
}

/// Forgets the account's count where its password was right, and takes the attempt out of the rest.
fn release<'t>(
    tx: &'t mut Tx<'_>,
    _app: App,
    job: Arc<(Vec<Reserved>, bool)>,
) -> BoxFuture<'t, Result<()>> {
    async move {
        let (reserved, is_right) = &*job;
        for (row, Reserved { subject, before, after }) in reserved.iter().enumerate() {
            if *is_right && row == 0 {
                failure::delete(tx, subject).await?;
            } else {
                failure::give_back(tx, subject, (*before, *after)).await?;
            }
        }
        Ok(())
    }
    .boxed()
}

/// Writes an event of what was refused, unless one was written less than a minute ago.
fn note<'t>(tx: &'t mut Tx<'_>, app: App, failed: Arc<Failed>) -> BoxFuture<'t, Result<()>> {
    async move {
        let Failed { caller, noted, kind, reason, user_id } = &*failed;
        let times = (caller.now, caller.now.minus(QUIET));
        let mut due = None;
        for subject in noted {
            due = due.or(failure::count_refused(tx, subject, times).await?);
        }
        let Some(occurrences) = due else { return Ok(()) };
        let mut record = Record::refused(kind, reason).times(occurrences);
        if let Some(user_id) = user_id {
            record = record.user(user_id);
        }
        Ok(app.record(tx, caller, record).await?)
    }
    .boxed()
}

impl App {
    /// Counts an attempt on the account of this user, or on the one that nobody has and that was
    /// called `name`.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] where it comes too soon after others; [`Error::Overloaded`] where
    /// too many are under way.
    pub(super) async fn reserve_attempt(
        &self,
        caller: &Caller,
        (name, user): (&str, Option<&User>),
    ) -> Result<Attempt> {
        let own = self.own_network(caller, user).await?;
        let account = match user {
            Some(user) => failure::of_user(&user.id, own.as_deref()),
            None => self.digest("account", name),
        };
        let address =
            caller.address.map(|address| self.digest("address", &network::of(address).to_string()));
        let mut limits = vec![Limit { subject: account.clone(), slowing: ACCOUNT }];
        // In a network of the user's own nobody answers for the neighbours.
        let address = address.filter(|_| own.is_none());
        if let Some(address) = address.clone().filter(|_| self.config.limits.enabled) {
            limits.push(Limit { subject: address, slowing: ADDRESS });
        }
        let noted = user.map(|_| account).into_iter().chain(address).collect();
        let turns = self.take_turns(&limits).await?;
        let reserved = self.reserve(limits, caller.now).await?;
        Ok(Attempt { noted, reserved, _turns: turns })
    }

    /// The caller's network, if the user has begun a session in it lately. It is looked for
    /// whether or not there is a user.
    async fn own_network(&self, caller: &Caller, user: Option<&User>) -> Result<Option<String>> {
        let Some(address) = caller.address else { return Ok(None) };
        let network = network::neighborhood(address);
        let user_id = user.map_or("", |user| &user.id);
        let since = caller.now.minus(OWN_NETWORK);
        let is_own = session::has_begun_in(&self.db, user_id, network, since).await?;
        Ok(is_own.then(|| network.to_string()))
    }

    /// The account's turn comes last: who waits for it keeps up only others of the same address.
    async fn take_turns(&self, limits: &[Limit]) -> Result<Vec<Turn>> {
        let mut turns = Vec::with_capacity(limits.len());
        for Limit { subject, slowing } in limits.iter().rev() {
            let turn = self.turns.take(subject, slowing.at_a_time()).await;
            turns.push(turn.ok_or(Error::Overloaded { retry_after: RETRY_AFTER })?);
        }
        Ok(turns)
    }

    async fn reserve(&self, limits: Vec<Limit>, now: Time) -> Result<Vec<Reserved>> {
        if !self.config.limits.enabled {
            return Ok(Vec::new());
        }
        for _ in 0..TRIES {
            let mut read = Vec::with_capacity(limits.len());
            for limit in limits.clone() {
                let count = failure::find(&self.db, &limit.subject).await?;
                // Most of what comes too soon is refused without a transaction.
                limit.slowing.next(count, now)?;
                read.push(Read { limit, count });
            }
            match self.write("reserve_attempt", (read, now), reserve).await {
                Err(Error::Db(error)) if error.is_unique() => {}
                reserved => return reserved,
            }
        }
        Err(Error::Overloaded { retry_after: RETRY_AFTER })
    }

    /// The attempt's password was right: the account's failures are forgotten.
    pub(super) async fn attempt_succeeded(&self, attempt: Attempt) -> Result<()> {
        self.release(attempt, true).await
    }

    /// The attempt's password was not looked at.
    pub(super) async fn attempt_given_up(&self, attempt: Attempt) -> Result<()> {
        self.release(attempt, false).await
    }

    async fn release(&self, attempt: Attempt, is_right: bool) -> Result<()> {
        if attempt.reserved.is_empty() {
            return Ok(());
        }
        self.write("release_attempt", (attempt.reserved.clone(), is_right), release).await
    }

    /// The attempt's password was wrong. It was counted before; here it becomes an event.
    pub(super) async fn attempt_failed(
        &self,
        caller: &Caller,
        attempt: Attempt,
        (kind, reason): (&'static str, &'static str),
        user_id: Option<String>,
    ) -> Result<()> {
        let noted = attempt.noted.clone();
        let failed = Failed { caller: caller.clone(), noted, kind, reason, user_id };
        self.note("count_failure", failed).await
    }

    /// Counts what a user was refused who had proved to be that. It slows nothing down; it is an
    /// event, at most once a minute, with the count.
    pub async fn count_refusal(
        &self,
        caller: &Caller,
        (kind, reason): (&'static str, &'static str),
        user_id: &str,
    ) -> Result<()> {
        let noted = vec![self.digest(kind, user_id)];
        let user_id = Some(user_id.to_owned());
        let refused = Failed { caller: caller.clone(), noted, kind, reason, user_id };
        self.note("count_refusal", refused).await
    }

    async fn note(&self, name: &'static str, failed: Failed) -> Result<()> {
        match self.write(name, failed.clone(), note).await {
            // Two for the first time: the other one made the row.
            Err(Error::Db(error)) if error.is_unique() => self.write(name, failed, note).await,
            noted => noted,
        }
    }

    /// The keyed hash under which a subject is counted.
    pub(super) fn digest(&self, kind: &str, subject: &str) -> String {
        let mut context = hmac::Context::with_key(&self.failure_key);
        context.update(kind.as_bytes());
        context.update(b":");
        context.update(subject.as_bytes());
        URL_SAFE_NO_PAD.encode(context.sign())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const DAY: Duration = Duration::from_hours(24);

    /// The most attempts that can be made in so much time, whatever pauses are made between them: for
    /// each count the earliest moment at which so many attempts can have led to it.
    fn most_attempts(slowing: Slowing, within: Duration) -> usize {
        let mut earliest = BTreeMap::from([(1, Duration::ZERO)]);
        for attempts in 1.. {
            let mut next = BTreeMap::<i64, Duration>::new();
            for (failures, at) in earliest {
                let count = Count { failures, last_at: Time(0) };
                for pause in pauses(slowing, failures).filter(|pause| at + *pause <= within) {
                    let count = slowing.next(Some(count), Time(0).plus(pause));
                    let failures = count.expect("it waited long enough").failures;
                    let best = next.entry(failures).or_insert(at + pause);
                    *best = (*best).min(at + pause);
                }
            }
            if next.is_empty() {
                return attempts;
            }
            earliest = next;
        }
        unreachable!("time passes")
    }

    /// The delay, and each number of half-lives beyond it that makes a difference.
    fn pauses(slowing: Slowing, failures: i64) -> impl Iterator<Item = Duration> {
        let halvings = 0..=i64::BITS - failures.leading_zeros();
        halvings.map(move |times| slowing.delay(failures).max(slowing.half_life * times))
    }

    #[test]
    fn delays_double_from_the_fifth_failure_to_fifteen_minutes() {
        let delays: Vec<u64> = (0..=16).map(|n| ACCOUNT.delay(n).as_secs()).collect();
        let wanted = [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900];
        assert_eq!(delays, wanted);
        assert_eq!((ACCOUNT.most(), ADDRESS.most()), (15, 26));
        assert_eq!(ADDRESS.delay(25).as_secs(), 32);
        assert_eq!(ADDRESS.delay(26).as_secs(), 60);
    }

    #[test]
    fn the_figures_of_the_documentation_hold_whatever_pauses_a_guesser_makes() {
        assert_eq!(most_attempts(ACCOUNT, HOUR), 17);
        assert_eq!(most_attempts(ACCOUNT, DAY), 169);
        assert_eq!(most_attempts(ACCOUNT, 30 * DAY), 4722);
        assert_eq!(most_attempts(ADDRESS, HOUR), 84);
        assert_eq!(most_attempts(ADDRESS, DAY), 1464);
    }

    #[test]
    fn each_half_life_without_an_attempt_halves_the_count_until_nothing_is_left() {
        let count = Count { failures: 15, last_at: Time(0) };
        let hours = |hours| ACCOUNT.remembered(count, Time(0).plus(Duration::from_hours(hours)));
        assert_eq!([0, 1, 2, 3, 4, 1_000_000].map(hours), [15, 7, 3, 1, 0, 0]);
        for slowing in [ACCOUNT, ADDRESS] {
            let count = Count { failures: slowing.most(), last_at: Time(0) };
            assert_eq!(slowing.remembered(count, Time(0).plus(KEPT)), 0);
        }
    }

    #[test]
    fn a_clock_that_was_ahead_locks_nobody_out() {
        let count = |ahead| Some(Count { failures: 15, last_at: Time(0).plus(ahead) });
        assert!(ACCOUNT.next(count(AHEAD), Time(0)).is_err(), "a node's clock differs a little");
        let next = ACCOUNT.next(count(Duration::from_hours(9)), Time(0)).expect("it is let in");
        assert_eq!(next, Count { failures: 15, last_at: Time(0) });
        assert!(ACCOUNT.next(Some(next), Time(0)).is_err());
    }
}
