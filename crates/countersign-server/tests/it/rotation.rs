//! Signing keys follow one another by themselves, whichever nodes there are.

use std::time::Duration;

use countersign_server::clock::Time;
use countersign_server::config::Algorithm;
use countersign_server::db::Kind;
use countersign_server::operations::Caller;
use countersign_server::tables::signing_key::SigningKeyRow;
use futures::future::join_all;
use serde_json::Value;

use crate::kit::decode;
use crate::server::{Answer, START, Session, TestApp};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const MONTH: Duration = Duration::from_hours(30 * 24);
/// How long verifiers may keep the JWK set.
const AHEAD: Duration = Duration::from_mins(5);

/// Two nodes with one algorithm.
struct Nodes {
    server: TestApp,
    other: TestApp,
    algorithm: Algorithm,
}

impl Nodes {
    async fn of(kind: Kind, algorithm: Algorithm) -> Option<Self> {
        let server = TestApp::with(kind, |config| config.tokens.algorithm = algorithm).await?;
        let other = server.beside().await;
        Some(Self { server, other, algorithm })
    }

    /// Lets the time be so long after the start, on both nodes.
    async fn at(&self, after: Duration) {
        let now = self.server.app.clock.now();
        self.server.app.clock.advance(START.plus(after).since(now));
        for node in [&self.server, &self.other] {
            node.app.catch_up().await.expect("the database answers");
        }
    }

    /// Both nodes look at once, several times over.
    async fn look(&self) {
        let nodes = [&self.server, &self.other].repeat(4);
        let look = async |node: &&TestApp| {
            let caller = Caller::nobody(node.app.clock.now());
            node.app.rotate_due_key(&caller).await.expect("the database answers")
        };
        let made = join_all(nodes.iter().map(look)).await.into_iter().flatten().count();
        assert!(made <= 1, "{made} keys were made");
        self.at(self.server.app.clock.now().since(START)).await;
    }

    async fn keys(&self) -> Vec<SigningKeyRow> {
        self.server.app.signing_keys().await.expect("the database answers")
    }

    /// The keys that both nodes take tokens of, in the order in which they sign.
    async fn accepted(&self) -> Vec<String> {
        let of = |node: &TestApp| {
            let keys = node.app.keys.ring().keys();
            keys.iter().map(|key| key.key_id().expect("it has one").to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(of(&self.server), of(&self.other));
        let published = join_all([&self.server, &self.other].map(published)).await;
        let public = if self.algorithm.is_symmetric() { vec![] } else { of(&self.server) };
        assert_eq!(published, [public.clone(), public]);
        of(&self.server)
    }

    /// A token made now by each node, each of which is good on both; the key that signed them.
    async fn signed_by(&self) -> String {
        let tokens = [self.server.log_in("alice").await, self.other.log_in("alice").await];
        for token in &tokens {
            assert_eq!(self.server.check(&token.access).await, 200);
            assert_eq!(self.other.check(&token.access).await, 200);
        }
        let [one, other] = tokens.map(|token| key_of(&token));
        assert_eq!(one, other);
        one
    }
}

fn key_of(session: &Session) -> String {
    let header = decode(session.access.split('.').next().expect("a header"));
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    header["kid"].as_str().expect("it names its key").to_owned()
}

async fn published(node: &TestApp) -> Vec<String> {
    let request = node.request(reqwest::Method::GET, "/.well-known/jwks.json");
    let set = Answer::of(request).await.json();
    let keys = set["keys"].as_array().expect("a list").iter();
    keys.map(|key| key["kid"].as_str().expect("text").to_owned()).collect()
}

/// From the first key to the third.
async fn keys_follow_one_another(nodes: Nodes) {
    nodes.server.register("alice").await;
    let first = nodes.signed_by().await;
    nodes.at(MONTH.saturating_sub(AHEAD + SECOND)).await;
    nodes.look().await;
    assert_eq!(nodes.accepted().await, [&*first], "it is not time");

    nodes.at(MONTH.saturating_sub(AHEAD)).await;
    nodes.look().await;
    let keys = nodes.keys().await;
    let second = keys[1].kid.clone();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[1].activates_at, START.plus(MONTH));
    assert_eq!(nodes.accepted().await, [&*first, &*second], "published before it signs");
    assert_eq!(nodes.signed_by().await, first);
    nodes.at(MONTH.saturating_sub(SECOND)).await;
    nodes.look().await;
    assert_eq!(nodes.signed_by().await, first);
    let last = nodes.server.log_in("alice").await;

    nodes.at(MONTH).await;
    assert_eq!(nodes.signed_by().await, second);
    assert_eq!(nodes.server.check(&last.access).await, 200);
    // The last token that it signed is good for 15 minutes, and clocks differ by half a minute.
    nodes.at(MONTH + 15 * MINUTE + 29 * SECOND).await;
    assert_eq!(nodes.accepted().await, [&*first, &*second]);
    nodes.at(MONTH + 15 * MINUTE + 30 * SECOND).await;
    assert_eq!(nodes.accepted().await, [&*second], "withdrawn with its last token");

    nodes.at((2 * MONTH).saturating_sub(AHEAD + SECOND)).await;
    nodes.look().await;
    assert_eq!(nodes.keys().await.len(), 2);
    nodes.at((2 * MONTH).saturating_sub(AHEAD)).await;
    nodes.look().await;
    let third = nodes.keys().await[2].kid.clone();
    nodes.at(2 * MONTH).await;
    assert_eq!(nodes.signed_by().await, third);
    assert_eq!(nodes.keys().await.len(), 3);
}

struct Es256(Nodes);
struct EdDsa(Nodes);
struct Hs256(Nodes);

macro_rules! of_algorithm {
    ($($name:ident: $algorithm:ident),+) => {$(
        impl $name {
            async fn on_database(kind: Kind) -> Option<Self> {
                Nodes::of(kind, Algorithm::$algorithm).await.map(Self)
            }
        }
    )+};
}

of_algorithm!(Es256: Es256, EdDsa: EdDsa, Hs256: Hs256);

/// A server whose keys are rotated by hand alone.
struct ByHand(TestApp);

impl ByHand {
    async fn on_database(kind: Kind) -> Option<Self> {
        TestApp::with(kind, |config| config.keys.rotate_every = None).await.map(Self)
    }
}

/// The keys that nothing is to take the place of.
fn staying(keys: &[SigningKeyRow], now: Time) -> usize {
    keys.iter().filter(|key| key.stays(now)).count()
}

on_each_database! {
    async fn keys_follow_one_another_on_schedule(nodes: Es256) {
        keys_follow_one_another(nodes.0).await;
    }

    async fn keys_of_another_algorithm_do_too(nodes: EdDsa) {
        keys_follow_one_another(nodes.0).await;
    }

    async fn symmetric_keys_do_too(nodes: Hs256) {
        keys_follow_one_another(nodes.0).await;
    }

    async fn keys_that_are_made_at_once_follow_one_another_all_the_same(nodes: Es256) {
        let nodes = nodes.0;
        let both = [&nodes.server, &nodes.other].repeat(4);
        let make = async |(at, node): (usize, &&TestApp)| {
            let caller = Caller::command(node.app.clock.now());
            node.app.rotate_key(&caller, at.is_multiple_of(3)).await.expect("it can be done");
        };
        join_all(both.iter().enumerate().map(make)).await;
        let keys = nodes.keys().await;
        assert_eq!((keys.len(), staying(&keys, START)), (9, 1));
        nodes.at(24 * 60 * MINUTE).await;
        assert_eq!(nodes.accepted().await.len(), 1);
    }

    async fn a_server_that_was_away_when_a_key_was_due_makes_it_when_it_starts(server: TestApp) {
        server.app.clock.advance(2 * MONTH);
        let server = server.restart().await;
        while published(&server).await.len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let keys = server.app.signing_keys().await.expect("the database answers");
        assert_eq!(keys[1].activates_at, server.app.clock.now().plus(AHEAD));
    }

    async fn no_key_is_due_where_they_are_rotated_by_hand(server: ByHand) {
        let app = &server.0.app;
        app.clock.advance(24 * MONTH);
        let due = app.rotate_due_key(&Caller::nobody(app.clock.now())).await;
        assert_eq!(due.expect("the database answers"), None);
    }
}
