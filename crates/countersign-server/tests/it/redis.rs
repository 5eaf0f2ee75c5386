//! Redis as a helper: nudges between nodes, and what is left of them when it is away. The clock stands
//! still, and no node looks by itself unless a test says so.

use countersign_server::db::Kind;
use redis::cmd;
use reqwest::Method;
use serde_json::{Value, json};

use crate::redis_server::{TestRedis, until};
use crate::server::{Answer, TestApp};

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

    async fn attempts_are_counted_in_the_database_whatever_redis_does(limited: Limited) {
        let mut limited = limited;
        for number in 0..20 {
            let refused = limited.fail(&format!("user{number}")).await;
            assert_eq!(refused.status, 401, "{number}: {refused:?}");
        }
        assert_eq!(limited.fail("somebody").await.status, 429);
        limited.redis.ask::<()>(&cmd("FLUSHALL")).await;
        assert_eq!(limited.fail("somebody").await.status, 429);
        limited.redis.kill();
        assert_eq!(limited.fail("somebody").await.status, 429);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_carries_nudges() {
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
