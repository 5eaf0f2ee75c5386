//! A node, the database and Redis are killed while clients are at work: nothing that was acknowledged
//! is lost, nobody who was logged out is let in, and nobody else is logged out.

use std::collections::HashSet;
use std::time::Duration;

use countersign_server::db::Kind;
use rustix::process::Signal;

use crate::database_server::DatabaseServer;
use crate::load::{Ledger, Load};
use crate::nodes::Cluster;
use crate::redis_server::TestRedis;

/// How often everything is broken: once unless `COUNTERSIGN_TEST_FAULT_ROUNDS` says otherwise.
fn rounds() -> usize {
    let wanted = std::env::var("COUNTERSIGN_TEST_FAULT_ROUNDS");
    wanted.map_or(1, |rounds| rounds.parse().expect("a number of rounds"))
}

async fn for_a_while() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}

async fn break_everything(
    cluster: &mut Cluster,
    database: &mut DatabaseServer,
    redis: &mut TestRedis,
) {
    for_a_while().await;
    cluster.replace(0).await;
    for_a_while().await;
    redis.kill();
    for_a_while().await;
    database.kill_and_revive().await;
    for_a_while().await;
    redis.revive().await;
    let paused = &cluster.nodes[0];
    paused.signal(Signal::STOP);
    tokio::time::sleep(Duration::from_secs(6)).await;
    paused.signal(Signal::CONT);
    for_a_while().await;
    redis.ask::<()>(&redis::cmd("FLUSHALL")).await;
    database.kill_and_revive().await;
    cluster.replace(1).await;
    for_a_while().await;
}

async fn assert_nothing_was_lost(cluster: &Cluster, ledger: &Ledger) {
    let there: HashSet<String> = cluster.place.registered().into_iter().collect();
    let missing: Vec<_> = ledger.registered.iter().filter(|it| !there.contains(*it)).collect();
    assert!(missing.is_empty(), "users are missing: {missing:?}");
    for (session, _) in &ledger.ended {
        for node in &cluster.nodes {
            assert_eq!(node.refused(session).await, "logout");
        }
    }
    for session in &ledger.alive {
        let refreshed = cluster.api.refresh(session).await;
        assert_eq!(cluster.api.me(&refreshed).await.0, 200);
    }
}

async fn a_cluster_survives_what_breaks(kind: Kind) {
    let Some(mut database) = DatabaseServer::start(kind).await else { return };
    let Some(mut redis) = TestRedis::start().await else { return };
    let mut cluster = Cluster::on_url(&database.url(), Some(&redis.url())).await;
    let load = Load::start(&cluster, 4);
    for _ in 0..rounds() {
        break_everything(&mut cluster, &mut database, &mut redis).await;
    }
    let ledger = load.finish().await;
    println!(
        "{kind:?}: {} users registered, {} sessions ended and {} alive; {} times a token that was \
         over was refused meanwhile",
        ledger.registered.len(),
        ledger.ended.len(),
        ledger.alive.len(),
        ledger.audited
    );
    assert!(!ledger.ended.is_empty() && !ledger.alive.is_empty() && ledger.audited > 0);
    assert_nothing_was_lost(&cluster, &ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_on_postgres_survives_what_breaks() {
    a_cluster_survives_what_breaks(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_on_mysql_survives_what_breaks() {
    a_cluster_survives_what_breaks(Kind::MySql).await;
}
