//! How many accounts one network may register. The clock moves only as the tests say.

use std::ops::Deref;
use std::time::Duration;

use countersign_server::config::{Config, PasswordPolicy};
use countersign_server::db::Kind;
use countersign_server::sql;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::admin::admin;
use crate::flask::dialect;
use crate::forms::{URL_ENCODED, url_encoded};
use crate::server::{Answer, PASSWORD, TestApp};

sql! {
    COUNT_ROWS = "SELECT COUNT(*) FROM rate_limits";
    COUNT_USERS = "SELECT COUNT(*) FROM users";
    COUNT_EVENTS = "SELECT COUNT(*) FROM events";
}

/// A server that believes whoever connects from this machine about addresses, with the limits as
/// they are by default.
struct Limited(TestApp);

/// One that allows 60 an hour, three of them at once.
struct Narrow(TestApp);

/// One with four dialects that register users.
struct Dialects(TestApp);

fn limited(config: &mut Config) {
    config.limits.enabled = true;
    config.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
}

fn narrow(config: &mut Config) {
    limited(config);
    config.limits.registrations = Some("60/1h burst 3".parse().expect("a rate"));
}

impl Limited {
    async fn on_database(kind: Kind) -> Option<Self> {
        TestApp::with(kind, limited).await.map(Self)
    }
}

impl Narrow {
    async fn on_database(kind: Kind) -> Option<Self> {
        TestApp::with(kind, narrow).await.map(Self)
    }
}

impl Dialects {
    async fn on_database(kind: Kind) -> Option<Self> {
        let server = TestApp::with(kind, |config| {
            limited(config);
            config.limits.registrations = Some("60/1h burst 1".parse().expect("a rate"));
            for name in ["auth-token", "access-refresh", "x-access-token", "passport"] {
                let mut dialect = dialect(name);
                dialect.prefix = format!("/{name}");
                dialect.password_policy = PasswordPolicy::None;
                config.dialects.push(dialect);
            }
        });
        server.await.map(Self)
    }
}

impl Deref for Limited {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.0
    }
}

impl Deref for Narrow {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.0
    }
}

async fn send(server: &TestApp, path: &str, from: &str, body: &Value) -> Answer {
    let request = server.request(Method::POST, path).header("x-forwarded-for", from);
    Answer::of(request.json(body)).await
}

async fn register(server: &TestApp, name: &str, from: &str) -> Answer {
    let body = json!({ "email": format!("{name}@example.org"), "password": PASSWORD });
    send(server, "/v1/register", from, &body).await
}

/// Registers so many users from this address, each in turn, and gives how many of them were made.
async fn registered(server: &TestApp, from: &str, count: usize) -> usize {
    let mut made = 0;
    for number in 0..count {
        let name = format!("{}-{number}", from.replace([':', '.'], "-"));
        let answer = register(server, &name, from).await;
        match answer.status.as_u16() {
            201 => made += 1,
            429 => assert_eq!(answer.code(), (429, "too_many_requests".into())),
            _ => panic!("{answer:?}"),
        }
    }
    made
}

/// Asserts that a registration is refused for so many seconds, and costs nothing.
async fn has_to_wait(server: &TestApp, from: &str, seconds: &str) {
    let counts = async || {
        let (users, rows) = (server.count(COUNT_USERS).await, server.count(COUNT_ROWS).await);
        (users, rows, server.count(COUNT_EVENTS).await, server.app.lane.hashes())
    };
    let before = counts().await;
    let refused = register(server, "late", from).await;
    assert_eq!(refused.code(), (429, "too_many_requests".into()), "{from} {refused:?}");
    assert_eq!(refused.headers["retry-after"], seconds, "{from}");
    assert_eq!(counts().await, before, "{from}");
}

on_each_database! {
    async fn thirty_registrations_at_once_and_then_one_a_minute_for_an_address(server: Limited) {
        assert_eq!(registered(&server, "192.0.2.1", 30).await, 30);
        has_to_wait(&server, "192.0.2.1", "60").await;
        has_to_wait(&server, "::ffff:192.0.2.1", "60").await;
        assert_eq!(register(&server, "other", "192.0.2.2").await.status, 201);

        server.advance(Duration::from_millis(59_999)).await;
        has_to_wait(&server, "192.0.2.1", "1").await;
        server.advance(Duration::from_millis(1)).await;
        assert_eq!(register(&server, "next", "192.0.2.1").await.status, 201);
        has_to_wait(&server, "192.0.2.1", "60").await;
        server.advance(Duration::from_hours(1)).await;
        assert_eq!(registered(&server, "192.0.2.1", 0).await, 0);
        let again = (0..31).map(async |number| {
            register(&server, &format!("again-{number}"), "192.0.2.1").await.status.as_u16()
        });
        let again = join_all(again).await;
        assert_eq!(again.iter().filter(|status| **status == 201).count(), 30, "{again:?}");
    }

    async fn seventy_at_once_are_no_more_than_thirty_and_no_more_are_hashed(server: Limited) {
        let hashes = server.app.lane.hashes();
        let names: Vec<String> = (0..70).map(|number| format!("user-{number}")).collect();
        let asked = names.iter().map(|name| register(&server, name, "2001:db8::1"));
        let answers = join_all(asked).await;
        let with = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((with(201), with(429)), (30, 40));
        assert_eq!(server.app.lane.hashes() - hashes, 30);
    }

    async fn an_ipv6_network_may_have_no_more_by_changing_addresses_within_it(server: Narrow) {
        assert_eq!(registered(&server, "2001:db8:1:100::1", 2).await, 2);
        assert_eq!(registered(&server, "2001:db8:1:100:ffff::1", 3).await, 1, "one /64");
        assert_eq!(registered(&server, "2001:db8:1:101::1", 4).await, 3, "another /64");
        has_to_wait(&server, "2001:db8:1:102::1", "30").await;
        for (slash_56, made) in [("2", 3), ("3", 3), ("4", 0)] {
            let from = format!("2001:db8:1:{slash_56}00::1");
            assert_eq!(registered(&server, &from, 4).await, made, "{from}");
        }
        has_to_wait(&server, "2001:db8:1:4ff::1", "15").await;
        assert_eq!(registered(&server, "2001:db8:2::1", 4).await, 3, "another /48");
    }

    async fn whenever_they_come_they_are_allowed_as_a_leaky_bucket_would(server: Narrow) {
        // Each registration adds a minute of work to the bucket, which has room for three.
        let (interval, room) = (Duration::from_mins(1), Duration::from_mins(3));
        let mut level = Duration::ZERO;
        for step in 0_u64..60 {
            let passed = Duration::from_millis(step * step * 7919 % 70_000);
            server.advance(passed).await;
            level = level.saturating_sub(passed);
            let allowed = level + interval <= room;
            let answer = register(&server, &format!("step-{step}"), "192.0.2.1").await;
            assert_eq!(answer.status == 201, allowed, "step {step}, {level:?}: {answer:?}");
            if allowed {
                level += interval;
            } else {
                let wait = (level + interval).saturating_sub(room).as_millis().div_ceil(1000);
                assert_eq!(answer.headers["retry-after"], wait.to_string(), "step {step}");
            }
        }
    }

    async fn what_is_refused_for_what_it_asks_counts_as_well(server: Narrow) {
        register(&server, "alice", "192.0.2.1").await;
        for _ in 0..3 {
            let taken = register(&server, "alice", "192.0.2.2").await;
            assert_eq!(taken.code(), (409, "identifier_taken".into()));
        }
        has_to_wait(&server, "192.0.2.2", "60").await;
    }

    async fn a_password_that_nobody_may_have_does_not_count(server: Narrow) {
        let weak = json!({ "email": "alice@example.org", "password": "12345678" });
        for _ in 0..5 {
            let refused = send(&server, "/v1/register", "192.0.2.1", &weak).await;
            assert_eq!(refused.code(), (400, "invalid_field".into()));
        }
        assert_eq!(registered(&server, "192.0.2.1", 4).await, 3);
    }

    async fn all_nodes_count_together(server: Narrow) {
        let beside = server.beside().await;
        assert_eq!(registered(&server, "192.0.2.1", 2).await, 2);
        assert_eq!(register(&beside, "beside", "192.0.2.1").await.status, 201);
        has_to_wait(&server, "192.0.2.1", "60").await;
        has_to_wait(&beside, "192.0.2.1", "60").await;
    }

    async fn an_admin_makes_as_many_as_there_are(server: Narrow) {
        let root = admin(&server, "root").await;
        for number in 0..5 {
            let body = json!({ "email": format!("made-{number}@example.org") });
            let made = server.send(Method::POST, "/v1/admin/users", &root.access, body).await;
            assert_eq!(made.status, 201, "{made:?}");
        }
    }

    async fn rows_are_purged_an_hour_after_they_allow_everything_again(server: Narrow) {
        assert_eq!(registered(&server, "2001:db8::1", 3).await, 3);
        assert_eq!(server.count(COUNT_ROWS).await, 3);
        for (passed, rows) in [(Duration::from_mins(63), 1), (Duration::from_millis(1), 0)] {
            server.advance(passed).await;
            server.app.purge(server.app.clock.now()).await.expect("the database answers");
            assert_eq!(server.count(COUNT_ROWS).await, rows);
        }
    }

    async fn each_dialect_answers_its_own_429(server: Dialects) {
        let Dialects(server) = server;
        assert_eq!(registered(&server, "192.0.2.1", 1).await, 1);
        let tries = [
            ("/auth-token/auth/register", json!({ "email": "a@x.org", "password": "123456" })),
            ("/access-refresh/registration", json!({ "username": "a", "password": "123456" })),
            ("/passport/passport/register", json!({ "mobile": "13812345678", "password": "123456" })),
        ];
        let mut answers = Vec::new();
        for (path, body) in &tries {
            answers.push(send(&server, path, "192.0.2.1", body).await);
        }
        let form = [("name", "Mike"), ("email", "mike@x.org"), ("password", "12345")];
        let signup = server.request(Method::POST, "/x-access-token/signup");
        let signup = signup.header("x-forwarded-for", "192.0.2.1");
        let signup = signup.header("content-type", URL_ENCODED).body(url_encoded(&form));
        answers.push(Answer::of(signup).await);
        for (answer, (status, told)) in answers.iter().zip([
            (429, "Too many attempts. Please try again later."),
            (429, "Too many attempts"),
            // Its clients read the code in the body.
            (200, r#"{"code":429,"data":null,"msg":"尝试次数过多，请稍后再试"}"#),
            (429, "Too many attempts."),
        ]) {
            assert_eq!(answer.status, status, "{answer:?}");
            assert!(answer.text.contains(told), "{answer:?}");
            assert_eq!(answer.headers["retry-after"], "60");
        }
        assert_eq!(server.count(COUNT_USERS).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_limit_there_is_none() {
    for change in [
        |config: &mut Config| config.limits.registrations = None,
        |config: &mut Config| config.limits.enabled = false,
    ] {
        let server = TestApp::with(Kind::Sqlite, |config| {
            narrow(config);
            change(config);
        });
        let server = server.await.expect("SQLite is always there");
        assert_eq!(registered(&server, "192.0.2.1", 5).await, 5);
        assert_eq!(server.count(COUNT_ROWS).await, 0);
    }
}
