//! What is counted and measured, and who is told.

use countersign_server::tables::api_key::Right;
use reqwest::Method;
use serde_json::json;

use crate::api_keys::made;
use crate::server::{Answer, TestApp};

async fn metrics(server: &TestApp, key: &str) -> Answer {
    Answer::of(server.request(Method::GET, "/metrics").bearer_auth(key)).await
}

/// The value of the one line that begins so.
#[track_caller]
fn value(text: &str, series: &str) -> String {
    let mut values = text.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let value = values.next().unwrap_or_else(|| panic!("no {series} in\n{text}"));
    assert_eq!(values.next(), None, "{series} comes twice");
    value.strip_suffix(".0").unwrap_or(value).to_owned()
}

on_each_database! {
    async fn a_program_with_the_right_is_told_and_nobody_else(server: TestApp) {
        let (_, key) = made(&server.app, &[Right::Metrics]).await;
        let (_, other) = made(&server.app, &[Right::Introspect]).await;
        let answer = metrics(&server, &key).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.headers["content-type"],
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        );
        assert!(answer.text.ends_with("# EOF\n"), "{}", answer.text);
        assert_eq!(metrics(&server, &other).await.status, 403);
        assert_eq!(metrics(&server, "nothing").await.status, 401);
        let without = Answer::of(server.request(Method::GET, "/metrics")).await;
        assert_eq!(without.status, 401);
        let session = server.register("alice").await;
        assert_eq!(metrics(&server, &session.access).await.status, 401);
    }

    async fn requests_are_counted_by_route_and_outcome(server: TestApp) {
        let (_, key) = made(&server.app, &[Right::Metrics]).await;
        let session = server.register("alice").await;
        server.log_in_answer("alice", "not her password").await;
        server.request(Method::DELETE, &format!("/v1/sessions/{}", session.id))
            .bearer_auth(&session.access).send().await.expect("an answer");
        for path in ["/nothing/there", "/v1/login/x"] {
            server.request(Method::GET, path).send().await.expect("an answer");
        }
        let text = metrics(&server, &key).await.text;
        for (route, method, status, count) in [
            ("/v1/register", "POST", 201, "1"),
            ("/v1/login", "POST", 401, "1"),
            ("/v1/sessions/{id}", "DELETE", 204, "1"),
            ("none", "GET", 404, "2"),
        ] {
            let series = format!(
                "countersign_http_requests_total\
                 {{route=\"{route}\",method=\"{method}\",status=\"{status}\"}}"
            );
            assert_eq!(value(&text, &series), count);
        }
        let durations = "countersign_http_request_duration_seconds_count{route=\"/v1/login\"}";
        assert_eq!(value(&text, durations), "1");
        assert!(!text.contains(&session.id), "an id makes no series");
    }

    async fn refreshes_are_counted_by_what_came_of_them(server: TestApp) {
        let (_, key) = made(&server.app, &[Right::Metrics]).await;
        let first = server.register("alice").await;
        let second = server.refresh(&first).await;
        server.refresh(&first).await;
        let third = server.refresh(&second).await;
        server.refresh_answer(&third.access).await;
        assert_eq!(server.check(&third.access).await, 200);
        server.refresh_answer(&first.refresh).await;
        server.refresh_answer(&third.refresh).await;
        let text = metrics(&server, &key).await.text;
        for (outcome, count) in
            [("rotated", "2"), ("repeated", "1"), ("refresh_reuse", "2"), ("not_ours", "1")]
        {
            let series = format!("countersign_refreshes_total{{outcome=\"{outcome}\"}}");
            assert_eq!(value(&text, &series), count, "{outcome}");
        }
    }

    async fn refused_access_tokens_are_counted_by_reason(server: TestApp) {
        let (_, key) = made(&server.app, &[Right::Metrics]).await;
        let session = server.register("alice").await;
        server.request(Method::GET, "/v1/me").send().await.expect("an answer");
        let basic = server.request(Method::GET, "/v1/me").header("authorization", "Bearer  x");
        basic.send().await.expect("an answer");
        server.check("not.a.token").await;
        server.get("/forward-auth", "not.a.token").await;
        server.get("/forward-auth?role=admin", &session.access).await;
        server.send(Method::POST, "/v1/logout", "not.a.token", json!({})).await;
        let out = server.send(Method::POST, "/v1/logout", &session.access, json!({})).await;
        assert_eq!(out.status, 204);
        server.check(&session.access).await;
        let other = server.log_in("alice").await;
        // What is refused for something else is not counted.
        server.refresh_answer(&session.refresh).await;
        server.log_in_answer("alice", "not her password").await;
        metrics(&server, "no key").await;
        let twice = server.request(Method::GET, "/metrics").bearer_auth(&key);
        assert_eq!(Answer::of(twice.bearer_auth("another")).await.status, 400);
        server.advance(std::time::Duration::from_mins(16)).await;
        server.check(&other.access).await;
        let third = server.log_in("alice").await;
        server.app.clock.advance(std::time::Duration::from_mins(1));
        server.check(&third.access).await;
        assert_eq!(metrics(&server, &key).await.status, 503);
        server.app.catch_up().await.expect("the database answers");
        let text = metrics(&server, &key).await.text;
        let mut counted: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("countersign_refusals_total{reason=\""))
            .collect();
        counted.sort_unstable();
        assert_eq!(counted, [
            "expired\"} 1", "invalid\"} 3", "logout\"} 1", "malformed\"} 1", "missing\"} 1",
            "out_of_touch\"} 1", "role\"} 1",
        ]);
    }

    async fn the_dashboard_shows_what_there_is(server: TestApp) {
        let dashboard = include_str!("../../../../deploy/grafana-dashboard.json");
        let (_, key) = made(&server.app, &[Right::Metrics]).await;
        let session = server.register("alice").await;
        server.refresh(&session).await;
        server.check("not.a.token").await;
        let text = metrics(&server, &key).await.text;
        let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        let shown: std::collections::BTreeSet<&str> =
            dashboard.split(word).filter(|it| it.starts_with("countersign_")).collect();
        for series in shown.iter().filter(|it| **it != "countersign_redis_up") {
            let is_there = |line: &str| line.strip_prefix(*series).is_some_and(|it| it.starts_with([' ', '{']));
            assert!(text.lines().any(is_there), "{series}");
        }
        let unshown: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
            .filter(|name| !shown.iter().any(|it| it.starts_with(name)))
            .collect();
        assert_eq!(unshown, ["countersign_hash_lane_memory_bytes"]);
    }

    async fn what_others_count_is_read(server: TestApp) {
        let (_, key) = made(&server.app, &[Right::Metrics]).await;
        let session = server.register("alice").await;
        let out = server.request(Method::POST, "/v1/logout").bearer_auth(&session.access);
        assert_eq!(Answer::of(out.json(&json!({}))).await.status, 204);
        let text = metrics(&server, &key).await.text;
        assert_eq!(value(&text, "countersign_revocations"), "1");
        assert_eq!(value(&text, "countersign_hashes_total"), "1");
        assert_eq!(value(&text, "countersign_hash_lane_waiting"), "0");
        assert_ne!(value(&text, "countersign_hash_wait_seconds_total"), "");
        assert_eq!(value(&text, "countersign_staleness_seconds"), "0");
        assert_eq!(value(&text, "countersign_db_writes_total{name=\"register\"}"), "1");
        assert_eq!(value(&text, "countersign_db_write_failures_total{name=\"register\"}"), "0");
        assert_ne!(value(&text, "countersign_db_write_seconds_total{name=\"register\"}"), "0");
        assert!(!text.contains("countersign_redis_up"), "there is none");
    }

    async fn readiness_says_what_is_wrong(server: TestApp) {
        let ready = Answer::of(server.request(Method::GET, "/readyz")).await;
        assert_eq!((ready.status.as_u16(), ready.json()), (200, json!({ "status": "ok", "degraded": [] })));
        server.app.clock.advance(std::time::Duration::from_mins(1));
        let ready = Answer::of(server.request(Method::GET, "/readyz")).await;
        assert_eq!(ready.status, 503);
        assert_eq!(ready.json()["failing"], json!(["fresh"]));
        let detail = "This node last knew 60.0 s ago what the others ended; \
                      sessions.max_staleness is 5 s.";
        assert_eq!(ready.json()["problems"], json!([{ "check": "fresh", "detail": detail }]));
    }
}
