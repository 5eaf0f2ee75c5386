//! A service that uses the library's `remote` feature beside a real server: it hears of a logout
//! within a second, whatever becomes of the server, and lets nobody in when it cannot know.

use std::time::Duration;

use countersign::layer::{Denial, Guard};
use countersign::remote::{RemoteKeys, RevocationFeed};
use countersign::{EndReason, Profile, Verifier};
use reqwest::Method;
use rustix::process::Signal;
use tokio::time::{Instant, sleep, timeout};

use crate::program::{Place, Server, Session, binary, until};

/// What the server calls itself, wherever it listens.
const ISSUER: &str = "http://localhost:8080";
const STALENESS: Duration = Duration::from_secs(2);
const SECOND: Duration = Duration::from_secs(1);

/// A server at an address that it keeps, and a guard that follows it.
struct Following {
    place: Place,
    server: Server,
    api_key: String,
    feed: RevocationFeed,
    guard: Guard,
}

impl Following {
    async fn start() -> Self {
        let place = Place::new();
        let server = place.serve().await;
        let made = place.json(&["apikey", "create", "a service", "--right", "revocations"]);
        let api_key = made["key"].as_str().expect("a key").to_owned();
        let url = format!("http://{}", server.address);
        let keys = RemoteKeys::builder(&format!("{url}/.well-known/jwks.json")).build();
        let keys = keys.expect("the keys' address is one");
        let feed = RevocationFeed::builder(&url, &api_key, keys.ring())
            .issuer(ISSUER)
            .max_staleness(STALENESS)
            .build()
            .expect("the server's address is one");
        let verifier = Verifier::new(Profile::ACCESS, keys.ring()).issuer(ISSUER).audience(ISSUER);
        let guard = Guard::builder(verifier).revocations(feed.revocations());
        let guard = guard.build().expect("a guard");
        until(async || followed_now(&feed)).await;
        Self { place, server, api_key, feed, guard }
    }

    /// Starts the server anew, where it was.
    async fn serve_again(&mut self) {
        let mut command = self.place.command(binary());
        command.arg("--data-dir").arg(self.place.data_dir());
        command.args(["serve", "--listen", &self.server.address]);
        self.server = Server::start(command).await;
    }

    async fn denial(&self, session: &Session) -> Option<Denial> {
        let request = http::Request::get("/orders")
            .header("authorization", format!("Bearer {}", session.access))
            .body(())
            .expect("a request");
        self.guard.check(&request.into_parts().0).await.err()
    }

    /// Waits until the session's token is answered so, and gives how long it took.
    async fn becomes(&self, session: &Session, denial: Option<Denial>) -> Duration {
        let began = Instant::now();
        let waiting = async {
            while self.denial(session).await != denial {
                sleep(Duration::from_millis(2)).await;
            }
        };
        let waited = timeout(10 * SECOND, waiting).await;
        waited.unwrap_or_else(|_| panic!("it does not become {denial:?}: {:?}", self.feed));
        began.elapsed()
    }
}

fn followed_now(feed: &RevocationFeed) -> Option<()> {
    (feed.age()? < STALENESS && feed.fault().is_none()).then_some(())
}

const LOGGED_OUT: Option<Denial> = Some(Denial::Ended(EndReason::Logout));

#[tokio::test(flavor = "multi_thread")]
async fn a_logged_out_token_is_refused_within_a_second_by_push() {
    let following = Following::start().await;
    let mut times = Vec::new();
    for number in 0..20 {
        let session = following.server.register(&format!("user-{number}")).await;
        assert_eq!(following.denial(&session).await, None);
        following.server.log_out(&session).await;
        times.push(following.becomes(&session, LOGGED_OUT).await);
    }
    times.sort();
    println!(
        "refused after the logout was answered: median {:?}, worst {:?}",
        times[10], times[19]
    );
    assert!(times[19] < SECOND, "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_away_is_followed_again_and_nothing_is_missed() {
    let mut following = Following::start().await;
    let [before, during, after] = ["before", "during", "after"];
    let (before, during, after) = (
        following.server.register(before).await,
        following.server.register(during).await,
        following.server.register(after).await,
    );
    following.server.log_out(&before).await;
    following.becomes(&before, LOGGED_OUT).await;

    following.server.terminate();
    until(async || following.server.request(Method::GET, "/healthz").send().await.err()).await;
    let waited = following.becomes(&after, Some(Denial::OutOfTouch)).await;
    assert!(waited < STALENESS + SECOND, "{waited:?}");
    assert_eq!(following.denial(&before).await, LOGGED_OUT, "what is known is known");
    // While nobody follows, a command ends a session.
    let ended = following.place.json(&["session", "end", &during.id]);
    assert_eq!(ended["changed"], true);

    following.serve_again().await;
    following.becomes(&after, None).await;
    assert_eq!(following.denial(&during).await, Some(Denial::Ended(EndReason::Admin)));
    following.server.log_out(&after).await;
    let waited = following.becomes(&after, LOGGED_OUT).await;
    assert!(waited < SECOND, "{waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_is_not_relied_on() {
    let following = Following::start().await;
    let session = following.server.register("alice").await;
    following.server.signal(Signal::STOP);
    let waited = following.becomes(&session, Some(Denial::OutOfTouch)).await;
    assert!((SECOND..STALENESS + SECOND).contains(&waited), "{waited:?}");
    following.server.signal(Signal::CONT);
    following.becomes(&session, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_politely_when_the_server_is_told_to_stop() {
    let following = Following::start().await;
    let stream = following.server.request(Method::GET, "/v1/revocations");
    let stream = stream.bearer_auth(&following.api_key).header("accept", "text/event-stream");
    let mut stream = stream.send().await.expect("the server answers");
    assert_eq!(stream.status(), 200);
    let Following { server, .. } = following;
    let began = Instant::now();
    server.terminate();
    let to_the_end =
        async { while stream.chunk().await.expect("it does not break off").is_some() {} };
    timeout(2 * SECOND, to_the_end).await.expect("it ends");
    assert_eq!(server.end().await, Some(0));
    assert!(began.elapsed() < 5 * SECOND, "{:?}", began.elapsed());
}
