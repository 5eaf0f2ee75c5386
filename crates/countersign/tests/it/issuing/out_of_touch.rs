//! What is not known counts as a no: before the first look into the store, and while it fails.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use countersign::axum::Bearer;
use countersign::layer::{Denial, Guard};
use countersign::sessions::{
    BuildError, Login, Session, SessionError, SessionStore as _, Sessions, SessionsBuilder,
};
use countersign::{
    Algorithm, Clock, EndReason, Issuer, KeyRing, Profile, RefreshTokens, Revocations, SigningKey,
    Verifier,
};
use http::Request;
use tower::ServiceExt as _;

use crate::issuing::failing::Failing;

const SECOND: Duration = Duration::from_secs(1);

/// One process: its sessions, and a guard that asks them.
struct Process {
    sessions: Sessions<Arc<Failing>>,
    router: Router,
}

impl Process {
    fn new(builder: SessionsBuilder<Arc<Failing>>, clock: &Clock) -> Self {
        Self::with(builder, clock, |revocations| revocations)
    }

    fn with(
        builder: SessionsBuilder<Arc<Failing>>,
        clock: &Clock,
        with: fn(Revocations) -> Revocations,
    ) -> Self {
        let sessions = builder.clock(clock.clone()).build().unwrap();
        let verifier = Verifier::new(Profile::ACCESS, KeyRing::new(vec![key().verifying_key()]));
        let guard = Guard::builder(verifier).clock(clock.clone());
        let guard = guard.revocations(with(sessions.revocations())).build().unwrap();
        let me = get(async |who: Bearer| who.claims.subject().unwrap().to_owned());
        let router = Router::new().route("/me", me).layer(guard.layer());
        Self { sessions, router }
    }

    async fn ask(&self, token: &str) -> (u16, Option<Denial>) {
        let request = Request::get("/me").header("authorization", format!("Bearer {token}"));
        let request = request.body(Body::empty()).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        (answer.status().as_u16(), answer.extensions().get().cloned())
    }

    async fn log_in(&self) -> Session {
        self.sessions.log_in(Login::of("alice")).await.unwrap()
    }

    fn access(&self, session: &Session) -> String {
        self.sessions.pair(session).unwrap().access_token
    }

    fn refresh_token(&self, session: &Session) -> String {
        self.sessions.pair(session).unwrap().refresh_token
    }
}

fn key() -> SigningKey {
    SigningKey::from_secret(Algorithm::Hs256, Some("k1"), &[1; 32]).unwrap()
}

fn builder(store: &Arc<Failing>) -> SessionsBuilder<Arc<Failing>> {
    let issuer = Issuer::builder(key()).issuer("i").audience(["a"]).build().unwrap();
    Sessions::builder(Arc::clone(store), issuer, RefreshTokens::new(&[2; 32], None).unwrap())
}

fn setup() -> (Arc<Failing>, Clock) {
    (Arc::default(), Clock::manual(1_800_000_000))
}

const OUT_OF_TOUCH: (u16, Option<Denial>) = (503, Some(Denial::OutOfTouch));
const LOGGED_OUT: (u16, Option<Denial>) = (401, Some(Denial::Ended(EndReason::Logout)));
const GOOD: (u16, Option<Denial>) = (200, None);

#[tokio::test]
async fn nobody_is_let_in_until_it_is_known_what_has_ended() {
    let (store, clock) = setup();
    let before = Process::new(builder(&store), &clock);
    let (gone, stays) = (before.log_in().await, before.log_in().await);
    before.sessions.end_own("alice", gone.id).await.unwrap();
    let (gone, stays) = (before.access(&gone), before.access(&stays));
    assert_eq!(before.ask(&gone).await, LOGGED_OUT, "what ended here is known in any case");

    let after = Process::new(builder(&store), &clock);
    for method in [None, Some("ended_since")] {
        store.fail(method);
        assert_eq!(after.ask(&gone).await, OUT_OF_TOUCH);
        assert_eq!(after.ask(&stays).await, OUT_OF_TOUCH);
        store.fail("ended_since");
        let failed = after.sessions.catch_up().await;
        assert!(matches!(failed, Err(SessionError::Store(_))), "{failed:?}");
    }
    store.fail(None);
    after.sessions.catch_up().await.unwrap();
    assert_eq!(after.ask(&gone).await, LOGGED_OUT);
    assert_eq!(after.ask(&stays).await, GOOD);
    clock.advance(Duration::from_secs(899));
    assert_eq!(after.ask(&stays).await, GOOD, "one process knows all that it has ended since");
}

#[tokio::test]
async fn of_several_processes_each_knows_for_so_long_what_the_others_ended() {
    let (store, clock) = setup();
    let process = || Process::new(builder(&store).max_staleness(5 * SECOND), &clock);
    let (one, other) = (process(), process());
    one.sessions.catch_up().await.unwrap();
    let (ends, stays) = (one.log_in().await, one.log_in().await);
    let (gone, stays) = (one.access(&ends), one.access(&stays));
    clock.advance(5 * SECOND);
    assert_eq!(one.ask(&gone).await, GOOD);
    other.sessions.end_own("alice", ends.id).await.unwrap();
    clock.advance(Duration::from_millis(1));
    assert_eq!([one.ask(&gone).await, one.ask(&stays).await], [OUT_OF_TOUCH, OUT_OF_TOUCH]);
    store.fail("ended_since");
    one.sessions.catch_up().await.unwrap_err();
    assert_eq!([one.ask(&gone).await, one.ask(&stays).await], [OUT_OF_TOUCH, OUT_OF_TOUCH]);
    store.fail(None);
    one.sessions.catch_up().await.unwrap();
    assert_eq!([one.ask(&gone).await, one.ask(&stays).await], [LOGGED_OUT, GOOD]);
    let short = builder(&store).max_staleness(Duration::from_millis(999)).build().unwrap_err();
    assert_eq!(short, BuildError::TooShort("max_staleness"));
}

#[tokio::test]
async fn whoever_goes_on_all_the_same_still_notices_a_stolen_refresh_token() {
    let (store, clock) = setup();
    let process = Process::with(builder(&store), &clock, Revocations::even_when_unknown);
    let first = process.log_in().await;
    let stolen = process.refresh_token(&first);
    let second = process.sessions.refresh(&stolen).await.unwrap();
    assert_eq!(process.ask(&process.access(&second)).await, GOOD);
    clock.advance(11 * SECOND);
    let refused = process.sessions.refresh(&stolen).await;
    assert!(matches!(refused, Err(SessionError::Ended(EndReason::RefreshReuse))), "{refused:?}");
}

#[tokio::test]
async fn a_logout_that_the_store_did_not_take_is_not_undone_by_a_refresh() {
    let (store, clock) = setup();
    let process = Process::new(builder(&store), &clock);
    let session = process.log_in().await;
    let token = process.refresh_token(&session);
    store.fail("end");
    let failed = process.sessions.end_own("alice", session.id).await;
    assert!(matches!(failed, Err(SessionError::Store(_))), "{failed:?}");
    let refused = process.sessions.refresh(&token).await;
    assert!(matches!(refused, Err(SessionError::Store(_))), "it may be tried again: {refused:?}");
    store.fail(None);
    let refused = process.sessions.refresh(&token).await;
    assert!(matches!(refused, Err(SessionError::Ended(EndReason::Logout))), "{refused:?}");
    let kept = store.find(session.id).await.unwrap().unwrap();
    assert_eq!(kept.ended, Some((clock.unix_millis(), EndReason::Logout)), "and now it took it");
}

#[tokio::test]
async fn a_login_that_fails_ends_no_other_session() {
    let (store, clock) = setup();
    let process = Process::new(builder(&store).max_per_user(1), &clock);
    process.sessions.catch_up().await.unwrap();
    let first = process.log_in().await;
    store.fail("insert");
    process.sessions.log_in(Login::of("alice")).await.unwrap_err();
    assert_eq!(process.ask(&process.access(&first)).await, GOOD);
    process.sessions.refresh(&process.refresh_token(&first)).await.unwrap();
    store.fail(None);
    let second = process.log_in().await;
    assert_eq!(process.sessions.list("alice").await.unwrap(), [second]);
}

#[tokio::test]
async fn the_longest_lifetime_of_all_is_no_trouble() {
    let (store, clock) = setup();
    let process = Process::new(builder(&store).longest_lifetime(Duration::MAX), &clock);
    let session = process.log_in().await;
    process.sessions.end_own("alice", session.id).await.unwrap();
    process.sessions.catch_up().await.unwrap();
    process.sessions.purge(Duration::MAX).await.unwrap();
    assert_eq!(process.ask(&process.access(&session)).await, LOGGED_OUT);
}
