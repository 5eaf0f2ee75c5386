//! What failed attempts and too much work lead to: delays, 429 and 503. The clock moves only as the
//! tests say; `p17` and the like are cases of the acceptance list.

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
use crate::server::{Answer, PASSWORD, Session, TestApp};

sql! {
    COUNT_FAILURES = "SELECT COUNT(*) FROM failures";
    COUNTED = "SELECT COUNT(*) FROM failures WHERE failures > 0";
    MOST_FAILURES = "SELECT MAX(failures) FROM failures";
}

const WRONG: &str = "a wrong pass phrase";
/// The longest delay of an account.
const LONGEST: Duration = Duration::from_mins(15);
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

/// Logs in as a client at this address, by way of a proxy.
async fn from(server: &TestApp, name: &str, password: &str, address: &str) -> Answer {
    let identifier = format!("{name}@example.org");
    let body = json!({ "identifier": identifier, "password": password });
    let request = server.request(Method::POST, "/v1/login").json(&body);
    Answer::of(request.header("x-forwarded-for", address)).await
}

async fn forwarded(server: &TestApp, name: &str, password: &str, forwarded_for: &str) -> u16 {
    from(server, name, password, forwarded_for).await.status.as_u16()
}

/// Fails so often from an address of its own each time, none of them in a network of the user's.
async fn strangers_fail(server: &TestApp, name: &str, times: u8) {
    for time in 0..times {
        let address = format!("203.0.{time}.1");
        assert_eq!(forwarded(server, name, WRONG, &address).await, 401, "{name} {time}");
    }
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

    async fn p17_no_account_is_locked_however_often_somebody_fails(server: BehindProxy) {
        let alice = server.register("alice").await;
        for time in 0..120 {
            let address = format!("203.0.{time}.1");
            assert_eq!(forwarded(&server, "alice", WRONG, &address).await, 401, "{time}");
            server.advance(LONGEST).await;
        }
        assert_eq!(forwarded(&server, "alice", WRONG, "198.51.100.1").await, 401);
        let refused = from(&server, "alice", PASSWORD, "198.51.100.1").await;
        assert_eq!(refused.code(), (429, "too_many_attempts".into()));
        assert_eq!(refused.headers["retry-after"], "900");
        let refreshed = server.refresh(&alice).await;
        assert_eq!(server.check(&refreshed.access).await, 200, "live sessions keep working");
        server.advance(LONGEST).await;
        assert_eq!(forwarded(&server, "alice", PASSWORD, "198.51.100.1").await, 200);
    }

    async fn p17_each_hour_without_an_attempt_halves_the_count(server: Limited) {
        server.register("alice").await;
        fails(&server, "alice", 5).await;
        for seconds in [1, 2, 4] {
            server.advance(Duration::from_secs(seconds)).await;
            fails(&server, "alice", 1).await;
        }
        has_to_wait(&server, "alice", WRONG, "8").await;
        server.advance(Duration::from_hours(1)).await;
        fails(&server, "alice", 1).await;
        has_to_wait(&server, "alice", WRONG, "1").await;
        server.advance(Duration::from_hours(4)).await;
        fails(&server, "alice", 5).await;
    }

    async fn unlocking_forgets_what_strangers_and_the_own_network_failed(server: BehindProxy) {
        let alice = server.register("alice").await;
        fails(&server, "alice", 5).await;
        strangers_fail(&server, "alice", 5).await;
        has_to_wait(&server, "alice", PASSWORD, "1").await;
        assert_eq!(forwarded(&server, "alice", PASSWORD, "198.51.100.1").await, 429);
        let caller = Caller::command(server.app.clock.now());
        let user = server.app.user(&alice.user_id).await.expect("the user is there");
        assert!(server.app.unlock(&caller, &user).await.expect("the database answers"));
        assert!(!server.app.unlock(&caller, &user).await.expect("the database answers"));
        server.log_in("alice").await;
        assert_eq!(forwarded(&server, "alice", PASSWORD, "198.51.100.1").await, 200);
    }

    async fn p17_strangers_do_not_keep_a_user_out_of_a_network_of_their_own(server: BehindProxy) {
        server.register("alice").await;
        assert_eq!(forwarded(&server, "alice", PASSWORD, "2001:db8:1:1::1").await, 200);
        assert_eq!(forwarded(&server, "alice", PASSWORD, "198.51.100.1").await, 200);
        strangers_fail(&server, "alice", 5).await;
        for stranger in ["203.0.113.1", "198.51.101.1", "2001:db8:1:2::1"] {
            assert_eq!(forwarded(&server, "alice", PASSWORD, stranger).await, 429, "{stranger}");
        }
        for own in ["198.51.100.99", "2001:db8:1:1:ffff::1"] {
            assert_eq!(forwarded(&server, "alice", PASSWORD, own).await, 200, "{own}");
        }
        assert_eq!(forwarded(&server, "alice", PASSWORD, "203.0.113.1").await, 429);
        // Nor do guesses within the own network go on for ever.
        for _ in 0..5 {
            assert_eq!(forwarded(&server, "alice", WRONG, "198.51.100.7").await, 401);
        }
        assert_eq!(forwarded(&server, "alice", PASSWORD, "198.51.100.1").await, 429);
        assert_eq!(forwarded(&server, "alice", PASSWORD, "2001:db8:1:1::1").await, 200);
    }

    async fn a_network_is_the_users_own_for_ninety_days(server: BehindProxy) {
        server.register("alice").await;
        strangers_fail(&server, "alice", 5).await;
        server.advance((90 * DAY).saturating_sub(Duration::from_millis(1))).await;
        strangers_fail(&server, "alice", 5).await;
        assert_eq!(server.log_in_answer("alice", WRONG).await.status, 401);
        server.advance(Duration::from_millis(1)).await;
        assert_eq!(server.log_in_answer("alice", PASSWORD).await.status, 429);
    }

    async fn p17_all_names_of_a_user_share_one_count(server: BehindProxy) {
        let body = json!({
            "email": "alice@example.org",
            "username": "alice",
            "phone": "+49 30 1234567",
            "password": PASSWORD,
        });
        let answer = server.post("/v1/register", body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let alice = Session::read(&answer.json()["session"]);
        let attempt = async |identifier: &str| {
            let body = json!({ "identifier": identifier, "password": WRONG });
            server.post("/v1/login", body).await.status.as_u16()
        };
        for name in ["alice@example.org", "alice", "+49301234567", "ALICE@EXAMPLE.ORG"] {
            assert_eq!(attempt(name).await, 401, "{name}");
        }
        let body = json!({ "current": WRONG, "new": "another long pass phrase" });
        let send = || server.send(Method::POST, "/v1/me/password", &alice.access, body.clone());
        assert_eq!(send().await.status, 401);
        for name in ["alice@example.org", "alice", "+49301234567"] {
            assert_eq!(attempt(name).await, 429, "{name}");
        }
        assert_eq!(send().await.status, 429);
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
        has_to_wait(&server, "user20", WRONG, "1").await;
        server.advance(Duration::from_secs(1)).await;
        fails(&server, "user20", 1).await;
        has_to_wait(&server, "user21", WRONG, "2").await;
        server.log_in("alice").await;
        has_to_wait(&server, "user21", WRONG, "2").await;
        server.advance(Duration::from_mins(15)).await;
        fails(&server, "user21", 1).await;
    }

    async fn p18_neighbours_do_not_shut_a_users_own_network(server: BehindProxy) {
        server.register("alice").await;
        server.register("bob").await;
        assert_eq!(forwarded(&server, "alice", PASSWORD, "192.0.2.1").await, 200);
        for account in 0..20 {
            let name = format!("user{account}");
            assert_eq!(forwarded(&server, &name, WRONG, "192.0.2.1").await, 401);
        }
        for _ in 0..3 {
            assert_eq!(forwarded(&server, "bob", PASSWORD, "192.0.2.1").await, 429);
            assert_eq!(forwarded(&server, "alice", PASSWORD, "192.0.2.1").await, 200);
        }
    }

    async fn w20_nobody_gets_another_address_by_saying_so(server: Limited) {
        server.register("alice").await;
        for account in 0..20 {
            let address = format!("203.0.113.{account}");
            assert_eq!(forwarded(&server, &format!("user{account}"), WRONG, &address).await, 401);
        }
        assert_eq!(forwarded(&server, "user20", WRONG, "203.0.113.99").await, 429);
        let events = event::latest(&server.app.db, 50).await.expect("the database answers");
        let mut refused = events.iter().filter(|event| event.outcome == "refused");
        assert!(refused.all(|event| event.address.as_deref() == Some("127.0.0.1")), "{events:?}");
    }

    async fn w20_a_trusted_proxy_tells_addresses_apart(server: BehindProxy) {
        server.register("alice").await;
        // An invented name makes no event.
        assert_eq!(forwarded(&server, "alice", WRONG, "2001:db8::1").await, 401);
        for account in 1..20 {
            let (name, address) = (format!("user{account}"), format!("2001:db8::1:{account}"));
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

    async fn invented_names_are_one_event_a_minute_for_their_address(server: BehindProxy) {
        let occurrences = async || {
            let events = event::latest(&server.app.db, 500).await.expect("the database answers");
            let refused = events.iter().filter(|event| event.outcome == "refused");
            let mut counts: Vec<_> = refused
                .map(|event| (event.address.clone().unwrap_or_default(), event.occurrences))
                .collect();
            counts.reverse();
            counts
        };
        let event = |count| ("192.0.2.1".to_owned(), count);
        for account in 0..20 {
            let name = format!("user{account}");
            assert_eq!(forwarded(&server, &name, WRONG, "192.0.2.1").await, 401);
        }
        assert_eq!(occurrences().await, [event(1)]);
        server.advance(Duration::from_mins(1)).await;
        assert_eq!(forwarded(&server, "user20", WRONG, "192.0.2.1").await, 401);
        assert_eq!(occurrences().await, [event(1), event(20)]);
    }

    async fn counts_are_forgotten_four_hours_after_the_last_attempt(server: Limited) {
        fails(&server, "nobody", 5).await;
        assert_eq!(server.count(COUNT_FAILURES).await, 2);
        server.advance(Duration::from_hours(4)).await;
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

/// Three nodes of one database that count failures, and believe who connects to them about addresses.
struct Nodes(Vec<TestApp>);

impl Nodes {
    async fn on_database(kind: Kind) -> Option<Self> {
        let BehindProxy(first) = BehindProxy::on_database(kind).await?;
        let (second, third) = (first.beside().await, first.beside().await);
        Some(Self(vec![first, second, third]))
    }

    fn hashes(&self) -> u64 {
        self.0.iter().map(|node| node.app.lane.hashes()).sum()
    }

    /// Wrong passwords all at once, one after another to the next of so many nodes; how many were
    /// hashed. All others are told to wait: for the delay, or for those that are under way.
    async fn guess<'a>(
        &self,
        nodes: usize,
        guesses: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> u64 {
        let before = self.hashes();
        let guesses = guesses
            .enumerate()
            .map(|(number, (name, address))| from(&self.0[number % nodes], name, WRONG, address));
        let mut hashed = 0;
        for answer in join_all(guesses).await {
            match answer.status.as_u16() {
                401 => hashed += 1,
                429 | 503 => assert!(answer.headers.contains_key("retry-after")),
                _ => panic!("{answer:?}"),
            }
        }
        assert_eq!(self.hashes() - before, hashed);
        hashed
    }

    fn after(&self, seconds: u64) {
        self.0[0].app.clock.advance(Duration::from_secs(seconds));
    }
}

/// So many at once.
const BURST: usize = 300;

/// A burst, and one after each delay, which doubles each time; one guess of each is hashed.
async fn bursts(nodes: &Nodes, at: usize, (first, last): (u64, u64), guesses: &[(String, String)]) {
    let burst = || guesses.iter().map(|(name, address)| (name.as_str(), address.as_str()));
    assert_eq!(nodes.guess(at, burst()).await, first);
    let mut delay = 1;
    while delay <= last {
        nodes.after(delay);
        assert_eq!(nodes.guess(at, burst()).await, 1, "after {delay} seconds");
        delay *= 2;
    }
}

/// Each name from each address in turn.
fn guesses(names: usize, addresses: usize) -> Vec<(String, String)> {
    let guess = |number: usize| {
        let address = number % addresses;
        let address = format!("203.{}.{}.1", address / 250, address % 250);
        (format!("user{}", number % names), address)
    };
    (0..BURST).map(guess).collect()
}

on_each_database! {
    async fn p17_guesses_at_once_are_counted_as_those_in_turn_are(nodes: Nodes) {
        nodes.0[0].register("user0").await;
        bursts(&nodes, 1, (5, 8), &guesses(1, 1)).await;
    }

    async fn p17_guesses_at_once_through_three_nodes_are_counted_alike(nodes: Nodes) {
        nodes.0[0].register("user0").await;
        bursts(&nodes, 3, (5, 512), &guesses(1, BURST)).await;
        for _ in 0..2 {
            nodes.after(LONGEST.as_secs());
            let strangers = guesses(1, BURST);
            let strangers = strangers.iter().map(|(name, address)| (&**name, &**address));
            assert_eq!(nodes.guess(3, strangers).await, 1);
        }
        assert_eq!(nodes.0[0].count(MOST_FAILURES).await, 15);
    }

    async fn p17_an_account_that_nobody_has_is_counted_alike(nodes: Nodes) {
        bursts(&nodes, 3, (5, 4), &guesses(1, BURST)).await;
    }

    async fn p18_guesses_at_once_for_many_accounts_are_counted_by_their_address(nodes: Nodes) {
        bursts(&nodes, 3, (20, 32), &guesses(BURST, 1)).await;
        nodes.after(60);
        let one_more = guesses(BURST, 1);
        let one_more = one_more.iter().map(|(name, address)| (&**name, &**address));
        assert_eq!(nodes.guess(3, one_more).await, 1);
        assert_eq!(nodes.guess(3, [("somebody", "198.51.100.1")].into_iter()).await, 1);
    }

    async fn p18_many_who_log_in_at_once_behind_one_address_are_all_let_in(nodes: Nodes) {
        let server = &nodes.0[0];
        let names: Vec<_> = (0..60).map(|number| format!("user{number}")).collect();
        for name in &names {
            server.register(name).await;
            // Registrations have a limit of their own.
            server.advance(Duration::from_mins(1)).await;
        }
        let log_in = names.iter().map(|name| forwarded(server, name, PASSWORD, "192.0.2.1"));
        let statuses = join_all(log_in).await;
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
        assert_eq!(server.count(COUNTED).await, 0, "nothing is left of what succeeded");
    }
}

/// One hash at a time that takes long.
struct Slow(TestApp);

impl Slow {
    async fn on_database(kind: Kind) -> Option<Self> {
        let server = TestApp::with(kind, |config| {
            config.limits.enabled = true;
            config.passwords.lanes = 1;
            config.passwords.memory_kib = 64 * 1024;
            config.passwords.iterations = 4;
        });
        server.await.map(Self)
    }
}

on_each_database! {
    async fn p17_a_guess_whose_client_does_not_wait_for_the_answer_counts(server: Slow) {
        let Slow(server) = server;
        server.register("alice").await;
        let guesses = join_all((0..5).map(|_| server.log_in_answer("alice", WRONG)));
        let under_way = async {
            while server.app.lane.waiting() < 4 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            answers = guesses => panic!("they were answered: {answers:?}"),
            () = under_way => {}
        }
        assert_eq!(server.log_in_answer("alice", PASSWORD).await.status, 429);
        assert_eq!(server.count(MOST_FAILURES).await, 5);
    }

    async fn logins_of_one_account_that_would_wait_for_long_are_told_to_come_back(server: Slow) {
        let Slow(server) = server;
        server.register("alice").await;
        let storm = (0..100).map(|_| server.log_in_answer("alice", PASSWORD));
        let answers = join_all(storm).await;
        let (refused, accepted): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == 503);
        assert!(!refused.is_empty() && accepted.len() >= 5, "{answers:?}");
        for answer in refused {
            assert_eq!(answer.code(), (503, "overloaded".into()));
            assert_eq!(answer.headers["retry-after"], "1");
        }
        assert!(accepted.iter().all(|answer| answer.status == 200), "{accepted:?}");
    }
}

/// One hash at a time that takes long, and room for few to wait.
struct Narrow(TestApp);

impl Narrow {
    async fn on_database(kind: Kind) -> Option<Self> {
        let server = TestApp::with(kind, |config| {
            config.limits.enabled = true;
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
        let names: Vec<String> = (0..16).map(|number| format!("nobody-{number}")).collect();
        let storm = join_all(names.iter().map(|name| server.log_in_answer(name, PASSWORD)));
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
            let seconds = answer.headers["retry-after"].to_str().expect("ASCII").parse::<u64>();
            assert!(seconds.is_ok_and(|seconds| (1..=30).contains(&seconds)), "{answer:?}");
        }
        assert!(accepted.iter().all(|answer| answer.status == 401), "{accepted:?}");
        assert!(server.app.lane.memory_kib() <= 64 * 1024);
    }

    async fn an_attempt_that_there_was_no_room_for_is_not_counted(server: Narrow) {
        let Narrow(server) = server;
        server.register("alice").await;
        let names: Vec<String> = (0..16).map(|number| format!("nobody-{number}")).collect();
        let answers = join_all(names.iter().map(|name| server.log_in_answer(name, WRONG))).await;
        let (refused, hashed): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == 503);
        assert!(!refused.is_empty(), "{answers:?}");
        assert!(hashed.iter().all(|answer| answer.status == 401), "{hashed:?}");
        // The address they all come from has as many failures as there were hashes.
        assert_eq!(usize::try_from(server.count(MOST_FAILURES).await), Ok(hashed.len()));
    }
}
