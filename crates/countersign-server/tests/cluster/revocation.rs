//! What was ended on one node is over on every other.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign::Clock;
use countersign_server::db::Kind;
use futures::future::join_all;
use reqwest::Method;
use rustix::process::Signal;

use crate::nodes::Cluster;
use crate::program::{Server, Session, answer};
use crate::redis_server::TestRedis;

/// How long after a logout was answered each of the others refused, over `rounds` logouts: the
/// median, and the longest.
async fn delays(cluster: &Cluster, rounds: usize) -> (Duration, Duration) {
    let clock = Clock::system();
    cluster.api.register("alice").await;
    let mut delays = Vec::new();
    for round in 0..rounds {
        let session = cluster.api.log_in("alice").await;
        for node in &cluster.nodes {
            assert_eq!(node.me(&session).await.0, 200);
        }
        let there = &cluster.nodes[round % cluster.nodes.len()];
        there.log_out(&session).await;
        let answered = clock.monotonic();
        let session = &session;
        let refused = cluster.nodes.iter().map(async |node| {
            assert_eq!(node.refused(session).await, "logout");
            clock.monotonic().saturating_sub(answered)
        });
        delays.push(join_all(refused).await.into_iter().max().expect("there are nodes"));
    }
    delays.sort();
    (delays[delays.len() / 2], delays[delays.len() - 1])
}

async fn print_delays(kind: Kind, helper: &str, cluster: &Cluster, rounds: usize) {
    let (median, worst) = delays(cluster, rounds).await;
    println!(
        "{kind:?}, {helper}: of {rounds} logouts on one of three nodes, the others refused \
         after {median:?} (median), {worst:?} (worst)"
    );
}

/// How many logouts are measured: 40 unless `COUNTERSIGN_TEST_LOGOUTS` says otherwise.
fn rounds() -> usize {
    let wanted = std::env::var("COUNTERSIGN_TEST_LOGOUTS");
    wanted.map_or(40, |rounds| rounds.parse().expect("a number of logouts"))
}

async fn a_logout_reaches_all(kind: Kind) {
    let Some((cluster, _database)) = Cluster::on(kind, None).await else { return };
    print_delays(kind, "no Redis", &cluster, rounds()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_one_node_ended_is_refused_by_all_on_postgres() {
    a_logout_reaches_all(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_one_node_ended_is_refused_by_all_on_mysql() {
    a_logout_reaches_all(Kind::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_so_with_redis_and_after_redis_was_stopped() {
    for kind in [Kind::Postgres, Kind::MySql] {
        let Some(mut redis) = TestRedis::start().await else { return };
        let Some((cluster, _database)) = Cluster::on(kind, Some(&redis.url())).await else {
            return;
        };
        print_delays(kind, "with Redis", &cluster, rounds()).await;
        let session = cluster.api.log_in("alice").await;
        redis.kill();
        cluster.nodes[0].log_out(&session).await;
        for node in &cluster.nodes {
            assert_eq!(node.refused(&session).await, "logout");
        }
        let again = cluster.api.log_in("alice").await;
        cluster.nodes[1].log_out(&again).await;
        for node in &cluster.nodes {
            assert_eq!(node.refused(&again).await, "logout");
        }
    }
}

/// What a node answers to a token, again and again, until `enough`. A connection that it closed
/// meanwhile, since nothing came for too long, is no answer.
async fn answers(node: &Server, session: &Session, enough: impl Fn(u16) -> bool) -> Vec<u16> {
    let mut answers = Vec::new();
    while !answers.last().is_some_and(|status| enough(*status)) {
        assert!(answers.len() < 100_000, "it never came");
        answers.extend(ask(node, session).await);
    }
    answers
}

async fn ask(node: &Server, session: &Session) -> Option<u16> {
    let request = node.request(Method::GET, "/v1/me").bearer_auth(&session.access);
    answer(request).await.ok().map(|(status, _)| status)
}

/// How often each status was answered.
fn count(statuses: &[u16]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for status in statuses {
        *counts.entry(*status).or_default() += 1;
    }
    counts
}

async fn a_node_that_was_paused_lets_nobody_in(kind: Kind) {
    let Some((cluster, _database)) = Cluster::on(kind, None).await else { return };
    let (ended, alive) = (cluster.api.register("alice").await, cluster.api.register("bob").await);
    let paused = &cluster.nodes[2];
    assert_eq!((paused.me(&ended).await.0, paused.me(&alive).await.0), (200, 200));
    paused.signal(Signal::STOP);
    cluster.nodes[0].log_out(&ended).await;
    // What is asked meanwhile waits in the node's socket, and is the first that it sees.
    let asked = join_all((0..16).map(|_| ask(paused, &ended)));
    let pause = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        paused.signal(Signal::CONT);
        answers(paused, &ended, |status| status == 401).await
    };
    let (asked, then) = tokio::join!(asked, pause);
    let ended = count(&asked.into_iter().flatten().chain(then).collect::<Vec<_>>());
    let alive = count(&answers(paused, &alive, |status| status == 200).await);
    println!("{kind:?}: after a pause of ten seconds a node answered {ended:?}, then {alive:?}");
    assert!(ended.keys().all(|status| [401, 503].contains(status)), "{ended:?}");
    assert!(alive.keys().all(|status| [200, 503].contains(status)), "{alive:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_paused_lets_nobody_in_who_was_logged_out_on_postgres() {
    a_node_that_was_paused_lets_nobody_in(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_paused_lets_nobody_in_who_was_logged_out_on_mysql() {
    a_node_that_was_paused_lets_nobody_in(Kind::MySql).await;
}
