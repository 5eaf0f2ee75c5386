//! Each rule of the feed of revocations, through a router.

use std::time::Duration;

use countersign::remote::FetchError;
use countersign::{Clock, VerifyError};
use http::StatusCode;
use serde_json::json;
use tokio::time::sleep;

use crate::remote::feed_server::{FeedServer, Followed, STALENESS, line, signed, signed_as};
use crate::remote::issuer::token;

const SOON: Duration = Duration::from_secs(1);

#[tokio::test]
async fn the_snapshot_is_taken_and_each_revocation_is_heard_at_once() {
    let server = FeedServer::start().await;
    server.set(|state| state.lines = format!("{}\n", line("before")));
    let followed = server.follow();
    assert_eq!(followed.status("s1").await, 503, "nothing is known yet");
    followed.feed.ready().await.unwrap();
    assert_eq!((followed.status("s1").await, followed.status("before").await), (200, 401));
    server.revoke("s1", "n.2");
    assert!(followed.becomes("s1", 401).await < SOON);
    assert_eq!(followed.status("s2").await, 200);
    assert_eq!(server.see(|state| state.authorization.clone()).as_deref(), Some("Bearer csk_test"));
    assert_eq!(followed.feed.fault(), None);
}

#[tokio::test]
async fn a_stream_that_ends_goes_on_where_it_was() {
    let server = FeedServer::start().await;
    let followed = server.follow();
    followed.feed.ready().await.unwrap();
    server.revoke("s1", "n.2");
    followed.becomes("s1", 401).await;
    server.set(|state| state.resumes_at = Some("n.2".to_owned()));
    server.hang_up();
    while server.see(|state| state.streams.len()) < 2 {
        sleep(Duration::from_millis(5)).await;
    }
    server.revoke("s2", "n.3");
    assert!(followed.becomes("s2", 401).await < SOON);
    assert_eq!(followed.status("s3").await, 200, "it was fresh all the while");
    let seen = server.see(|state| (state.streams.clone(), state.snapshots));
    assert_eq!(seen, (vec![None, Some("n.2".to_owned())], 1));
}

#[tokio::test]
async fn where_a_stream_cannot_go_on_the_snapshot_is_taken_again_if_it_changed() {
    let server = FeedServer::start().await;
    let followed = server.follow();
    followed.feed.ready().await.unwrap();
    server.hang_up();
    while server.see(|state| state.unchanged) < 1 {
        sleep(Duration::from_millis(5)).await;
    }
    server.set(|state| {
        state.lines = format!("{}\n", line("missed"));
        state.tag = "W/\"2\"".to_owned();
    });
    server.hang_up();
    assert!(followed.becomes("missed", 401).await < SOON);
    assert_eq!(server.see(|state| (state.snapshots, state.unchanged)), (3, 1));
}

#[tokio::test]
async fn what_a_clock_that_ran_ahead_had_forgotten_is_learned_again() {
    let server = FeedServer::start().await;
    server.set(|state| state.lines = format!("{}\n", line("s1")));
    let clock = Clock::manual(Clock::system().unix_seconds());
    let followed = Followed::of(server.builder().clock(clock.clone()));
    followed.becomes("s1", 401).await;
    server.set(|state| state.resumes_at = Some("n.1".to_owned()));
    let ahead = Duration::from_hours(100 * 24);
    clock.advance(ahead);
    followed.becomes("s1", 200).await;
    assert_eq!(server.see(|state| state.snapshots), 1, "it is over by that clock");
    clock.turn_back(ahead);
    followed.becomes("s1", 401).await;
    assert_eq!(server.see(|state| (state.snapshots, state.unchanged)), (2, 0));
    followed.becomes("s2", 200).await;
}

#[tokio::test]
async fn a_server_that_falls_silent_is_not_relied_on_for_long() {
    let server = FeedServer::start().await;
    let followed = server.follow();
    followed.feed.ready().await.unwrap();
    server.set(|state| (state.beats, state.status) = (false, Some(StatusCode::BAD_GATEWAY)));
    sleep(STALENESS / 2).await;
    assert_eq!(followed.status("s1").await, 200);
    let waited = followed.becomes("s1", 503).await;
    assert!(waited < STALENESS, "{waited:?}");
    assert_eq!(followed.status_going_on("s1").await, 200);
    server.hang_up();
    assert!(matches!(followed.fault().await, FetchError::Status(502) | FetchError::TimedOut));

    server.set(|state| (state.beats, state.status) = (true, None));
    followed.becomes("s1", 200).await;
    assert_eq!(followed.feed.fault(), None);
}

#[tokio::test]
async fn what_the_server_itself_has_not_heard_of_counts() {
    let server = FeedServer::start().await;
    let followed = server.follow();
    followed.feed.ready().await.unwrap();
    let limit = u64::try_from(STALENESS.as_millis()).unwrap();
    server.set(|state| state.age = limit - 500);
    sleep(Duration::from_millis(300)).await;
    assert_eq!(followed.status("s1").await, 200);
    server.set(|state| state.age = limit + 1);
    assert!(followed.becomes("s1", 503).await < SOON);
}

#[tokio::test]
async fn a_heartbeat_that_was_long_on_its_way_says_nothing_of_now() {
    let server = FeedServer::start().await;
    let followed = server.follow();
    followed.feed.ready().await.unwrap();
    // What comes was all sent at one moment, however late it is read.
    let stands_still = server.see(|state| state.streams.len());
    server.set(|state| (state.clock, state.resumes_at) = (Some(0), Some("n.1".to_owned())));
    server.set(|state| state.status = Some(StatusCode::BAD_GATEWAY));
    let waited = followed.becomes("s1", 503).await;
    assert!(waited < STALENESS + SOON, "{waited:?}");
    followed.fault().await;
    // A new stream knows better.
    server.set(|state| (state.clock, state.status) = (None, None));
    followed.becomes("s1", 200).await;
    assert!(server.see(|state| state.streams.len()) > stands_still);
}

/// A server whose snapshot is this is at fault, and nothing of it is taken, until it is right.
async fn assert_refused(name: &str, body: String, fault: FetchError) {
    let server = FeedServer::start().await;
    server.set(|state| state.body = Some(body));
    let followed = Followed::of(server.builder().max_bytes(65_536));
    assert_eq!(followed.fault().await, fault, "{name}");
    assert_eq!(followed.feed.ready().await, Err(fault), "{name}");
    assert_eq!(followed.status("s1").await, 503, "{name}");
    assert_eq!(followed.status_going_on("s1").await, 200, "{name}: nothing of it is taken");
    server.set(|state| state.body = None);
    followed.becomes("s1", 200).await;
}

#[tokio::test]
async fn a_snapshot_that_is_not_as_it_was_signed_counts_for_nothing() {
    let (one, other) = (format!("{}\n", line("s1")), format!("{}\n", line("s2")));
    let both = format!("{one}{other}");
    let signature = |lines: &str| signed(lines, &json!({})).replace(lines, "");
    for (name, body) in [
        ("a line left out", format!("{one}{}", signature(&both))),
        ("a line put in", format!("{both}{}", signature(&one))),
        ("a line changed", format!("{other}{}", signature(&one))),
        ("another count", signed(&one, &json!({ "count": 2 }))),
    ] {
        assert_refused(name, body, FetchError::OtherContent).await;
    }
    for (name, body) in [
        ("no signature", one.clone()),
        ("half a signature", signed(&one, &json!({})).trim_end().to_owned()),
        ("nothing", String::new()),
    ] {
        assert_refused(name, body, FetchError::BrokenOff).await;
    }
    for (name, body) in [
        ("more after it", format!("{}{one}", signed(&one, &json!({})))),
        ("no line", format!("s1 is over\n{}", signed(&one, &json!({})))),
        ("a line without end", "x".repeat(20_000)),
    ] {
        assert_refused(name, body, FetchError::Malformed).await;
    }
    let large = signed(&both.repeat(1_000), &json!({}));
    assert_refused("too large", large, FetchError::TooLarge { limit: 65_536 }).await;
}

#[tokio::test]
async fn whoever_knows_nothing_is_not_told_that_nothing_changed() {
    let server = FeedServer::start().await;
    server.set(|state| state.denies_change = true);
    let followed = server.follow();
    assert_eq!(followed.fault().await, FetchError::Status(304));
    assert_eq!(followed.status("s1").await, 503);
    server.set(|state| state.denies_change = false);
    followed.becomes("s1", 200).await;
}

#[tokio::test]
async fn a_snapshot_that_somebody_else_signed_counts_for_nothing() {
    let one = format!("{}\n", line("s1"));
    let expired = json!({ "iat": 1_700_000_000, "exp": 1_700_000_300 });
    let elsewhere = json!({ "iss": "https://other.example.org" });
    let unknown = VerifyError::UnknownKey { kid: Some("k2".to_owned()) };
    for (name, body, error) in [
        ("over", signed(&one, &expired), VerifyError::Expired),
        ("of another issuer", signed(&one, &elsewhere), VerifyError::Issuer),
        ("with another key", signed_as("revocations+jwt", "k2", &one, &json!({})), unknown),
        ("as an access token", signed_as("at+jwt", "k1", &one, &json!({})), VerifyError::Type),
        ("an access token", format!("{one}{}\n", token("k1")), VerifyError::Type),
    ] {
        assert_refused(name, body, FetchError::Signature(error)).await;
    }
}

#[tokio::test]
async fn what_the_stream_says_and_nobody_understands_ends_it() {
    let server = FeedServer::start().await;
    let followed = server.follow();
    followed.feed.ready().await.unwrap();
    server.send("event: weather\ndata: fine\n\n: a comment\n\nretry: 5\n\n");
    server.revoke("s1", "n.2");
    followed.becomes("s1", 401).await;
    assert_eq!(server.see(|state| state.streams.len()), 1, "what is only new is passed over");
    server.send("event: revocation\nid: n.3\ndata: all of them\n\n");
    while server.see(|state| state.streams.len()) < 2 {
        sleep(Duration::from_millis(5)).await;
    }
    let last = server.see(|state| state.streams[1].clone());
    assert_eq!(last.as_deref(), Some("n.2"), "what was not understood must come again");
}

#[tokio::test]
async fn a_stream_that_does_not_begin_with_the_snapshot_is_not_believed() {
    let server = FeedServer::start().await;
    // Whoever names no event cannot go on from one.
    server.set(|state| state.resumes_at = None);
    let followed = server.follow();
    followed.feed.ready().await.unwrap();
    drop(followed);
    server.set(|state| state.skips_reset = true);
    let followed = server.follow();
    assert_eq!(followed.fault().await, FetchError::Malformed);
    assert_eq!(followed.status("s1").await, 503);
}

#[tokio::test]
async fn a_key_that_is_not_good_is_told() {
    let server = FeedServer::start().await;
    for status in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::FOUND] {
        server.set(|state| state.status = Some(status));
        let followed = server.follow();
        assert_eq!(followed.feed.ready().await, Err(FetchError::Status(status.as_u16())));
        assert_eq!(followed.status("s1").await, 503);
    }
}

#[tokio::test]
async fn nothing_is_followed_for_nobody() {
    let server = FeedServer::start().await;
    let feed = server.builder().build().unwrap();
    feed.ready().await.unwrap();
    let revocations = feed.revocations();
    drop(feed);
    server.hang_up();
    while server.see(|state| state.streams.len()) < 2 {
        sleep(Duration::from_millis(5)).await;
    }
    drop(revocations);
    server.hang_up();
    sleep(SOON).await;
    assert_eq!(server.see(|state| state.streams.len()), 2);
}
