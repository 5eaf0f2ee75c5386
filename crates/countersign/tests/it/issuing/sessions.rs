//! What sessions do whatever they are kept in.

use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use countersign::sessions::{
    BuildError, Login, LogoutScope, MemoryStore, Session, SessionError, SessionStore, Sessions,
    SessionsBuilder,
};
use countersign::{
    Algorithm, Claims, Clock, EndReason, Issuer, KeyRing, Profile, RefreshTokens, RevocationSet,
    SigningKey, Verifier,
};
use serde_json::json;

use crate::issuing::broken::{Broken, Fault};
use crate::issuing::failing::Failing;
use crate::issuing::sqlite::SqliteStore;

const NOW: i64 = 1_800_000_000;
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

fn key() -> SigningKey {
    SigningKey::from_secret(Algorithm::Hs256, Some("k1"), &[1; 32]).unwrap()
}

fn verified(token: &str) -> Claims {
    let verifier = Verifier::new(Profile::ACCESS, KeyRing::new(vec![key().verifying_key()]));
    verifier.verify(token, NOW).unwrap().claims.clone()
}

fn issuer() -> Issuer {
    Issuer::builder(key()).issuer("i").audience(["a"]).build().unwrap()
}

fn tokens(key: u8) -> RefreshTokens {
    RefreshTokens::new(&[key; 32], None).unwrap()
}

fn builder<S: SessionStore>(store: S) -> SessionsBuilder<S> {
    Sessions::builder(store, issuer(), tokens(2)).clock(Clock::manual(NOW))
}

fn in_memory() -> Sessions<MemoryStore> {
    builder(MemoryStore::new()).build().unwrap()
}

async fn begin<S: SessionStore>(sessions: &Sessions<S>) -> Session {
    sessions.log_in(Login::of("alice")).await.unwrap()
}

#[test]
fn what_is_wrong_with_sessions_is_told_when_they_are_built() {
    let refused = |builder: SessionsBuilder<MemoryStore>| builder.build().unwrap_err();
    let new = || builder(MemoryStore::new());
    for short in [Duration::ZERO, Duration::from_millis(999)] {
        assert_eq!(refused(new().idle_ttl(short)), BuildError::TooShort("idle_ttl"));
        assert_eq!(refused(new().absolute_ttl(short)), BuildError::TooShort("absolute_ttl"));
    }
    let longer = BuildError::LongerThan("idle_ttl", "absolute_ttl");
    assert_eq!(refused(new().idle_ttl(2 * HOUR).absolute_ttl(HOUR)), longer);
    let longer = BuildError::LongerThan("lifetime", "idle_ttl");
    assert_eq!(refused(new().idle_ttl(SECOND)), longer);
    assert_eq!(refused(new().max_per_user(0)), BuildError::NoRoom);
    for (issuer, missing) in [
        (Issuer::new(key()), "issuer"),
        (Issuer::builder(key()).issuer("i").build().unwrap(), "audience"),
    ] {
        let builder = Sessions::builder(MemoryStore::new(), issuer, tokens(2));
        assert_eq!(refused(builder), BuildError::Issuer(missing));
    }
}

#[tokio::test]
async fn a_pair_says_who_where_and_since_when() {
    let sessions = in_memory();
    let session = sessions.log_in(Login::of("alice").amr(["pwd", "otp"])).await.unwrap();
    let pair = sessions.pair_with(&session, |token| token.roles(["admin"])).unwrap();
    let claims = verified(&pair.access_token);
    assert_eq!((claims.subject(), claims.generation()), (Some("alice"), Some(0)));
    assert_eq!(claims.session_id(), Some(&*session.id.to_string()));
    assert_eq!((claims.auth_time(), claims.amr()), (Some(NOW), vec!["pwd", "otp"]));
    assert_eq!(claims.roles(), ["admin"]);
    let written = json!({
        "access_token": pair.access_token, "token_type": "Bearer", "expires_in": 900,
        "refresh_token": pair.refresh_token, "refresh_expires_in": 2_592_000,
    });
    assert_eq!(serde_json::to_value(&pair).unwrap(), written);
    let shown = format!("{pair:?}");
    assert!(!shown.contains(&pair.access_token) && !shown.contains(&pair.refresh_token), "{shown}");
    assert_eq!(sessions.pair(&session).unwrap().refresh_token, pair.refresh_token);
}

#[tokio::test]
async fn how_the_user_proved_who_they_are_is_said_only_where_it_was_told() {
    let sessions = in_memory();
    let session = begin(&sessions).await;
    assert_eq!(session.amr, [""; 0]);
    let claims = verified(&sessions.pair(&session).unwrap().access_token);
    assert_eq!(claims.get("amr"), None);
    let pair = sessions.pair_with(&session, |token| token.amr(["pwd"])).unwrap();
    assert_eq!(verified(&pair.access_token).get("amr"), None, "nor is it said of the one token");
}

#[tokio::test]
async fn whose_a_token_is_and_its_end_are_not_for_the_application_to_change() {
    let sessions = in_memory();
    let session = begin(&sessions).await;
    let pair = sessions.pair_with(&session, |token| {
        token.subject("root").session("other", 9).auth_time(1).lifetime(1000 * HOUR)
    });
    let pair = pair.unwrap();
    let claims = verified(&pair.access_token);
    assert_eq!((claims.subject(), claims.generation()), (Some("alice"), Some(0)));
    assert_eq!(claims.session_id(), Some(&*session.id.to_string()));
    assert_eq!((claims.auth_time(), claims.expires_at()), (Some(NOW), NOW + 900));
    assert_eq!(pair.access_expires_in, Duration::from_mins(15));
    let short = sessions.pair_with(&session, |token| token.lifetime(SECOND)).unwrap();
    assert_eq!(verified(&short.access_token).expires_at(), NOW + 1);
    let longer = builder(MemoryStore::new()).longest_lifetime(HOUR).build().unwrap();
    let session = begin(&longer).await;
    let long = longer.pair_with(&session, |token| token.lifetime(2 * HOUR)).unwrap();
    assert_eq!(long.access_expires_in, HOUR, "so long it is remembered what ended");
}

#[tokio::test]
async fn what_is_no_refresh_token_of_ours_asks_no_store() {
    let sessions = builder(Broken::new(Some(Fault::FindsAnother))).build().unwrap();
    let session = begin(&sessions).await;
    let pair = sessions.pair(&session).unwrap();
    let elsewhere = Sessions::builder(MemoryStore::new(), issuer(), tokens(3)).build().unwrap();
    let foreign = elsewhere.pair(&session).unwrap().refresh_token;
    for odd in ["", "é", "x", &pair.access_token, &foreign, &pair.refresh_token[1..]] {
        let refused = sessions.refresh(odd).await;
        assert!(matches!(refused, Err(SessionError::NotARefreshToken)), "{refused:?}");
        let refused = sessions.log_out_by_refresh_token(odd).await;
        assert!(matches!(refused, Err(SessionError::NotARefreshToken)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_session_that_nobody_keeps_any_longer_has_expired() {
    let sessions = in_memory();
    let token = sessions.pair(&begin(&sessions).await).unwrap().refresh_token;
    let forgetful = in_memory().refresh(&token).await;
    assert!(matches!(forgetful, Err(SessionError::Ended(EndReason::ExpiredAbsolute))));
}

#[tokio::test]
async fn whoever_always_loses_is_told_so() {
    let sessions = builder(Broken::new(Some(Fault::NeverRotates))).build().unwrap();
    let token = sessions.pair(&begin(&sessions).await).unwrap().refresh_token;
    let refused = sessions.refresh(&token).await;
    assert!(matches!(refused, Err(SessionError::Contended)), "{refused:?}");
}

#[tokio::test]
async fn a_claim_set_without_a_session_logs_nobody_out() {
    let sessions = in_memory();
    let session = begin(&sessions).await;
    let token = issuer().access("alice").session("no uuid", 0).sign(NOW).unwrap();
    for scope in [LogoutScope::This, LogoutScope::Others, LogoutScope::All] {
        let refused = sessions.log_out(&verified(&token), scope).await;
        assert!(matches!(refused, Err(SessionError::NotFound)), "{refused:?}");
    }
    assert_eq!(sessions.list("alice").await.unwrap(), [session]);
}

/// A client that goes away drops the future of its request.
#[tokio::test]
async fn a_logout_whose_client_goes_away_holds_here() {
    let set = Arc::new(RevocationSet::new());
    let store = Arc::new(Failing::default());
    let sessions = builder(Arc::clone(&store)).revocation_set(Arc::clone(&set)).build().unwrap();
    let session = begin(&sessions).await;
    let claims = verified(&sessions.pair(&session).unwrap().access_token);
    store.hang("end");
    {
        let mut log_out = pin!(sessions.log_out(&claims, LogoutScope::This));
        let mut context = Context::from_waker(Waker::noop());
        assert!(log_out.as_mut().poll(&mut context).is_pending(), "the store has not answered");
    }
    assert_eq!(set.check(claims.session_id(), Some(0), None), Some(EndReason::Logout));
}

#[tokio::test]
async fn a_store_that_fails_gives_nobody_a_pair() {
    let name = "file:fails?mode=memory&cache=shared";
    let sessions = builder(SqliteStore::open(name).unwrap()).build().unwrap();
    let session = begin(&sessions).await;
    let pair = sessions.pair(&session).unwrap();
    rusqlite::Connection::open(name).unwrap().execute_batch("DROP TABLE sessions").unwrap();
    let refused = sessions.refresh(&pair.refresh_token).await;
    assert!(matches!(refused, Err(SessionError::Store(_))), "{refused:?}");
    let refused = sessions.log_in(Login::of("alice")).await;
    assert!(matches!(refused, Err(SessionError::Store(_))), "{refused:?}");
    let claims = verified(&pair.access_token);
    let refused = sessions.log_out(&claims, LogoutScope::This).await;
    assert!(matches!(refused, Err(SessionError::Store(_))), "{refused:?}");
    let ended = sessions.revocation_set().check(claims.session_id(), Some(0), None);
    assert_eq!(ended, Some(EndReason::Logout), "here it is over all the same");
    sessions.note_use(&claims);
    assert!(sessions.write_uses().await.is_err());
    assert!(sessions.write_uses().await.is_err(), "what was not written is tried again");
}

#[tokio::test]
async fn sessions_are_made_in_the_order_of_their_ids() {
    let clock = Clock::manual(NOW);
    let sessions = builder(MemoryStore::new()).clock(clock.clone()).build().unwrap();
    let first = begin(&sessions).await;
    clock.advance(Duration::from_millis(1));
    let second = begin(&sessions).await;
    assert!(first.id < second.id);
    assert_eq!(first.id.get_version_num(), 7);
}
