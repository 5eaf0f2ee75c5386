//! What a node does while its clock differs from the one that all nodes share.

use std::time::Duration;

use countersign_server::clock::{Clock, Time};
use countersign_server::db::{DbError, WriteCount};
use countersign_server::tables::lease::{self, HOUSEKEEPING};
use serde_json::{Value, json};

use countersign_test_support::program::until;

use crate::guard::{every_route, server};
use crate::server::{Answer, PASSWORD, START, TestApp};

const HOUR: Duration = Duration::from_hours(1);
const SECOND: Duration = Duration::from_secs(1);
/// The routes that answer whatever the clock shows.
const ALWAYS: [&str; 5] = ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"];

fn both_sides(off: Duration) -> [Time; 2] {
    [START.plus(off), START.minus(off)]
}

/// Waits until this node has purged once.
async fn has_purged(server: &TestApp) {
    let last = |write: &WriteCount| write.name == "close_events" && write.count > 0;
    until(async || server.app.db.door().iter().any(last).then_some(())).await;
}

async fn readiness(server: &TestApp) -> (u16, Value) {
    let answer = Answer::of(server.request(http::Method::GET, "/readyz")).await;
    (answer.status.as_u16(), answer.json())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_503_while_the_clock_is_five_seconds_off() {
    let server = server().await;
    for now in both_sides(5 * SECOND) {
        let wrong = server.beside_at(now).await;
        for (method, path, _) in every_route(&server) {
            let answer = Answer::of(wrong.request(method.clone(), &path)).await;
            let name = format!("{method} {path}: {answer:?}");
            if ALWAYS.contains(&path.as_str()) {
                assert_ne!(answer.code().1, "clock_skew", "{name}");
                continue;
            }
            // Every refusal of `passport` has the status 200 and a code.
            let refused = (answer.status.as_u16(), &answer.json()["code"]);
            let is_refused = answer.status == 503 || refused == (200, &json!(1001));
            assert!(is_refused, "{name}");
            assert!(answer.headers.contains_key("retry-after"), "{name}");
            if path.starts_with("/v1/") {
                assert_eq!(answer.code().1, "clock_skew", "{name}");
            }
        }
        let (status, readiness) = readiness(&wrong).await;
        assert_eq!((status, &readiness["failing"]), (503, &json!(["clock"])), "{readiness}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smaller_difference_is_told_and_served() {
    let server = server().await;
    let alice = server.register("alice").await;
    for now in both_sides(SECOND) {
        let off = server.beside_at(now).await;
        assert_eq!(off.check(&off.log_in("alice").await.access).await, 200);
        assert_eq!(off.check(&alice.access).await, 200);
        let (status, readiness) = readiness(&off).await;
        assert_eq!((status, &readiness["degraded"][0]["check"]), (200, &json!("clock")));
        let metrics = off.app.metrics_text().expect("text");
        let name = "countersign_clock_difference_seconds ";
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)).expect("it is there");
        let expected = if now > START { 1.0 } else { -1.0 };
        assert_eq!(value.parse(), Ok(expected));
    }
    assert_eq!(readiness(&server).await.1["degraded"], json!([]));
}

on_each_database! {
    async fn a_node_serves_again_once_its_clock_is_right(server: TestApp) {
        let alice = server.register("alice").await;
        let wrong = server.beside_at(START.minus(HOUR)).await;
        assert_eq!(wrong.check(&alice.access).await, 503);
        // The shared clock stands still, so that an hour later both agree.
        wrong.app.clock.advance(HOUR);
        wrong.app.shared_clock.measure().await.expect("the database answers");
        wrong.app.catch_up().await.expect("the database answers");
        assert_eq!(wrong.check(&alice.access).await, 200);
    }

    async fn a_node_slightly_behind_the_first_key_signs_with_it(server: TestApp) {
        let body = json!({ "email": "alice@example.org", "password": PASSWORD });
        let behind = server.beside_at(START.minus(4 * SECOND)).await;
        let answer = behind.post("/v1/register", body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }

    async fn a_single_node_whose_clock_was_set_back_refuses_instead_of_failing(server: TestApp) {
        server.register("alice").await;
        let clock = Clock::manual(START.minus(HOUR));
        let behind = server.restart_at(clock).await;
        let answer = behind.log_in_answer("alice", PASSWORD).await;
        assert_eq!(answer.code(), (503, "clock_skew".to_owned()));
        let (status, readiness) = readiness(&behind).await;
        assert_eq!((status, &readiness["failing"]), (503, &json!(["clock"])), "{readiness}");
    }

    async fn a_node_a_day_ahead_purges_nothing_that_still_matters(server: TestApp) {
        let alice = server.register("alice").await;
        server.send(http::Method::POST, "/v1/logout", &alice.access, Value::Null).await;
        has_purged(&server).await;
        let holder = server.app.node.id().to_owned();
        let released: Result<(), DbError> = server.app.db.write("release", move |tx| {
            let holder = holder.clone();
            Box::pin(async move { lease::release(tx, HOUSEKEEPING, &holder).await })
        }).await;
        released.expect("the database obeys");
        let ahead = server.beside_at(START.plus(25 * HOUR)).await;
        ahead.run(ahead.app.clone(), |app| async move { app.attend().await });
        has_purged(&ahead).await;
        assert_eq!(server.beside().await.check(&alice.access).await, 401);
    }
}
