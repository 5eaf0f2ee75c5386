//! A good token whose session, key or user is no longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign::layer::Denial;
use countersign::{Clock, EndReason, Freshness, RevocationSet, Revocations, Standing};

use crate::guard::kit::{NOW, app, bear, builder, token};

#[tokio::test]
async fn a_set_filled_by_hand_ends_sessions_and_tokens_at_once() {
    let set = Arc::new(RevocationSet::new());
    let app = app(&builder().revocations(Revocations::set(Arc::clone(&set))).build().unwrap());
    assert!(bear(&app, "GET /me", &token()).await.is_alice());
    set.revoke_session("s1", EndReason::Logout, NOW + 900);
    let answer = bear(&app, "GET /me", &token()).await;
    assert_eq!(answer.denial, Some(Denial::Ended(EndReason::Logout)));
    assert_eq!(answer.challenge(), Some("Bearer error=\"invalid_token\""));
    assert_eq!(answer.json()["reason"], "logout");
}

#[tokio::test]
async fn a_feed_that_is_stale_lets_nobody_in_unless_told_to() {
    let clock = Clock::manual(NOW);
    let set = Arc::new(RevocationSet::new());
    let freshness = Arc::new(Freshness::new(clock.clone(), Duration::from_secs(5)));
    let fed = Revocations::fed(Arc::clone(&set), Arc::clone(&freshness));
    let strict = app(&builder().clock(clock.clone()).revocations(fed.clone()).build().unwrap());
    let going_on = builder().clock(clock.clone()).revocations(fed.even_when_unknown());
    let going_on = app(&going_on.build().unwrap());

    let answer = bear(&strict, "GET /me", &token()).await;
    assert_eq!((answer.status.as_u16(), answer.denial), (503, Some(Denial::OutOfTouch)));
    assert_eq!(answer.headers["retry-after"], "1");
    freshness.confirm(freshness.moment());
    assert!(bear(&strict, "GET /me", &token()).await.is_alice());
    clock.advance(Duration::from_secs(6));
    assert_eq!(bear(&strict, "GET /me", &token()).await.status, 503);
    assert!(bear(&going_on, "GET /me", &token()).await.is_alice());

    set.revoke_session("s1", EndReason::Admin, NOW + 900);
    for app in [&strict, &going_on] {
        let answer = bear(app, "GET /me", &token()).await;
        assert_eq!(answer.denial, Some(Denial::Ended(EndReason::Admin)), "what is known is known");
    }
}

#[tokio::test]
async fn a_function_is_asked_at_once_or_awaited() {
    for (standing, status) in [
        (Standing::Good, 200),
        (Standing::Ended(EndReason::Disabled), 401),
        (Standing::Unknown, 503),
    ] {
        let later = Revocations::ask_later(move |_| async move {
            tokio::task::yield_now().await;
            standing
        });
        for revocations in [Revocations::ask(move |_| standing), later] {
            let app = app(&builder().revocations(revocations.clone()).build().unwrap());
            assert_eq!(bear(&app, "GET /me", &token()).await.status, status, "{revocations:?}");
        }
    }
}

#[tokio::test]
async fn nobody_is_asked_about_a_token_that_does_not_verify() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let revocations = Revocations::ask(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Standing::Good
    });
    let app = app(&builder().revocations(revocations).build().unwrap());
    bear(&app, "GET /me", &format!("{}AA", token())).await;
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    bear(&app, "GET /me", &token()).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}
