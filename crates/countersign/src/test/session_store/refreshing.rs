//! The refresh rule, through the store.

use super::kit::{Case, DAY, HOUR, MILLISECOND, SECOND, before, good};
use crate::reason::EndReason;
use crate::refresh::Rotation;
use crate::sessions::{Session, SessionStore};

const REUSE: Result<Session, EndReason> = Err(EndReason::RefreshReuse);

pub(super) async fn the_current_token_advances_the_session_and_lets_it_live_on<
    S: SessionStore + 'static,
>(
    case: Case<S>,
) {
    let mut session = case.log_in("alice").await;
    for generation in 0..3 {
        case.clock.advance(20 * DAY);
        let next = case.refresh(&case.token(&session)).await.expect("the current token is good");
        let rotation = Rotation {
            current: generation + 1,
            presented: Some(generation),
            rotated_at: Some(case.now()),
            used: 0,
        };
        let idle_expires_at = case.now() + 30 * 86_400_000;
        let expected =
            Session { rotation, idle_expires_at, last_seen_at: case.now(), ..session.clone() };
        assert_eq!(next, expected);
        assert_eq!(case.row(&next).await, next, "what was answered is what is kept");
        session = next;
    }
}

pub(super) async fn a_lost_answer_is_given_again_for_ten_seconds<S: SessionStore + 'static>(
    case: Case<S>,
) {
    let lost = case.token(&case.log_in("alice").await);
    let next = case.refresh(&lost).await.expect("the current token is good");
    for _ in 0..2 {
        case.clock.advance(5 * SECOND);
        let again = case.refresh(&lost).await.expect("within ten seconds");
        assert_eq!(again, next, "nothing has changed");
        assert_eq!(case.token(&again), case.token(&next), "to the byte");
    }
    case.note_use(&case.sessions, &next);
    assert_eq!(case.refresh(&lost).await.as_ref(), Ok(&next), "even where the pair was used");
    case.refresh(&case.token(&next)).await.expect("and the session goes on");
}

pub(super) async fn an_unused_successor_is_replaced_for_an_hour<S: SessionStore + 'static>(
    case: Case<S>,
) {
    let lost = case.token(&case.log_in("alice").await);
    case.refresh(&lost).await.expect("the current token is good");
    for generation in 2..5 {
        case.clock.advance(HOUR);
        let again = case.refresh(&lost).await.expect("nobody has used the successor");
        let (current, presented) = (again.rotation.current, again.rotation.presented);
        assert_eq!((current, presented), (generation, Some(0)));
        assert_eq!(case.row(&again).await, again);
    }
    case.clock.advance(HOUR + MILLISECOND);
    assert_eq!(case.refresh(&lost).await, REUSE, "an hour is over");
}

pub(super) async fn a_predecessor_whose_successor_was_used_ends_the_session<
    S: SessionStore + 'static,
>(
    case: Case<S>,
) {
    let stolen = case.token(&case.log_in("alice").await);
    let next = case.refresh(&stolen).await.expect("the current token is good");
    case.note_use(&case.sessions, &next);
    case.clock.advance(10 * SECOND + MILLISECOND);
    assert_eq!(case.refresh(&stolen).await, REUSE);
    assert_eq!(case.row(&next).await.ended, Some((case.now(), EndReason::RefreshReuse)));
    assert_eq!(Case::<S>::revoked(&case.sessions, &next), Some(EndReason::RefreshReuse));
    assert_eq!(case.refresh(&case.token(&next)).await, REUSE, "for whoever holds what");
}

pub(super) async fn a_use_that_another_process_noted_counts<S: SessionStore + 'static>(
    case: Case<S>,
) {
    let stolen = case.token(&case.log_in("alice").await);
    let next = case.refresh(&stolen).await.expect("the current token is good");
    case.clock.advance(10 * SECOND + MILLISECOND);
    case.note_use(&case.other, &next);
    good(case.other.write_uses().await);
    assert_eq!(case.refresh(&stolen).await, REUSE);
}

pub(super) async fn a_void_generation_ends_the_session<S: SessionStore + 'static>(case: Case<S>) {
    let lost = case.token(&case.log_in("alice").await);
    let void = case.refresh(&lost).await.expect("the current token is good");
    case.clock.advance(11 * SECOND);
    case.refresh(&lost).await.expect("nobody has used the successor");
    assert_eq!(case.refresh(&case.token(&void)).await, REUSE, "it was replaced");
}

pub(super) async fn an_old_token_ends_the_session_whenever_it_comes<S: SessionStore + 'static>(
    case: Case<S>,
) {
    let first = case.log_in("alice").await;
    let second = case.refresh(&case.token(&first)).await.expect("the current token is good");
    let third = case.refresh(&case.token(&second)).await.expect("the current token is good");
    assert_eq!(case.refresh(&case.token(&first)).await, REUSE, "at once");
    assert_eq!(case.refresh(&case.token(&third)).await, REUSE);
    let other = case.log_in("alice").await;
    let early = Rotation { current: 1, ..Rotation::BEGUN };
    let early = case.token(&Session { rotation: early, ..other.clone() });
    assert_eq!(case.refresh(&early).await, REUSE, "one that was never given out");
}

pub(super) async fn a_session_ends_when_it_was_not_refreshed_in_time<S: SessionStore + 'static>(
    case: Case<S>,
) {
    let session = case.log_in("alice").await;
    case.clock.advance(before(30 * DAY, MILLISECOND));
    let next = case.refresh(&case.token(&session)).await.expect("the last moment");
    case.clock.advance(30 * DAY);
    let idle = EndReason::ExpiredIdle;
    for _ in 0..2 {
        assert_eq!(case.refresh(&case.token(&next)).await, Err(idle));
        let ended = Some((next.idle_expires_at, idle));
        assert_eq!(case.row(&next).await.ended, ended, "when it was due, not when it was noticed");
        case.clock.advance(DAY);
    }
}

pub(super) async fn a_session_ends_at_its_end_however_often_it_was_refreshed<
    S: SessionStore + 'static,
>(
    case: Case<S>,
) {
    let mut session = case.log_in("alice").await;
    for _ in 0..4 {
        case.clock.advance(20 * DAY);
        session = case.refresh(&case.token(&session)).await.expect("it lives for 90 days");
    }
    assert_eq!(case.pair(&session).refresh_expires_in, 10 * DAY, "the end is near");
    case.clock.advance(before(10 * DAY, SECOND));
    assert_eq!(
        case.pair(&session).access_expires_in,
        SECOND,
        "no access token outlives its session"
    );
    case.clock.advance(SECOND);
    assert_eq!(case.refresh(&case.token(&session)).await, Err(EndReason::ExpiredAbsolute));
}
