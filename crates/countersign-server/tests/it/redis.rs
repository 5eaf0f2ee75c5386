//! Redis as a helper: nudges between nodes, counters of addresses, and what is left of both when
//! it is away. The clock stands still, and no node looks by itself unless a test says so.

use countersign_server::db::Kind;
use countersign_server::sql;
use redis::cmd;
use reqwest::Method;
use serde_json::{Value, json};

use crate::redis_server::{TestRedis, until};
use crate::server::{Answer, PASSWORD, TestApp};

sql! {
    COUNTED = "SELECT COUNT(*) FROM failures";
}

/// Two nodes of one database and one Redis. The second learns only what a nudge makes it look for.
struct Pair {
    redis: TestRedis,
    first: TestApp,
    second: TestApp,
}

impl Pair {
    async fn on_database(kind: Kind) -> Option<Self> {
        Self::on(kind, TestRedis::start().await?, "redis").await
    }

    async fn on(kind: Kind, redis: TestRedis, scheme: &str) -> Option<Self> {
        let url = format!("{scheme}://127.0.0.1:{}", redis.port);
        let first = TestApp::with(kind, |config| config.redis.url = Some(url.into())).await?;
        let second = first.beside().await;
        second.run(second.app.clone(), |app| async move { app.exchange_nudges().await });
        Some(Self { redis, first, second })
    }

    /// Waits until both can be nudged.
    async fn are_there(&self) {
        for node in [&self.first, &self.second] {
            let redis = node.app.redis.as_ref().expect("there is one");
            redis.is_up().wait_for(|is_up| *is_up).await.expect("the app is there");
        }
        let channel = self.first.app.redis.as_ref().expect("there is one").channel();
        until("two subscriptions", async || {
            let (_, listeners): (String, i64) =
                self.redis.ask(cmd("PUBSUB").arg("NUMSUB").arg(&channel)).await;
            listeners == 2
        })
        .await;
    }

    async fn a_logout_is_heard(&self, name: &str) {
        let session = self.first.register(name).await;
        assert_eq!(self.second.check(&session.access).await, 200);
        self.first.send(Method::POST, "/v1/logout", &session.access, Value::Null).await;
        until("a nudge", async || self.second.check(&session.access).await == 401).await;
    }
}

/// A server that counts failures, with a Redis.
struct Limited {
    redis: TestRedis,
    server: TestApp,
}

impl Limited {
    async fn on_database(kind: Kind) -> Option<Self> {
        let redis = TestRedis::start().await?;
        let server = TestApp::with(kind, |config| {
            config.redis.url = Some(redis.url().into());
            config.limits.enabled = true;
        });
        Some(Self { server: server.await?, redis })
    }

    /// A failure for an account of its own.
    async fn fail(&self, name: &str) -> Answer {
        let identifier = format!("{name}@example.org");
        self.server
            .post("/v1/login", json!({ "identifier": identifier, "password": "wrong" }))
            .await
    }

    async fn fail_often(&self, from: usize, to: usize) {
        for number in from..to {
            let refused = self.fail(&format!("user{number}")).await;
            assert_eq!(refused.status, 401, "{number}: {refused:?}");
        }
    }

    async fn rows(&self) -> i64 {
        self.server.app.db.find(COUNTED, &[]).await.expect("it answers").expect("a count")
    }

    async fn counters(&self) -> Vec<String> {
        self.redis.ask(cmd("KEYS").arg("countersign:*:failures:*")).await
    }
}

on_each_database! {
    async fn a_revocation_reaches_another_node_by_a_nudge_alone(pair: Pair) {
        pair.are_there().await;
        pair.a_logout_is_heard("alice").await;
    }

    async fn nudges_come_again_when_redis_does(pair: Pair) {
        pair.are_there().await;
        let mut pair = pair;
        pair.redis.kill();
        let session = pair.first.register("alice").await;
        pair.first.send(Method::POST, "/v1/logout", &session.access, Value::Null).await;
        assert_eq!(pair.first.check(&session.access).await, 401);
        pair.redis.revive().await;
        until("what nobody was told of", async || pair.second.check(&session.access).await == 401)
            .await;
        pair.are_there().await;
        pair.a_logout_is_heard("bob").await;
    }

    async fn failures_of_an_address_are_counted_in_redis_and_forgotten_there(limited: Limited) {
        limited.fail_often(0, 19).await;
        assert_eq!(limited.rows().await, 19, "accounts are counted in the database");
        let counters = limited.counters().await;
        assert_eq!(counters.len(), 1, "{counters:?}");
        let life: i64 = limited.redis.ask(cmd("PTTL").arg(&counters[0])).await;
        assert!((1..=15 * 60 * 1000).contains(&life), "{life}");
        limited.fail_often(19, 20).await;
        assert_eq!(limited.fail("somebody").await.status, 429);
    }

    async fn the_count_of_an_address_goes_on_in_the_database_when_redis_is_gone(limited: Limited) {
        let mut limited = limited;
        limited.fail_often(0, 10).await;
        limited.redis.kill();
        limited.fail_often(10, 30).await;
        assert_eq!(limited.rows().await, 31, "thirty accounts and the address");
        assert_eq!(limited.fail("somebody").await.status, 429);
        limited.redis.revive().await;
        assert_eq!(limited.fail("somebody").await.status, 429, "what SQL counted still counts");
    }

    async fn garbage_and_flushes_in_redis_neither_lock_nor_unlock_an_account(limited: Limited) {
        limited.server.register("alice").await;
        for _ in 0..5 {
            assert_eq!(limited.fail("alice").await.status, 401);
        }
        let key = limited.counters().await.remove(0);
        assert_eq!(limited.server.log_in_answer("alice", PASSWORD).await.status, 429);
        limited.redis.ask::<()>(&cmd("FLUSHALL")).await;
        assert_eq!(limited.server.log_in_answer("alice", PASSWORD).await.status, 429);
        limited.redis.ask::<()>(cmd("RPUSH").arg(&key).arg("garbage")).await;
        assert_eq!(limited.fail("bob").await.status, 401, "a list is no count");
        limited.redis.ask::<()>(cmd("SET").arg(&key).arg("garbage")).await;
        assert_eq!(limited.fail("carol").await.status, 401);
        let far = i64::MAX.to_string();
        limited.redis.ask::<()>(cmd("HSET").arg(&key).arg("failures").arg(99).arg("last_at").arg(far)).await;
        assert_eq!(limited.fail("dave").await.status, 401, "nobody wrote such a time");
        assert_eq!(limited.server.log_in_answer("alice", PASSWORD).await.status, 429);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_carries_nudges_and_counts() {
    let Some(redis) = TestRedis::cluster().await else { return };
    let pair = Pair::on(Kind::Sqlite, redis, "redis+cluster").await.expect("SQLite is there");
    pair.are_there().await;
    pair.a_logout_is_heard("alice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_without_the_redis_it_is_told_of_and_finds_it_later() {
    let Some(mut redis) = TestRedis::start().await else { return };
    redis.kill();
    let pair = Pair::on(Kind::Sqlite, redis, "redis").await;
    let mut pair = pair.expect("SQLite is there");
    pair.first.register("alice").await;
    pair.redis.revive().await;
    pair.are_there().await;
    pair.a_logout_is_heard("bob").await;
}
