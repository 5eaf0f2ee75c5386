//! What somebody gets who guesses passwords through many connections at three nodes: the figures of
//! docs/security.md, which `scripts/guessing` prints for a whole day.
//!
//! Nobody waits here. Where an answer says how long to stay away, the counts in the database are made
//! older by as much.

use std::time::Duration;

use countersign::Clock;
use countersign_server::db::{Db, DbError, DbOptions, Kind};
use countersign_server::{params, sql};
use futures::FutureExt as _;
use futures::future::join_all;
use reqwest::Method;
use reqwest::header::RETRY_AFTER;
use serde_json::json;

use crate::database::TestDatabase;
use crate::nodes::Cluster;
use crate::program::PASSWORD;

sql! {
    AGE = "UPDATE failures SET last_at = last_at - ?";
}

/// How many guesses come at once in the first rounds, and in the others.
const BURST: (usize, usize) = (300, 30);
const LARGE_ROUNDS: usize = 10;

/// What is guessed, and from where.
#[derive(Clone, Copy)]
enum Guesses {
    AccountFromOneAddress,
    AccountFromManyAddresses,
    NamesFromOneAddress,
}

impl Guesses {
    fn name(self) -> &'static str {
        match self {
            Self::AccountFromOneAddress => "one account, one address",
            Self::AccountFromManyAddresses => "one account, an address for each connection",
            Self::NamesFromOneAddress => "many names, one address",
        }
    }

    /// The guess of this number: an identifier, and an address.
    fn guess(self, number: usize) -> (String, String) {
        let address = format!("203.0.{}.{}", number / 250 % 250, number % 250);
        match self {
            Self::AccountFromOneAddress => ("victim".to_owned(), "203.0.113.1".to_owned()),
            Self::AccountFromManyAddresses => ("victim".to_owned(), address),
            Self::NamesFromOneAddress => (format!("name{number}"), "203.0.113.1".to_owned()),
        }
    }

    /// How many guesses are free, and the longest delay after one, in seconds.
    fn table(self) -> (usize, u64) {
        match self {
            Self::NamesFromOneAddress => (19, 60),
            _ => (4, 15 * 60),
        }
    }

    /// How many passwords may be hashed in so much time, by the table of docs/security.md.
    fn allowed(self, time: Duration) -> usize {
        let (free, longest) = self.table();
        let (mut hashed, mut at, mut delay) = (free + 1, 1, 1);
        while at <= time.as_secs() {
            hashed += 1;
            delay = (delay * 2).min(longest);
            at += delay;
        }
        hashed
    }
}

/// What came of guessing.
#[derive(Default)]
struct Gained {
    sent: usize,
    at_first: usize,
    hashed: usize,
    time: Duration,
}

/// Somebody who guesses as soon as they may.
struct Guesser<'a> {
    cluster: &'a Cluster,
    db: Db,
    guesses: Guesses,
}

impl Guesser<'_> {
    /// Guesses for so long, as the counts see it.
    async fn guess_for(&self, time: Duration) -> Gained {
        let clock = Clock::system();
        let (start, mut aged) = (clock.monotonic(), Duration::ZERO);
        let mut gained = Gained::default();
        for round in 0.. {
            let burst = if round < LARGE_ROUNDS { BURST.0 } else { BURST.1 };
            let (hashed, retry_after) = self.burst(gained.sent, burst).await;
            assert!(hashed > 0, "one is looked at whenever the delay is over");
            gained.sent += burst;
            gained.hashed += hashed;
            gained.time = clock.monotonic().saturating_sub(start) + aged;
            let allowed = self.guesses.allowed(gained.time);
            assert!(gained.hashed <= allowed, "{} of {allowed} in round {round}", gained.hashed);
            if round == 0 {
                gained.at_first = hashed;
            }
            if gained.time + retry_after > time {
                return gained;
            }
            self.age(retry_after).await;
            aged += retry_after;
        }
        gained
    }

    /// Guesses all at once; how many were hashed, and how long the others were told to stay away.
    async fn burst(&self, from: usize, burst: usize) -> (usize, Duration) {
        let nodes = &self.cluster.nodes;
        let guesses = (from..from + burst).map(async |number| {
            let (name, address) = self.guesses.guess(number);
            let body = json!({ "identifier": format!("{name}@example.org"), "password": "wrong" });
            let request = nodes[number % nodes.len()].request(Method::POST, "/v1/login");
            let request = request.header("x-forwarded-for", address).json(&body);
            let answer = request.send().await.expect("the server answers");
            match answer.status().as_u16() {
                401 => None,
                429 | 503 => {
                    let seconds = answer.headers()[RETRY_AFTER].to_str().expect("a text");
                    Some(Duration::from_secs(seconds.parse().expect("a number")))
                }
                status => panic!("{status}"),
            }
        });
        let answers = join_all(guesses).await;
        let hashed = answers.iter().filter(|answer| answer.is_none()).count();
        let longest = answers.into_iter().flatten().max();
        (hashed, longest.expect("most are told to stay away"))
    }

    async fn age(&self, by: Duration) {
        let aged = self.db.write("age", move |tx| {
            async move { tx.execute(AGE, &params![by]).await.map(drop) }.boxed()
        });
        let aged: Result<(), DbError> = aged.await;
        aged.expect("the database answers");
    }
}

/// How many minutes are guessed for: 20 unless `COUNTERSIGN_TEST_GUESSING_MINUTES` says otherwise.
fn time() -> Duration {
    let wanted = std::env::var("COUNTERSIGN_TEST_GUESSING_MINUTES");
    let minutes = wanted.map_or(20, |minutes| minutes.parse().expect("a number of minutes"));
    Duration::from_mins(minutes)
}

async fn guessers_get_what_the_table_says(kind: Kind) {
    for guesses in [
        Guesses::AccountFromOneAddress,
        Guesses::AccountFromManyAddresses,
        Guesses::NamesFromOneAddress,
    ] {
        let Some(database) = TestDatabase::on_database(kind).await else { return };
        let limits = [("COUNTERSIGN_LIMITS__ENABLED", "true")];
        let cluster = Cluster::with(&database.url, &limits).await;
        let db = Db::connect(DbOptions::new(database.url.clone())).await;
        let db = db.expect("the database answers");
        cluster.api.register("victim").await;
        let guesser = Guesser { cluster: &cluster, db, guesses };
        let gained = guesser.guess_for(time()).await;
        println!(
            "| {kind:?} | {} | {} | {} | {} minutes: {} |",
            guesses.name(),
            gained.sent,
            gained.at_first,
            gained.time.as_secs() / 60,
            gained.hashed,
        );
        cluster.api.log_in("victim").await;
        guesser.age(Duration::from_mins(15)).await;
        let body = json!({ "identifier": "victim@example.org", "password": PASSWORD });
        let request = cluster.nodes[0].request(Method::POST, "/v1/login").json(&body);
        let elsewhere = request.header("x-forwarded-for", "198.51.100.1").send().await;
        assert_eq!(elsewhere.expect("the server answers").status(), 200, "nothing is locked");
        guesser.db.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guessers_get_what_the_table_says_on_postgres() {
    guessers_get_what_the_table_says(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessers_get_what_the_table_says_on_mysql() {
    guessers_get_what_the_table_says(Kind::MySql).await;
}
