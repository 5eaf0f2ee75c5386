//! What failed attempts and too much work lead to: delays, locks, 429 and 503. The clock moves only
//! as the tests say; `p17` and the like are cases of the acceptance list.

use std::ops::Deref;
use std::time::Duration;

use countersign_server::db::Kind;
use countersign_server::operations::Caller;
use countersign_server::sql;
use countersign_server::tables::event;
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::admin::{admin, patch};
use crate::server::{Answer, PASSWORD, TestApp};

sql! {
    COUNT_FAILURES = "SELECT COUNT(*) FROM failures";
    MOST_FAILURES = "SELECT MAX(failures) FROM failures";
}

const WRONG: &str = "a wrong pass phrase";
/// The longest delay of an account; an address is forgotten before.
const LONGEST: Duration = Duration::from_secs(1024);
const DAY: Duration = Duration::from_hours(24);

/// A server that counts failures.
struct Limited(TestApp);

/// One that also believes whoever connects from this machine about addresses.
struct BehindProxy(TestApp);

impl Limited {
    async fn on_database(kind: Kind) -> Option<Self> {
        TestApp::with(kind, |config| config.limits.enabled = true).await.map(Self)
    }
}

impl BehindProxy {
    async fn on_database(kind: Kind) -> Option<Self> {
        let server = TestApp::with(kind, |config| {
            config.limits.enabled = true;
            config.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
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

impl Deref for BehindProxy {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.0
    }
}

async fn fails(server: &TestApp, name: &str, times: usize) {
    for time in 0..times {
        let refused = server.log_in_answer(name, WRONG).await;
        assert_eq!(refused.code(), (401, "invalid_credentials".into()), "{name} {time}");
    }
}

/// Asserts that nothing is hashed and the client is told to wait so many seconds.
async fn has_to_wait(server: &TestApp, name: &str, password: &str, seconds: &str) {
    let hashes = server.app.lane.hashes();
    let refused = server.log_in_answer(name, password).await;
    assert_eq!(refused.code(), (429, "too_many_attempts".into()), "{name} {refused:?}");
    assert_eq!(refused.headers["retry-after"], seconds);
    assert_eq!(server.app.lane.hashes(), hashes);
}

async fn forwarded(server: &TestApp, name: &str, password: &str, forwarded_for: &str) -> u16 {
    let identifier = format!("{name}@example.org");
    let body = json!({ "identifier": identifier, "password": password });
    let request = server.request(Method::POST, "/v1/login").json(&body);
    Answer::of(request.header("x-forwarded-for", forwarded_for)).await.status.as_u16()
}

on_each_database! {
    async fn p17_from_the_fifth_failure_on_each_costs_twice_the_time(server: Limited) {
        server.register("alice").await;
        fails(&server, "alice", 5).await;
        for seconds in [1, 2, 4, 8] {
            has_to_wait(&server, "alice", PASSWORD, &seconds.to_string()).await;
            server.advance(Duration::from_millis(seconds * 1000 - 1)).await;
            has_to_wait(&server, "alice", PASSWORD, "1").await;
            server.advance(Duration::from_millis(1)).await;
            fails(&server, "alice", 1).await;
        }
    }

    async fn p17_guesses_at_once_are_slowed_down_like_guesses_in_turn(server: Limited) {
        server.register("alice").await;
        let hashes = server.app.lane.hashes();
        let guesses = (0..64).map(|_| server.log_in_answer("alice", WRONG));
        let refused = join_all(guesses).await;
        assert!(refused.iter().all(|answer| [401, 429].contains(&answer.status.as_u16())));
        let looked_at = refused.iter().filter(|answer| answer.status == 401).count();
        assert!((5..10).contains(&looked_at), "{looked_at} guesses were looked at");
        assert!(server.app.lane.hashes() - hashes < 10);
    }

    async fn success_forgets_the_failures(server: Limited) {
        server.register("alice").await;
        for _ in 0..3 {
            fails(&server, "alice", 4).await;
            server.log_in("alice").await;
        }
    }

    async fn a_user_who_does_not_exist_is_slowed_down_alike(server: Limited) {
        server.register("alice").await;
        fails(&server, "alice", 5).await;
        fails(&server, "nobody", 5).await;
        has_to_wait(&server, "alice", PASSWORD, "1").await;
        has_to_wait(&server, "nobody", PASSWORD, "1").await;
        let (one, other) = (
            server.log_in_answer("alice", PASSWORD).await,
            server.log_in_answer("nobody", PASSWORD).await,
        );
        assert_eq!(one.text, other.text);
    }

    async fn another_case_of_an_address_is_the_same_account(server: Limited) {
        server.register("alice").await;
        fails(&server, "alice", 3).await;
        fails(&server, "ALICE", 2).await;
        has_to_wait(&server, "Alice", PASSWORD, "1").await;
    }

    async fn p17_after_a_hundred_failures_the_account_is_locked_until_unlocked(server: Limited) {
        let alice = server.register("alice").await;
        for _ in 0..100 {
            fails(&server, "alice", 1).await;
            server.advance(LONGEST).await;
        }
        has_to_wait(&server, "alice", PASSWORD, "86400").await;
        server.advance(2 * DAY).await;
        server.app.purge(server.app.clock.now()).await.expect("the database answers");
        has_to_wait(&server, "alice", PASSWORD, "86400").await;

        let refreshed = server.refresh(&alice).await;
        assert_eq!(server.check(&refreshed.access).await, 200, "live sessions keep working");

        let caller = Caller::command(server.app.clock.now());
        let user = server.app.user(&alice.user_id).await.expect("the user is there");
        assert!(server.app.unlock(&caller, &user).await.expect("the database answers"));
        server.log_in("alice").await;
    }

    async fn failures_do_not_follow_an_identifier_to_its_next_holder(server: Limited) {
        let admin = admin(&server, "root").await;
        let alice = server.register("alice").await;
        fails(&server, "alice", 5).await;
        fails(&server, "alicia", 5).await;
        has_to_wait(&server, "alice", PASSWORD, "1").await;
        has_to_wait(&server, "alicia", PASSWORD, "1").await;
        let body = json!({ "email": "alicia@example.org" });
        let changed = patch(&server, &admin, &alice.user_id, body).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        assert_eq!(server.log_in("alicia").await.user_id, alice.user_id);
        server.register("alice").await;
        server.log_in("alice").await;
    }

    async fn an_attempt_that_has_to_wait_is_no_failure(server: Limited) {
        server.register("alice").await;
        fails(&server, "alice", 5).await;
        for _ in 0..10 {
            has_to_wait(&server, "alice", WRONG, "1").await;
        }
        assert_eq!(server.count(MOST_FAILURES).await, 5);
        server.advance(Duration::from_secs(1)).await;
        server.log_in("alice").await;
    }

    async fn p17_guessing_through_other_routes_counts_as_well(server: Limited) {
        let alice = server.register("alice").await;
        let body = json!({ "current": WRONG, "new": "another long pass phrase" });
        for _ in 0..5 {
            let refused = server.send(Method::POST, "/v1/me/password", &alice.access, body.clone());
            assert_eq!(refused.await.status, 401);
        }
        let hashes = server.app.lane.hashes();
        let delete = json!({ "password": PASSWORD });
        let refused = server.send(Method::DELETE, "/v1/me", &alice.access, delete).await;
        assert_eq!(refused.code(), (429, "too_many_attempts".into()));
        assert_eq!(server.app.lane.hashes(), hashes);
    }

    async fn p18_one_password_tried_for_many_accounts_slows_its_address_down(server: Limited) {
        server.register("alice").await;
        for account in 0..20 {
            fails(&server, &format!("user{account}"), 1).await;
        }
        has_to_wait(&server, "alice", PASSWORD, "1").await;
        server.advance(Duration::from_secs(1)).await;
        fails(&server, "user20", 1).await;
        has_to_wait(&server, "alice", PASSWORD, "2").await;
        server.advance(Duration::from_mins(15)).await;
        server.log_in("alice").await;
    }

    async fn w20_nobody_gets_another_address_by_saying_so(server: Limited) {
        server.register("alice").await;
        for account in 0..20 {
            let address = format!("203.0.113.{account}");
            assert_eq!(forwarded(&server, &format!("user{account}"), WRONG, &address).await, 401);
        }
        assert_eq!(forwarded(&server, "alice", PASSWORD, "203.0.113.99").await, 429);
        let events = event::latest(&server.app.db, 50).await.expect("the database answers");
        let mut refused = events.iter().filter(|event| event.outcome == "refused");
        assert!(refused.all(|event| event.address.as_deref() == Some("127.0.0.1")), "{events:?}");
    }

    async fn w20_a_trusted_proxy_tells_addresses_apart(server: BehindProxy) {
        server.register("alice").await;
        for account in 0..20 {
            let (name, address) = (format!("user{account}"), format!("2001:db8::{account}"));
            assert_eq!(forwarded(&server, &name, WRONG, &address).await, 401);
        }
        assert_eq!(forwarded(&server, "alice", PASSWORD, "2001:db8::ffff").await, 429);
        assert_eq!(forwarded(&server, "alice", PASSWORD, "198.51.100.1, 2001:db8::1").await, 429);
        assert_eq!(forwarded(&server, "alice", PASSWORD, "2001:db8:0:1::1").await, 200);
        let events = event::latest(&server.app.db, 50).await.expect("the database answers");
        let told =
            |address: &str| events.iter().any(|event| event.address.as_deref() == Some(address));
        assert!(told("2001:db8::1") && told("2001:db8:0:1::1"), "{events:?}");
    }

    async fn w20_an_odd_forwarded_address_does_no_harm(server: BehindProxy) {
        server.register("alice").await;
        let long = "203.0.113.1, ".repeat(800);
        for odd in
            ["", ",", "unknown", "_hidden", "fe80::1%eth0", "192.0.2.1:80", "[::1]:8080", &long]
        {
            assert_eq!(forwarded(&server, "alice", PASSWORD, odd).await, 200, "{odd:?}");
        }
    }

    async fn failures_are_events_once_a_minute_with_their_count(server: Limited) {
        let alice = server.register("alice").await;
        let occurrences = async || {
            let events = event::latest_of_user(&server.app.db, &alice.user_id, 50).await;
            let events = events.expect("the database answers");
            let refused = events.iter().filter(|event| event.outcome == "refused");
            let mut counts: Vec<_> = refused
                .map(|event| (event.kind.clone(), event.reason.clone(), event.occurrences))
                .collect();
            counts.reverse();
            counts
        };
        let event = |count| ("login".to_owned(), Some("wrong_password".to_owned()), count);
        fails(&server, "alice", 3).await;
        assert_eq!(occurrences().await, [event(1)]);
        server.advance(Duration::from_secs(59)).await;
        fails(&server, "alice", 1).await;
        assert_eq!(occurrences().await, [event(1)]);
        server.advance(Duration::from_secs(1)).await;
        fails(&server, "alice", 1).await;
        assert_eq!(occurrences().await, [event(1), event(4)]);
        server.advance(Duration::from_secs(61)).await;
        fails(&server, "alice", 1).await;
        assert_eq!(occurrences().await, [event(1), event(4), event(1)]);
    }

    async fn counts_are_forgotten_a_day_after_the_last_failure(server: Limited) {
        fails(&server, "nobody", 5).await;
        assert_eq!(server.count(COUNT_FAILURES).await, 2);
        server.advance(DAY).await;
        server.app.purge(server.app.clock.now()).await.expect("the database answers");
        assert_eq!(server.count(COUNT_FAILURES).await, 2);
        server.advance(Duration::from_millis(1)).await;
        server.app.purge(server.app.clock.now()).await.expect("the database answers");
        assert_eq!(server.count(COUNT_FAILURES).await, 0);
    }

    async fn an_address_is_forgotten_however_often_it_failed(server: Limited) {
        for account in 0..110 {
            fails(&server, &format!("user{account}"), 1).await;
            server.advance(Duration::from_mins(1)).await;
        }
        server.advance(2 * DAY).await;
        server.app.purge(server.app.clock.now()).await.expect("the database answers");
        assert_eq!(server.count(COUNT_FAILURES).await, 0);
    }
}

/// One hash at a time that takes long, and room for few to wait.
struct Narrow(TestApp);

impl Narrow {
    async fn on_database(kind: Kind) -> Option<Self> {
        let server = TestApp::with(kind, |config| {
            config.passwords.lanes = 1;
            config.passwords.queue = 4;
            config.passwords.memory_kib = 64 * 1024;
            config.passwords.iterations = 4;
        });
        server.await.map(Self)
    }
}

on_each_database! {
    async fn d6_a_storm_of_logins_is_told_to_come_back_and_token_checks_go_on(server: Narrow) {
        let Narrow(server) = server;
        let alice = server.register("alice").await;
        let storm = join_all((0..16).map(|_| server.log_in_answer("alice", PASSWORD)));
        let checks = async {
            while server.app.lane.waiting() == 0 {
                tokio::task::yield_now().await;
            }
            let hashes = server.app.lane.hashes();
            let status = server.check(&alice.access).await;
            (status, server.app.lane.hashes() - hashes)
        };
        let (answers, (status, hashes)) = tokio::join!(storm, checks);
        assert_eq!(status, 200);
        assert!(hashes <= 1, "{hashes} hashes were waited for");
        let (refused, accepted): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == 503);
        assert!(!refused.is_empty() && !accepted.is_empty(), "{answers:?}");
        for answer in refused {
            assert_eq!(answer.code(), (503, "overloaded".into()));
            assert_eq!(answer.headers["retry-after"], "1");
        }
        assert!(accepted.iter().all(|answer| answer.status == 200), "{accepted:?}");
        assert!(server.app.lane.memory_kib() <= 64 * 1024);
    }
}
