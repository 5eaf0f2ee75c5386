//! The rules that every store of sessions keeps, as cases.
//!
//! Each case begins with a store of its own, which must be empty, and says which rule is broken:
//!
//! ```
//! use countersign::sessions::MemoryStore;
//! use countersign::test::session_store;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! session_store::check(async || MemoryStore::new()).await;
//! # });
//! ```
//!
//! In earnest that is a test on a tokio runtime of several threads
//! (`#[tokio::test(flavor = "multi_thread")]`), so that what is asked at once happens at once.

mod ending;
mod keeping;
mod kit;
mod racing;
mod refreshing;

use self::kit::Case;
use crate::sessions::SessionStore;

/// Runs the cases one after the other. The first that fails panics; its name is printed.
macro_rules! check_all {
    ($new_store:expr, $($module:ident: $($case:ident)*;)*) => {$($({
        let name = concat!(stringify!($module), "::", stringify!($case));
        $module::$case(Case::new(name, $new_store().await)).await;
    })*)*};
}

/// Panics unless the stores that `new_store` makes, each of them empty, keep every rule.
pub async fn check<S: SessionStore + 'static>(new_store: impl AsyncFn() -> S) {
    check_all! { new_store,
        keeping:
            a_session_is_found_as_it_was_begun
            what_was_never_kept_is_not_there
            users_are_told_apart_to_the_letter
            live_sessions_are_listed_the_oldest_first
            notes_of_use_never_go_back
            what_has_expired_is_purged_and_nothing_else;
        refreshing:
            the_current_token_advances_the_session_and_lets_it_live_on
            a_lost_answer_is_given_again_for_ten_seconds
            an_unused_successor_is_replaced_for_an_hour
            a_predecessor_whose_successor_was_used_ends_the_session
            a_use_that_another_process_noted_counts
            a_void_generation_ends_the_session
            an_old_token_ends_the_session_whenever_it_comes
            a_session_ends_when_it_was_not_refreshed_in_time
            a_session_ends_at_its_end_however_often_it_was_refreshed;
        ending:
            the_first_reason_stays
            what_has_ended_is_not_refreshed
            a_logout_ends_this_session_the_others_or_all
            a_user_ends_own_sessions_only
            beyond_the_limit_the_oldest_session_ends
            what_ended_is_heard_of_after_a_restart;
        racing:
            a_generation_is_left_once
            of_thirty_two_that_race_one_rotates
            thirty_two_refreshes_at_once_give_one_successor
            of_thirty_two_that_race_one_ends
            a_refresh_never_undoes_a_logout;
    }
}
