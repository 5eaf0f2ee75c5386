//! `GET /v1/revocations`: the signed snapshot, and the stream of what is revoked as it happens.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use countersign::{ClaimType, EndReason, KeyRing, Profile, Revocation, Subject, Verifier};
use countersign_server::app::App;
use countersign_server::db::Kind;
use countersign_server::operations::Caller;
use countersign_server::tables::api_key::Right;
use reqwest::{Method, RequestBuilder, Response};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::kit::{claims_of, encode};
use crate::server::{Answer, START, Session, TestApp};

const SNAPSHOT: &str = "application/vnd.countersign.revocations";
const SECOND: Duration = Duration::from_secs(1);

/// A server that holds two streams.
struct TwoStreams(TestApp);

impl TwoStreams {
    async fn on_database(kind: Kind) -> Option<Self> {
        TestApp::with(kind, |config| config.http.max_streams = 2).await.map(Self)
    }
}

async fn api_key(app: &App, right: Right) -> String {
    let caller = Caller::command(app.clock.now());
    let made = app.create_api_key(&caller, "a follower", &[right], None).await;
    made.expect("a key is made").1.expose_secret().to_owned()
}

fn ask(server: &TestApp, key: &str) -> RequestBuilder {
    server.request(Method::GET, "/v1/revocations").bearer_auth(key)
}

async fn snapshot(server: &TestApp, key: &str) -> Answer {
    Answer::of(ask(server, key)).await
}

/// The digests that a snapshot's lines begin with.
fn keys_in(snapshot: &str) -> BTreeSet<String> {
    let lines = snapshot.lines().filter(|line| line.contains(' '));
    lines.map(|line| line.split(' ').next().expect("a word").to_owned()).collect()
}

fn session_key(session: &Session) -> String {
    encode(&digest(&SHA256, format!("s{}", session.id).as_bytes()).as_ref()[..12])
}

async fn log_out(server: &TestApp, session: &Session) {
    let answer = server.send(Method::POST, "/v1/logout", &session.access, Value::Null).await;
    assert_eq!(answer.status, 204);
}

fn tag(answer: &Answer) -> String {
    answer.headers["etag"].to_str().expect("a tag").to_owned()
}

/// A stream as it is read, event by event.
struct Stream {
    response: Response,
    text: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Event {
    kind: String,
    id: String,
    data: String,
}

impl Stream {
    async fn open(server: &TestApp, key: &str, last: Option<&str>) -> Self {
        let mut request = ask(server, key).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.expect("the server answers");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { response, text: String::new() }
    }

    /// The next event; `None` where the stream ended as an answer does.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let value =
                        event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    value.unwrap_or_default().to_owned()
                };
                let event = Event { kind: field("event"), id: field("id"), data: field("data") };
                self.text = String::from(rest);
                return Some(event);
            }
            let part =
                timeout(10 * SECOND, self.response.chunk()).await.expect("something is sent");
            let part = part.expect("the stream does not break off")?;
            self.text.push_str(std::str::from_utf8(&part).expect("text"));
        }
    }

    /// The next event that is no heartbeat.
    async fn news(&mut self) -> Option<Event> {
        loop {
            match self.next().await {
                Some(event) if event.kind == "heartbeat" => {}
                event => return event,
            }
        }
    }

    async fn revocation(&mut self) -> Event {
        let event = self.news().await.expect("the stream goes on");
        assert_eq!(event.kind, "revocation");
        event
    }

    async fn reset(&mut self) -> Event {
        let event = self.next().await.expect("the stream begins");
        assert_eq!((&*event.kind, &*event.data), ("reset", "snapshot"));
        event
    }
}

fn is_of(event: &Event, session: &Session) -> bool {
    event.data.starts_with(&(session_key(session) + " "))
}

on_each_database! {
    async fn the_snapshot_has_what_is_revoked_and_is_signed(server: TestApp) {
        let key = api_key(&server.app, Right::Revocations).await;
        let (gone, left) = (server.register("alice").await, server.log_in("alice").await);
        log_out(&server, &gone).await;
        let answer = snapshot(&server, &key).await;
        assert_eq!((answer.status.as_u16(), &answer.headers["content-type"]), (200, &SNAPSHOT.parse().expect("a value")));
        assert_eq!(answer.headers["cache-control"], "private, no-cache");
        let keys = keys_in(&answer.text);
        assert_eq!((keys.contains(&session_key(&gone)), keys.contains(&session_key(&left))), (true, false));
        let line = answer.text.lines().next().expect("a line");
        let expected = Revocation::session(&gone.id, EndReason::Logout, 0).to_string();
        assert_eq!(line.split(' ').next(), expected.split(' ').next());
        assert!(line.ends_with(" logout"), "{line}");
        let until: i64 = line.split(' ').nth(1).and_then(|until| until.parse().ok()).expect("a time");
        assert!(until >= claims_of(&gone.access)["exp"].as_i64().expect("a time"), "{line}");

        let at = answer.text.trim_end().rfind('\n').expect("two lines") + 1;
        let (lines, token) = answer.text.split_at(at);
        let jwks = server.request(Method::GET, "/.well-known/jwks.json");
        let ring = KeyRing::from_jwk_set(&Answer::of(jwks).await.text).expect("keys");
        let profile = Profile {
            typ: "revocations+jwt",
            required: &[("count", ClaimType::Integer), ("sha256", ClaimType::Text)],
            subject: Subject::None,
        };
        let verifier = Verifier::new(profile, ring).issuer(server.app.config.issuer());
        let signed = verifier.verify(token.trim_end(), START.seconds()).expect("it is signed");
        assert_eq!(signed.claims.get("count"), Some(&1.into()));
        let sha256 = encode(digest(&SHA256, lines.as_bytes()));
        assert_eq!(signed.claims.get("sha256"), Some(&sha256.into()));
        assert!(verifier.verify(token.trim_end(), START.seconds() + 300).is_err(), "not for ever");
        assert_eq!(server.check(token.trim_end()).await, 401, "it is no access token");
    }

    async fn a_snapshot_that_is_known_is_not_sent_again_by_any_node(server: TestApp) {
        let key = api_key(&server.app, Right::Revocations).await;
        let (one, other) = (server.register("alice").await, server.log_in("alice").await);
        log_out(&server, &one).await;
        let first = snapshot(&server, &key).await;
        let beside = server.beside().await;
        for node in [&server, &beside] {
            for known in [tag(&first), format!("\"x\", {}", tag(&first)), "*".to_owned()] {
                let again = Answer::of(ask(node, &key).header("if-none-match", known)).await;
                assert_eq!((again.status.as_u16(), &*again.text), (304, ""));
                assert_eq!(tag(&again), tag(&first));
            }
        }
        log_out(&server, &other).await;
        let changed = Answer::of(ask(&server, &key).header("if-none-match", tag(&first))).await;
        assert_eq!(changed.status, 200);
        assert_ne!(tag(&changed), tag(&first));
        assert_eq!(keys_in(&changed.text), [session_key(&one), session_key(&other)].into());
    }

    async fn a_snapshot_has_what_another_node_revoked_just_before(server: TestApp) {
        let key = api_key(&server.app, Right::Revocations).await;
        let beside = server.beside().await;
        for _ in 0..10 {
            let name = format!("user{}", server.app.entropy.below(u64::MAX));
            let session = server.register(&name).await;
            log_out(&server, &session).await;
            let answer = snapshot(&beside, &key).await;
            assert!(keys_in(&answer.text).contains(&session_key(&session)));
        }
    }

    async fn a_large_set_is_written_in_parts_and_whole(server: TestApp) {
        let key = api_key(&server.app, Right::Revocations).await;
        let until = START.seconds() + 900;
        for count in 0..50_000 {
            let set = server.app.node.revocations();
            set.revoke_session(&format!("s{count}"), EndReason::Logout, until);
        }
        let answer = snapshot(&server, &key).await;
        assert_eq!(keys_in(&answer.text).len(), 50_000);
        let token = answer.text.lines().last().expect("a last line");
        assert_eq!(claims_of(token)["count"], 50_000);
    }

    async fn each_revocation_is_told_at_once_also_of_other_nodes(server: TestApp) {
        let key = api_key(&server.app, Right::Revocations).await;
        let (here, there) = (server.register("alice").await, server.log_in("alice").await);
        let beside = server.beside().await;
        let mut stream = Stream::open(&server, &key, None).await;
        stream.reset().await;
        let heartbeat = stream.next().await.expect("a heartbeat comes at once");
        assert_eq!((&*heartbeat.kind, &*heartbeat.id), ("heartbeat", ""));
        let (_, age) = heartbeat.data.split_once(' ').expect("two numbers");
        assert!(age.parse::<u64>().expect("a number") <= 5_000, "{heartbeat:?}");
        for (node, session) in [(&server, &here), (&beside, &there)] {
            let began = Instant::now();
            log_out(node, session).await;
            let event = stream.revocation().await;
            assert!(is_of(&event, session), "{event:?}");
            assert!(event.data.ends_with(" logout"), "{event:?}");
            assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
        }
        let began = Instant::now();
        while stream.next().await.expect("it goes on").kind != "heartbeat" {}
        assert!(began.elapsed() < 2 * SECOND);
    }

    async fn a_stream_goes_on_after_the_event_that_was_seen_last(server: TestApp) {
        let key = api_key(&server.app, Right::Revocations).await;
        let mut sessions = vec![server.register("alice").await];
        for _ in 0..3 {
            sessions.push(server.log_in("alice").await);
        }
        let mut stream = Stream::open(&server, &key, None).await;
        stream.reset().await;
        log_out(&server, &sessions[0]).await;
        let seen = stream.revocation().await;
        drop(stream);
        log_out(&server, &sessions[1]).await;
        log_out(&server, &sessions[2]).await;
        let mut stream = Stream::open(&server, &key, Some(&seen.id)).await;
        let missed = [stream.revocation().await, stream.revocation().await];
        assert!(is_of(&missed[0], &sessions[1]) && is_of(&missed[1], &sessions[2]), "{missed:?}");
        log_out(&server, &sessions[3]).await;
        assert!(is_of(&stream.revocation().await, &sessions[3]));
    }

    async fn who_cannot_go_on_is_told_to_take_the_snapshot(server: TestApp) {
        let key = api_key(&server.app, Right::Revocations).await;
        let session = server.register("alice").await;
        let mut stream = Stream::open(&server, &key, None).await;
        let known = stream.reset().await.id;
        log_out(&server, &session).await;
        let last = stream.revocation().await.id;
        let (node, _) = last.rsplit_once('.').expect("a node and a number");
        let beside = server.beside().await;
        for (server, id) in [
            (&server, format!("{node}.9999")),
            (&server, format!("{node}.")),
            (&server, format!("{node}.-1")),
            (&server, "nonsense".to_owned()),
            (&beside, last.clone()),
        ] {
            Stream::open(server, &key, Some(&id)).await.reset().await;
        }
        assert!(is_of(&Stream::open(&server, &key, Some(&known)).await.revocation().await, &session));
        drop((stream, beside));
        let server = server.restart().await;
        Stream::open(&server, &key, Some(&last)).await.reset().await;
        assert!(keys_in(&snapshot(&server, &key).await.text).contains(&session_key(&session)));
    }

    async fn a_node_that_is_out_of_touch_tells_nobody_anything(server: TestApp) {
        let key = api_key(&server.app, Right::Revocations).await;
        let beside = server.beside().await;
        let mut open = Stream::open(&beside, &key, None).await;
        open.reset().await;
        server.app.clock.advance(Duration::from_secs(6));
        let refused = Answer::of(ask(&beside, &key).header("accept", "text/event-stream")).await;
        assert_eq!(refused.code(), (503, "unavailable".into()));
        let ended = async { while open.next().await.is_some() {} };
        timeout(3 * SECOND, ended).await.expect("a stream that is open ends");
    }

    async fn there_are_as_many_streams_as_there_is_room_for(server: TwoStreams) {
        let server = server.0;
        let key = api_key(&server.app, Right::Revocations).await;
        let one = Stream::open(&server, &key, None).await;
        let _other = Stream::open(&server, &key, None).await;
        let refused = Answer::of(ask(&server, &key).header("accept", "text/event-stream")).await;
        assert_eq!(refused.code(), (503, "overloaded".into()));
        assert_eq!(refused.headers["retry-after"], "1");
        assert_eq!(snapshot(&server, &key).await.status, 200, "the snapshot has room of its own");
        drop(one);
        let again = async {
            while head_of(&server, &key).await != 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(5 * SECOND, again).await.expect("the room is given back");
    }

    async fn only_a_key_with_the_right_reads_them(server: TestApp) {
        let session = server.register("alice").await;
        let wrong = api_key(&server.app, Right::Introspect).await;
        for accept in ["*/*", "text/event-stream"] {
            let ask = |key: &str| Answer::of(ask(&server, key).header("accept", accept));
            assert_eq!(ask(&wrong).await.status, 403);
            assert_eq!(ask("csk_nonsense").await.status, 401);
            assert_eq!(ask(&session.access).await.status, 401, "an access token is no API key");
            let nothing = server.request(Method::GET, "/v1/revocations").header("accept", accept);
            assert_eq!(Answer::of(nothing).await.status, 401);
        }
    }
}

/// The status of a stream that nobody reads.
async fn head_of(server: &TestApp, key: &str) -> u16 {
    let request = ask(server, key).header("accept", "text/event-stream");
    request.send().await.expect("the server answers").status().as_u16()
}
