//! Memory under a mixed load that goes on: `scripts/soak MINUTES`.
//!
//! Each second about 160 refreshes, 160 checks of the new tokens, 20 logins and 20 logouts. Whatever
//! the server remembers of tokens, sessions and revocations has a bound, so memory stops growing once
//! the caches are full.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::memory::{MIB, Memory};
use crate::program::{Api, Place};

const REFRESHING: usize = 4;
const REFRESH_EVERY: Duration = Duration::from_millis(25);
const LOGGING_IN: usize = 2;
const LOG_IN_EVERY: Duration = Duration::from_millis(100);
/// Tokens that are checked before the first measurement: more than the server remembers.
const WARM_UP: usize = 12_000;

/// How long the load goes on after the warm-up.
fn span() -> Duration {
    let minutes = std::env::var("COUNTERSIGN_SOAK_MINUTES");
    let minutes = minutes.map(|text| text.parse().expect("a number of minutes"));
    Duration::from_mins(minutes.unwrap_or(2))
}

/// Refreshes and checks the new token, again and again, at most so often.
async fn refresh(api: Api, name: String, pause: Duration, stop: CancellationToken) {
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut session = api.register(&name).await;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        session = api.refresh(&session).await;
        assert_eq!(api.me(&session).await.0, 200);
    }
}

/// Logs in, checks the token and logs out, again and again.
async fn log_in(api: Api, name: String, stop: CancellationToken) {
    let mut ticks = interval(LOG_IN_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    api.register(&name).await;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let session = api.log_in(&name).await;
        assert_eq!(api.me(&session).await.0, 200);
        api.log_out(&session).await;
    }
}

/// Checks more tokens than the server remembers, and hashes on every lane.
async fn warm_up(api: &Api) {
    let each = WARM_UP / REFRESHING;
    let warming = (0..REFRESHING).map(async |number| {
        let mut session = api.register(&format!("warm-{number}")).await;
        for _ in 0..each {
            session = api.refresh(&session).await;
            assert_eq!(api.me(&session).await.0, 200);
        }
    });
    futures::future::join_all(warming).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mixed_load_that_goes_on_takes_no_more_memory() {
    let place =
        Place::new().set("COUNTERSIGN_PASSWORDS__LANES", "2").set("COUNTERSIGN_LOG", "warn");
    let server = place.serve().await;
    warm_up(&server.api).await;

    let stop = CancellationToken::new();
    let mut load = Vec::new();
    for number in 0..REFRESHING {
        let name = format!("refreshing-{number}");
        let work = refresh(server.api.clone(), name, REFRESH_EVERY, stop.clone());
        load.push(tokio::spawn(work));
    }
    for number in 0..LOGGING_IN {
        let name = format!("logging-in-{number}");
        load.push(tokio::spawn(log_in(server.api.clone(), name, stop.clone())));
    }

    let span = span();
    let pause = (span / 10).min(Duration::from_mins(1));
    sleep(pause).await;
    let (first, mut last) = (Memory::of(&server), Memory::of(&server));
    let mut passed = pause;
    while passed < span {
        println!("{:>5} s  {last}", passed.as_secs());
        sleep(pause).await;
        passed += pause;
        last = Memory::of(&server);
    }
    println!("{:>5} s  {last}", passed.as_secs());
    stop.cancel();
    for work in load {
        work.await.expect("every answer was right");
    }
    let more = last.private.saturating_sub(first.private);
    assert!(more < 8 * MIB, "{} MiB more than at first: {first}; {last}", more / MIB);
    assert!(last.private < 96 * MIB, "{last}");
}
