//! What is kept is found as it was.

use uuid::Uuid;

use super::kit::{Case, DAY, MILLISECOND, SECOND, before, good};
use crate::reason::EndReason;
use crate::refresh::Rotation;
use crate::sessions::{Login, Session, SessionStore};

const NOBODY: Uuid = Uuid::from_u128(7);

pub(super) async fn a_session_is_found_as_it_was_begun<S: SessionStore + 'static>(case: Case<S>) {
    let logins = [
        Login::of("alice"),
        Login::of("alice").amr(["pwd", "otp"]).device("Alice's \"phone\"; 電話 📱"),
        Login::of("o'hara; --").amr([""; 0]).device(""),
    ];
    for login in logins {
        let session = good(case.sessions.log_in(login).await);
        assert_eq!(case.row(&session).await, session);
        assert_eq!(session.rotation, Rotation::BEGUN);
        assert_eq!(session.expires_at - session.started_at, 90 * 86_400_000);
    }
}

pub(super) async fn what_was_never_kept_is_not_there<S: SessionStore + 'static>(case: Case<S>) {
    let session = case.log_in("alice").await;
    assert_eq!(good(case.store.find(NOBODY).await), None);
    assert_eq!(good(case.store.live_of_user("bob", case.now()).await), []);
    let stranger = Session { id: NOBODY, ..session.clone() };
    assert!(!good(case.store.rotate(&stranger, 0).await), "nothing was rotated");
    assert!(!good(case.store.end(NOBODY, EndReason::Logout, case.now()).await), "nothing ended");
    good(case.store.note_use(NOBODY, 1, case.now()).await);
    assert_eq!(good(case.store.find(NOBODY).await), None);
    assert_eq!(case.row(&session).await, session, "and the other is as it was");
}

pub(super) async fn users_are_told_apart_to_the_letter<S: SessionStore + 'static>(case: Case<S>) {
    for user_id in ["alice", "Alice", "alice ", "alıce", "álice", "%"] {
        let session = case.log_in(user_id).await;
        assert_eq!(case.live(user_id).await, [session], "{user_id:?}");
    }
}

pub(super) async fn live_sessions_are_listed_the_oldest_first<S: SessionStore + 'static>(
    case: Case<S>,
) {
    let mut begun = Vec::new();
    for _ in 0..4 {
        begun.push(case.log_in("alice").await);
        case.clock.advance(MILLISECOND);
    }
    assert_eq!(case.live("alice").await, begun);
    good(case.store.end(begun[1].id, EndReason::Logout, case.now()).await);
    let over_at = begun[2].idle_expires_at;
    let at = async |now| {
        let live = good(case.store.live_of_user("alice", now).await);
        live.iter().map(|session| session.id).collect::<Vec<_>>()
    };
    assert_eq!(at(case.now()).await, [begun[0].id, begun[2].id, begun[3].id]);
    assert_eq!(at(over_at - 1).await, [begun[2].id, begun[3].id], "the first has expired");
    assert_eq!(at(over_at).await, [begun[3].id], "a session is over at the moment it expires");
    assert_eq!(at(over_at + 1).await.len(), 0);
}

pub(super) async fn notes_of_use_never_go_back<S: SessionStore + 'static>(case: Case<S>) {
    let session = case.log_in("alice").await;
    for (generation, used) in [(1, 1), (0, 1), (3, 3), (2, 3)] {
        case.clock.advance(SECOND);
        good(case.store.note_use(session.id, generation, case.now()).await);
        assert_eq!(case.row(&session).await.rotation.used, used);
    }
    assert_eq!(case.row(&session).await.last_seen_at, case.now() - 1_000, "when 3 was used");
    good(case.store.note_use(session.id, 4, case.now() - 2_000).await);
    let row = case.row(&session).await;
    assert_eq!(row.rotation.used, 4);
    assert_eq!(row.last_seen_at, case.now() - 1_000, "what is noted late turns no time back");
    let stale =
        Session { rotation: Rotation { current: 1, used: 2, ..Rotation::BEGUN }, ..session };
    assert!(good(case.store.rotate(&stale, 0).await));
    assert_eq!(
        case.row(&stale).await.rotation.used,
        4,
        "a rotation leaves what was noted meanwhile"
    );
}

pub(super) async fn what_has_expired_is_purged_and_nothing_else<S: SessionStore + 'static>(
    case: Case<S>,
) {
    let old = case.log_in("alice").await;
    case.clock.advance(MILLISECOND);
    let young = case.log_in("alice").await;
    good(case.store.end(young.id, EndReason::Logout, case.now()).await);
    assert_eq!(good(case.store.purge(old.expires_at - 1).await), 0);
    case.row(&old).await;
    assert_eq!(good(case.store.purge(old.expires_at).await), 1);
    assert_eq!(good(case.store.find(old.id).await), None);
    case.row(&young).await;
    case.clock.advance(before(120 * DAY, MILLISECOND));
    assert_eq!(good(case.sessions.purge(30 * DAY).await), 0, "they are kept for a while");
    case.clock.advance(MILLISECOND);
    assert_eq!(good(case.sessions.purge(30 * DAY).await), 1);
}
