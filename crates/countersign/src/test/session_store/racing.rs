//! What happens at once.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::kit::{Case, ended, good};
use crate::reason::EndReason;
use crate::refresh::Rotation;
use crate::sessions::{LogoutScope, Session, SessionStore};

const AT_ONCE: usize = 32;
/// A race that is lost once in a while is run more than once.
const ROUNDS: usize = 8;

/// Runs as many of these at once.
async fn at_once<T: Send + 'static, F>(run: impl Fn() -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        tasks.spawn(run());
    }
    tasks.join_all().await
}

fn rotated(session: &Session) -> Session {
    let rotation = Rotation { current: 1, presented: Some(0), rotated_at: Some(1), used: 0 };
    Session { rotation, ..session.clone() }
}

pub(super) async fn a_generation_is_left_once<S: SessionStore + 'static>(case: Case<S>) {
    let session = case.log_in("alice").await;
    let next = rotated(&session);
    assert!(!good(case.store.rotate(&next, 1).await), "it is not there yet");
    assert_eq!(case.row(&session).await, session);
    assert!(good(case.store.rotate(&next, 0).await));
    let after = Rotation { current: 2, presented: Some(1), ..next.rotation };
    let late = Session { rotation: after, last_seen_at: 0, ..next.clone() };
    assert!(!good(case.store.rotate(&late, 0).await), "it was left before");
    assert_eq!(case.row(&session).await, next);
}

pub(super) async fn of_thirty_two_that_race_one_rotates<S: SessionStore + 'static>(case: Case<S>) {
    for _ in 0..ROUNDS {
        let next = rotated(&case.log_in("alice").await);
        let answers = at_once(|| {
            let (store, next) = (Arc::clone(&case.store), next.clone());
            async move { good(store.rotate(&next, 0).await) }
        });
        let won = answers.await.into_iter().filter(|rotated| *rotated).count();
        assert_eq!(won, 1, "of {AT_ONCE}");
    }
}

pub(super) async fn thirty_two_refreshes_at_once_give_one_successor<S: SessionStore + 'static>(
    case: Case<S>,
) {
    for _ in 0..ROUNDS {
        let session = case.log_in("alice").await;
        let token = case.token(&session);
        let answers = at_once(|| {
            let (sessions, token) = (case.sessions.clone(), token.clone());
            async move {
                let session = ended(sessions.refresh(&token).await).expect("nobody is a thief");
                sessions.pair(&session).expect("a pair").refresh_token
            }
        });
        let successors: HashSet<_> = answers.await.into_iter().collect();
        assert_eq!(successors.len(), 1, "of {AT_ONCE} refreshes");
        let row = case.row(&session).await;
        assert_eq!((row.rotation.current, row.ended), (1, None));
        assert!(successors.contains(&case.token(&row)), "and it is the current one");
    }
}

pub(super) async fn of_thirty_two_that_race_one_ends<S: SessionStore + 'static>(case: Case<S>) {
    for _ in 0..ROUNDS {
        let (id, now) = (case.log_in("alice").await.id, case.now());
        let answers = at_once(|| {
            let store = Arc::clone(&case.store);
            async move { good(store.end(id, EndReason::Logout, now).await) }
        });
        let ended = answers.await.into_iter().filter(|ended| *ended).count();
        assert_eq!(ended, 1, "of {AT_ONCE}");
    }
}

pub(super) async fn a_refresh_never_undoes_a_logout<S: SessionStore + 'static>(case: Case<S>) {
    let session = case.log_in("alice").await;
    good(case.sessions.log_out(&case.claims(&session), LogoutScope::This).await);
    assert!(!good(case.store.rotate(&rotated(&session), 0).await), "as one that read before would");
    let logout = Some((case.now(), EndReason::Logout));
    assert_eq!(case.row(&session).await, Session { ended: logout, ..session.clone() });
    for _ in 0..ROUNDS {
        let session = case.log_in("alice").await;
        let (sessions, token) = (case.sessions.clone(), case.token(&session));
        let refresh = tokio::spawn(async move { ended(sessions.refresh(&token).await).is_ok() });
        good(case.sessions.log_out(&case.claims(&session), LogoutScope::This).await);
        refresh.await.expect("the refresh does not panic");
        assert!(case.row(&session).await.ended.is_some(), "it had ended, and goes on");
    }
}
