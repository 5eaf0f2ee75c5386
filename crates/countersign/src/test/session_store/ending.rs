//! How sessions end.

use super::kit::{Case, DAY, MILLISECOND, good};
use crate::reason::EndReason;
use crate::sessions::{LogoutScope, Session, SessionError, SessionStore};

pub(super) async fn the_first_reason_stays<S: SessionStore + 'static>(case: Case<S>) {
    let session = case.log_in("alice").await;
    let ended = Some((case.now(), EndReason::Admin));
    assert!(good(case.store.end(session.id, EndReason::Admin, case.now()).await));
    case.clock.advance(MILLISECOND);
    assert!(!good(case.store.end(session.id, EndReason::Logout, case.now()).await));
    assert_eq!(case.row(&session).await, Session { ended, ..session });
}

pub(super) async fn what_has_ended_is_not_refreshed<S: SessionStore + 'static>(case: Case<S>) {
    for reason in [EndReason::Logout, EndReason::PasswordChanged, EndReason::Disabled] {
        let session = case.log_in("alice").await;
        assert_eq!(good(case.sessions.end_all("alice", None, reason).await), 1);
        assert_eq!(case.refresh(&case.token(&session)).await, Err(reason));
        assert_eq!(case.row(&session).await.ended, Some((case.now(), reason)));
        assert_eq!(Case::<S>::revoked(&case.sessions, &session), Some(reason));
    }
}

pub(super) async fn a_logout_ends_this_session_the_others_or_all<S: SessionStore + 'static>(
    case: Case<S>,
) {
    let other_user = case.log_in("bob").await;
    for (scope, left) in [(LogoutScope::This, 2), (LogoutScope::Others, 1), (LogoutScope::All, 0)] {
        good(case.sessions.end_all("alice", None, EndReason::Admin).await);
        let mine = case.log_in("alice").await;
        let others = [case.log_in("alice").await, case.log_in("alice").await];
        good(case.sessions.log_out(&case.claims(&mine), scope).await);
        let live = case.live("alice").await;
        assert_eq!(live.len(), left, "{scope:?}");
        assert_eq!(live.contains(&mine), scope == LogoutScope::Others, "{scope:?}");
        for session in others {
            let ended = Case::<S>::revoked(&case.sessions, &session);
            assert_eq!(ended.is_none(), scope == LogoutScope::This, "{scope:?}");
        }
    }
    good(case.sessions.log_out(&case.claims(&other_user), LogoutScope::This).await);
    good(case.sessions.log_out(&case.claims(&other_user), LogoutScope::This).await);
    assert_eq!(case.live("bob").await, [], "to log out twice is to be logged out");
    let last = case.log_in("bob").await;
    good(case.sessions.log_out_by_refresh_token(&case.token(&last)).await);
    assert_eq!(case.live("bob").await, []);
}

pub(super) async fn a_user_ends_own_sessions_only<S: SessionStore + 'static>(case: Case<S>) {
    let (mine, theirs) = (case.log_in("alice").await, case.log_in("bob").await);
    let refused = case.sessions.end_own("alice", theirs.id).await;
    assert!(matches!(refused, Err(SessionError::NotFound)), "{refused:?}");
    assert_eq!(case.live("bob").await, [theirs]);
    good(case.sessions.end_own("alice", mine.id).await);
    assert_eq!(case.live("alice").await, []);
}

pub(super) async fn beyond_the_limit_the_oldest_session_ends<S: SessionStore + 'static>(
    case: Case<S>,
) {
    let mut begun = Vec::new();
    for _ in 0..7 {
        begun.push(case.log_in("alice").await);
        case.clock.advance(MILLISECOND);
    }
    let live = case.live("alice").await;
    assert_eq!(live, begun[2..], "five are left");
    for over in &begun[..2] {
        assert_eq!(case.refresh(&case.token(over)).await, Err(EndReason::Limit));
    }
}

pub(super) async fn what_ended_is_heard_of_after_a_restart<S: SessionStore + 'static>(
    case: Case<S>,
) {
    let (old, ended, live) =
        (case.log_in("alice").await, case.log_in("bob").await, case.log_in("bob").await);
    good(case.store.end(old.id, EndReason::Logout, case.now() - 2).await);
    good(case.store.end(ended.id, EndReason::RefreshReuse, case.now()).await);
    let since = async |at| good(case.store.ended_since(at).await);
    assert_eq!(since(case.now()).await, [(ended.id, EndReason::RefreshReuse)]);
    assert_eq!(since(case.now() + 1).await, []);
    assert_eq!(since(case.now() - 2).await.len(), 2);
    good(case.other.catch_up().await);
    assert_eq!(Case::<S>::revoked(&case.other, &ended), Some(EndReason::RefreshReuse));
    assert_eq!(Case::<S>::revoked(&case.other, &old), Some(EndReason::Logout));
    assert_eq!(Case::<S>::revoked(&case.other, &live), None);
    case.clock.advance(3 * DAY);
    good(case.sessions.catch_up().await);
    let forgotten = Case::<S>::revoked(&case.sessions, &ended);
    assert_eq!(forgotten, None, "no token of its can be alive");
}
