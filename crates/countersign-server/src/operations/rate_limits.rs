//! Limits by rate: how often something may happen for one network, counted in the database for all
//! nodes together, with one row for each network.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::Caller;
use crate::app::App;
use crate::clock::Time;
use crate::config::Rate;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::network;
use crate::tables::rate_limit::{self, Taking};

/// How many times as much the /64, the /56 and the /48 around an IPv6 address may do.
const MULTIPLES: [u32; 3] = [1, 2, 4];

/// What is limited by rate.
#[derive(Clone, Copy, Debug)]
pub(super) enum RateKind {
    /// Registrations, those that are refused for what they ask included.
    Registrations,
}

impl RateKind {
    /// The key in `[limits]`, which also tells the rows of the kinds apart.
    fn key(self) -> &'static str {
        match self {
            Self::Registrations => "registrations",
        }
    }
}

impl App {
    /// Counts one event of this kind for the caller's network, or refuses it with the time of the
    /// next one. Refusals write nothing.
    pub(super) async fn take_rate(&self, kind: RateKind, caller: &Caller) -> Result<()> {
        let takings = self.takings(kind, caller);
        // Read first, the smallest network before those around it: a flood costs no writes.
        for taking in takings.iter().rev() {
            let until_at = rate_limit::find(&self.db, &taking.subject).await?;
            refuse_early(taking, until_at, caller.now)?;
        }
        if takings.is_empty() {
            return Ok(());
        }
        let job = (takings, caller.now);
        match self.write("take_rate", job.clone(), take).await {
            // Two first events at once: the other one made the row.
            Err(Error::Db(error)) if error.is_unique() => self.write("take_rate", job, take).await,
            taken => taken,
        }
    }

    /// What one event counts for: each network around the caller's address, the largest first, so
    /// that their rows are always locked in one order.
    fn takings(&self, kind: RateKind, caller: &Caller) -> Vec<Taking> {
        let limits = &self.config.limits;
        let rate = match kind {
            RateKind::Registrations => limits.registrations,
        };
        let (true, Some(rate), Some(address)) = (limits.enabled, rate, caller.address) else {
            return Vec::new();
        };
        let networks = network::around(address).into_iter().rev().zip(MULTIPLES);
        let mut takings: Vec<Taking> = networks
            .map(|(network, multiple)| {
                let subject = self.digest(kind.key(), &network.to_string());
                taking(rate, multiple, subject)
            })
            .collect();
        takings.reverse();
        takings
    }
}

fn taking(rate: Rate, multiple: u32, subject: String) -> Taking {
    let interval = (rate.interval() / multiple).as_millis();
    Taking {
        subject,
        interval: i64::try_from(interval).unwrap_or(i64::MAX),
        burst: i64::from(rate.burst) * i64::from(multiple),
    }
}

fn refuse_early(taking: &Taking, until_at: Option<Time>, now: Time) -> Result<()> {
    match until_at.and_then(|until_at| taking.wait(until_at, now)) {
        Some(retry_after) => Err(Error::TooManyRequests { retry_after }),
        None => Ok(()),
    }
}

fn take<'t>(
    tx: &'t mut Tx<'_>,
    _app: App,
    job: Arc<(Vec<Taking>, Time)>,
) -> BoxFuture<'t, Result<()>> {
    async move {
        let (takings, now) = &*job;
        for taking in takings {
            if rate_limit::take(tx, taking, *now).await? {
                continue;
            }
            match rate_limit::find_in(tx, &taking.subject).await? {
                None => rate_limit::insert(tx, taking, *now).await?,
                Some(until_at) => {
                    // Also where it is allowed by now: another event was counted in between.
                    let retry_after = taking.wait(until_at, *now).unwrap_or(Duration::ZERO);
                    return Err(Error::TooManyRequests { retry_after });
                }
            }
        }
        Ok(())
    }
    .boxed()
}
