//! Copies of `passport`'s tokens in Redis, under everything that can happen to Redis: nobody who was
//! logged out gets in, nobody who is logged in is refused, and the copies come again.

use std::time::Duration;

use countersign_server::config::DialectConfig;
use countersign_server::db::Kind;
use countersign_server::sql;
use redis::cmd;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::redis_server::{TestRedis, until};
use crate::server::{Answer, PASSWORD, TestApp};

sql! {
    WAITING = "SELECT COUNT(*) FROM outbox";
}

/// A server whose clients speak `passport`, beside services that look into Redis.
struct Platform {
    redis: TestRedis,
    server: TestApp,
}

/// A person who has registered.
struct Person {
    mobile: String,
    number: i64,
}

impl Platform {
    async fn on_database(kind: Kind) -> Option<Self> {
        Self::on(kind, TestRedis::start().await?, "redis").await
    }

    async fn on(kind: Kind, redis: TestRedis, scheme: &str) -> Option<Self> {
        Self::with(kind, redis, (scheme, None)).await
    }

    /// As [`Platform::on`], with tokens that live so long.
    async fn with(
        kind: Kind,
        redis: TestRedis,
        (scheme, access_ttl): (&str, Option<Duration>),
    ) -> Option<Self> {
        let url = format!("{scheme}://127.0.0.1:{}", redis.port);
        let server = TestApp::with(kind, |config| {
            config.redis.url = Some(url.into());
            let name = "passport".into();
            config.dialects = vec![DialectConfig { name, access_ttl, ..DialectConfig::default() }];
        });
        Some(Self { server: server.await?, redis })
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.server.post(path, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    async fn register(&self, last: u32) -> Person {
        let mobile = format!("139{last:08}");
        let body = json!({ "mobile": mobile, "password": PASSWORD });
        let answer = self.post("/passport/register", body).await;
        assert_eq!(answer["code"], 200, "{answer}");
        Person { mobile, number: answer["data"]["user_id"].as_i64().expect("a number") }
    }

    async fn log_in(&self, person: &Person) -> String {
        let body = json!({ "mobile": person.mobile, "password": PASSWORD });
        let answer = self.post("/passport/login", body).await;
        answer["data"]["token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    async fn with_token(&self, method: Method, path: &str, token: &str) -> i64 {
        let request = self.server.request(method, path);
        let answer = Answer::of(request.header(AUTHORIZATION, format!("JWT {token}"))).await;
        answer.json()["code"].as_i64().unwrap_or_else(|| panic!("{answer:?}"))
    }

    async fn identify(&self, token: &str) -> i64 {
        self.with_token(Method::GET, "/passport/identify", token).await
    }

    async fn log_out(&self, token: &str) {
        assert_eq!(self.with_token(Method::POST, "/passport/logout", token).await, 200);
    }

    fn key(person: &Person) -> String {
        format!("jwt_token:{}", person.number)
    }

    /// What another service finds; `None` also for what is no text.
    async fn copy(&self, person: &Person) -> Option<String> {
        let kind: String = self.redis.ask(cmd("TYPE").arg(Self::key(person))).await;
        if kind != "string" {
            return None;
        }
        self.redis.ask(cmd("GET").arg(Self::key(person))).await
    }

    async fn waiting(&self) -> i64 {
        self.server.app.db.find(WAITING, &[]).await.expect("it answers").expect("a count")
    }

    /// Waits until the copy is this. Time passes meanwhile, since what Redis refused waits for it.
    async fn comes_to_have(&self, person: &Person, token: Option<&str>) {
        until("the copy as it should be", async || {
            self.server.advance(Duration::from_millis(100)).await;
            self.copy(person).await.as_deref() == token
        })
        .await;
    }

    /// Waits until nothing is to be written any more.
    async fn settles(&self) {
        until("an empty outbox", async || {
            self.server.advance(Duration::from_millis(100)).await;
            self.waiting().await == 0
        })
        .await;
    }

    /// Two people who are logged in and one who was logged out, with their tokens.
    async fn people(&self) -> [(Person, String); 3] {
        let mut people = Vec::new();
        for last in 0..3 {
            let person = self.register(last).await;
            let token = self.log_in(&person).await;
            people.push((person, token));
        }
        self.log_out(&people[2].1).await;
        people.try_into().unwrap_or_else(|_| panic!("there are three"))
    }

    /// What must be true whatever Redis is or says.
    async fn judges_rightly(&self, people: &[(Person, String); 3]) {
        let [(_, alice), (_, bob), (_, carol)] = people;
        for _ in 0..3 {
            assert_eq!(self.identify(alice).await, 200);
            assert_eq!(self.identify(bob).await, 200);
            assert_eq!(self.identify(carol).await, 401);
        }
    }

    async fn copies_are_right(&self, people: &[(Person, String); 3]) {
        for (person, token) in &people[..2] {
            self.comes_to_have(person, Some(token)).await;
        }
        self.comes_to_have(&people[2].0, None).await;
    }
}

on_each_database! {
    async fn the_copy_is_there_when_a_login_is_answered_and_lives_as_long(platform: Platform) {
        let alice = platform.register(1).await;
        let token = platform.log_in(&alice).await;
        assert_eq!(platform.copy(&alice).await.as_deref(), Some(&*token));
        let life: i64 = platform.redis.ask(cmd("TTL").arg(Platform::key(&alice))).await;
        assert!((86_300..=86_400).contains(&life), "{life}");
        platform.settles().await;
    }

    async fn the_copy_is_gone_when_a_logout_is_answered(platform: Platform) {
        let alice = platform.register(1).await;
        let token = platform.log_in(&alice).await;
        platform.log_out(&token).await;
        assert_eq!(platform.copy(&alice).await, None);
        assert_eq!(platform.identify(&token).await, 401);
        platform.settles().await;
    }

    async fn a_later_login_replaces_the_copy(platform: Platform) {
        let alice = platform.register(1).await;
        let first = platform.log_in(&alice).await;
        platform.server.advance(Duration::from_secs(1)).await;
        let second = platform.log_in(&alice).await;
        assert_ne!(first, second);
        assert_eq!(platform.copy(&alice).await.as_deref(), Some(&*second));
        assert_eq!(platform.identify(&first).await, 401);
    }

    async fn whatever_ends_the_session_takes_the_copy_away(platform: Platform) {
        let caller = countersign_server::operations::Caller::command(crate::server::START);
        let app = &platform.server.app;
        for (last, way) in ["end", "all", "disable", "delete", "password"].iter().enumerate() {
            let person = platform.register(u32::try_from(last).expect("few")).await;
            let token = platform.log_in(&person).await;
            assert!(platform.copy(&person).await.is_some(), "{way}");
            let user = app.find_user(&person.number.to_string()).await.expect("a user");
            match *way {
                "end" => {
                    let sessions = app.sessions_of(&user.id, &caller).await.expect("a list");
                    let ended = app.end_session_as_operator(&caller, &sessions[0].id).await;
                    assert!(ended.expect("it answers"));
                }
                "all" => {
                    let reason = countersign::EndReason::Admin;
                    let out = app.log_out_everywhere(&caller, &user.id, None, reason).await;
                    out.expect("it answers");
                }
                "disable" => assert!(app.disable(&caller, &user.id).await.expect("it answers")),
                "delete" => app.delete_user(&caller, &user.id).await.expect("it answers"),
                _ => {
                    let new = countersign_server::password::Password::parse(format!("{PASSWORD}!"));
                    let new = new.expect("a password");
                    app.set_password(&caller, user, new).await.expect("it answers");
                }
            }
            assert_eq!(platform.copy(&person).await, None, "{way}");
            assert_eq!(platform.identify(&token).await, 401, "{way}");
        }
    }

    async fn d2_killing_redis_changes_no_answer_and_the_copies_come_again(platform: Platform) {
        let mut platform = platform;
        let people = platform.people().await;
        platform.judges_rightly(&people).await;
        platform.redis.kill();
        platform.judges_rightly(&people).await;
        let dave = platform.register(9).await;
        let token = platform.log_in(&dave).await;
        platform.log_out(&people[0].1).await;
        assert_eq!(platform.identify(&people[0].1).await, 401);
        assert_eq!(platform.identify(&token).await, 200);
        platform.redis.revive().await;
        platform.comes_to_have(&dave, Some(&token)).await;
        platform.comes_to_have(&people[1].0, Some(&people[1].1)).await;
        platform.comes_to_have(&people[0].0, None).await;
        assert_eq!(platform.identify(&people[0].1).await, 401);
        platform.settles().await;
    }

    async fn d2_flushing_redis_changes_no_answer_and_the_copies_come_again(platform: Platform) {
        let people = platform.people().await;
        platform.copies_are_right(&people).await;
        platform.redis.ask::<()>(&cmd("FLUSHALL")).await;
        // Nobody asks: what says that the copies are there is gone, too.
        platform.copies_are_right(&people).await;
        platform.judges_rightly(&people).await;
        platform.settles().await;
    }

    async fn d2_garbage_in_redis_changes_no_answer_and_the_copies_come_again(platform: Platform) {
        let people = platform.people().await;
        platform.copies_are_right(&people).await;
        let [alice, bob, carol] = people.each_ref().map(|(person, _)| Platform::key(person));
        platform.redis.ask::<()>(cmd("DEL").arg(&alice)).await;
        platform.redis.ask::<()>(cmd("RPUSH").arg(&alice).arg("garbage")).await;
        platform.redis.ask::<()>(cmd("SET").arg(&bob).arg("another token")).await;
        platform.redis.ask::<()>(cmd("SET").arg(&carol).arg(&people[2].1)).await;
        platform.judges_rightly(&people).await;
        // The tokens come again and again, as clients' do.
        until("the copies", async || {
            platform.server.advance(Duration::from_secs(6)).await;
            platform.judges_rightly(&people).await;
            let held = [&people[0], &people[1]].map(|(person, _)| platform.copy(person));
            let [alice, bob] = futures::future::join_all(held).await.try_into().expect("two");
            alice.as_ref() == Some(&people[0].1) && bob.as_ref() == Some(&people[1].1)
        })
        .await;
        for key in [alice, bob] {
            let life: i64 = platform.redis.ask(cmd("TTL").arg(key)).await;
            assert!(life > 0, "{life}");
        }
    }

    async fn d2_a_read_only_redis_changes_no_answer_and_gets_the_copies_later(platform: Platform) {
        let people = platform.people().await;
        platform.copies_are_right(&people).await;
        let nowhere = ["REPLICAOF", "127.0.0.1", "1"];
        let replica = nowhere[1..].iter().fold(cmd(nowhere[0]), |mut command, part| {
            command.arg(*part);
            command
        });
        platform.redis.ask::<()>(&replica).await;
        platform.judges_rightly(&people).await;
        platform.log_out(&people[0].1).await;
        assert_eq!(platform.identify(&people[0].1).await, 401);
        let again = platform.log_in(&people[2].0).await;
        assert_eq!(platform.identify(&again).await, 200);
        platform.redis.ask::<()>(cmd("REPLICAOF").arg("NO").arg("ONE")).await;
        platform.comes_to_have(&people[0].0, None).await;
        platform.comes_to_have(&people[2].0, Some(&again)).await;
        assert_eq!(platform.identify(&people[0].1).await, 401);
        platform.settles().await;
    }

    async fn d2_a_redis_that_hangs_delays_nobody_for_long(platform: Platform) {
        let people = platform.people().await;
        platform.redis.hang();
        for _ in 0..20 {
            platform.judges_rightly(&people).await;
        }
        platform.log_out(&people[0].1).await;
        assert_eq!(platform.identify(&people[0].1).await, 401);
        platform.redis.go_on();
        platform.comes_to_have(&people[0].0, None).await;
        platform.settles().await;
        assert_eq!(platform.copy(&people[0].0).await, None);
    }

    async fn two_nodes_write_one_truth(platform: Platform) {
        let second = platform.server.beside().await;
        second.run(second.app.clone(), |app| async move { app.attend().await });
        let person = platform.register(1).await;
        let user = platform.server.app.find_user(&person.number.to_string()).await.expect("a user");
        let caller = countersign_server::operations::Caller::command(crate::server::START);
        let mut last = String::new();
        for round in 0..10 {
            last = platform.log_in(&person).await;
            let app = if round % 2 == 0 { &second.app } else { &platform.server.app };
            let reason = countersign::EndReason::Admin;
            app.log_out_everywhere(&caller, &user.id, None, reason).await.expect("it answers");
        }
        platform.settles().await;
        assert_eq!(platform.copy(&person).await, None);
        second.app.catch_up().await.expect("it answers");
        assert_eq!(platform.identify(&last).await, 401);
        let token = platform.log_in(&person).await;
        platform.settles().await;
        assert_eq!(platform.copy(&person).await, Some(token));
    }
}

/// Where tokens live for an hour.
struct AnHour(Platform);

impl AnHour {
    async fn on_database(kind: Kind) -> Option<Self> {
        let hour = Some(Duration::from_hours(1));
        Platform::with(kind, TestRedis::start().await?, ("redis", hour)).await.map(Self)
    }
}

on_each_database! {
    async fn the_copy_lives_as_long_as_tokens_are_configured_to(platform: AnHour) {
        let AnHour(platform) = platform;
        let alice = platform.register(1).await;
        platform.log_in(&alice).await;
        let life: i64 = platform.redis.ask(cmd("TTL").arg(Platform::key(&alice))).await;
        assert!((3_500..=3_600).contains(&life), "{life}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_holds_the_copies() {
    let Some(redis) = TestRedis::cluster().await else { return };
    let platform = Platform::on(Kind::Sqlite, redis, "redis+cluster").await.expect("SQLite");
    let people = platform.people().await;
    platform.copies_are_right(&people).await;
    platform.redis.ask::<()>(&cmd("FLUSHALL")).await;
    platform.copies_are_right(&people).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_redis_leaves_nothing_waiting_for_it() {
    let server = TestApp::with(Kind::Sqlite, |config| {
        config.dialects =
            vec![DialectConfig { name: "passport".into(), ..DialectConfig::default() }];
    });
    let server = server.await.expect("SQLite");
    let body = json!({ "mobile": "13900000001", "password": PASSWORD });
    server.post("/passport/register", body.clone()).await;
    assert_eq!(server.post("/passport/login", body).await.json()["code"], 200);
    let waiting: Option<i64> = server.app.db.find(WAITING, &[]).await.expect("it answers");
    assert_eq!(waiting, Some(0));
}
