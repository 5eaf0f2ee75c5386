//! The refresh of a whole session: the rule, and what comes before it.

use std::time::Duration;

use super::{Decision, Rotation, Windows, decide};
use crate::clock::millis;
use crate::reason::EndReason;

/// What decides about the refresh of a session. Times are Unix time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionState {
    /// Why it ended, if it did.
    pub ended: Option<EndReason>,
    /// Why it may not go on, if so, as where its user may have no session any longer.
    pub barred: Option<EndReason>,
    /// When it is over in any case.
    pub expires_at: i64,
    /// When it is over unless it is refreshed.
    pub idle_expires_at: i64,
    /// How long it lives without a refresh.
    pub idle_ttl: Duration,
    /// Its generations.
    pub rotation: Rotation,
}

/// What becomes of a session whose refresh token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its row takes these values, by compare-and-set on the generation, and the pair of the new
    /// generation is answered. Whoever loses reads the row again and asks for another verdict.
    Advance {
        /// The generations.
        rotation: Rotation,
        /// When it is over unless it is refreshed again: Unix time in milliseconds.
        idle_expires_at: i64,
    },
    /// The pair of the current generation is answered again.
    Repeat,
    /// It is to be ended.
    End {
        /// As of when: Unix time in milliseconds. An expiry came when it was due, not now.
        at: i64,
        /// Why.
        reason: EndReason,
    },
    /// It had ended, for this reason.
    Ended(EndReason),
}

/// Judges the session whose token of generation `presented` comes at `now`, Unix time in
/// milliseconds: what has ended stays so, what has expired ends, and of the rest the rule decides.
pub fn judge(state: SessionState, presented: u64, now: i64, windows: Windows) -> Verdict {
    if let Some(reason) = state.ended {
        return Verdict::Ended(reason);
    }
    let barred = || state.barred.map(|reason| (now, reason));
    if let Some((at, reason)) = expiry(state.idle_expires_at, state.expires_at, now).or_else(barred)
    {
        return Verdict::End { at, reason };
    }
    match decide(state.rotation, presented, now, windows) {
        Decision::Advance(rotation) => {
            let idle_expires_at = now.saturating_add(millis(state.idle_ttl));
            Verdict::Advance { rotation, idle_expires_at }
        }
        Decision::Repeat => Verdict::Repeat,
        Decision::Reuse => Verdict::End { at: now, reason: EndReason::RefreshReuse },
    }
}

/// Since when a session has expired at `now`, and why: by what came first. All are Unix time in
/// milliseconds.
pub fn expiry(idle_expires_at: i64, expires_at: i64, now: i64) -> Option<(i64, EndReason)> {
    let first = if idle_expires_at < expires_at {
        (idle_expires_at, EndReason::ExpiredIdle)
    } else {
        (expires_at, EndReason::ExpiredAbsolute)
    };
    (first.0 <= now).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: SessionState = SessionState {
        ended: None,
        barred: None,
        expires_at: 1_000,
        idle_expires_at: 500,
        idle_ttl: Duration::from_millis(400),
        rotation: Rotation::BEGUN,
    };

    fn judged(state: SessionState, presented: u64, now: i64) -> Verdict {
        judge(state, presented, now, Windows::default())
    }

    fn end(at: i64, reason: EndReason) -> Verdict {
        Verdict::End { at, reason }
    }

    #[test]
    fn a_live_session_advances_and_lives_on() {
        let rotation = Rotation { current: 1, presented: Some(0), rotated_at: Some(499), used: 0 };
        assert_eq!(judged(LIVE, 0, 499), Verdict::Advance { rotation, idle_expires_at: 899 });
        assert_eq!(judged(SessionState { rotation, ..LIVE }, 0, 499), Verdict::Repeat);
        assert_eq!(judged(LIVE, 1, 499), end(499, EndReason::RefreshReuse));
    }

    #[test]
    fn whatever_is_presented_the_first_reason_counts() {
        let used = SessionState { idle_expires_at: 2_000, ..LIVE };
        for presented in [0, 1] {
            for now in [500, 501, 1_000, 2_000] {
                assert_eq!(judged(LIVE, presented, now), end(500, EndReason::ExpiredIdle));
            }
            assert_eq!(judged(used, presented, 1_001), end(1_000, EndReason::ExpiredAbsolute));
            let barred = SessionState { barred: Some(EndReason::Disabled), ..LIVE };
            assert_eq!(judged(barred, presented, 499), end(499, EndReason::Disabled));
            assert_eq!(judged(barred, presented, 500), end(500, EndReason::ExpiredIdle));
            let ended = SessionState { ended: Some(EndReason::Logout), ..barred };
            assert_eq!(judged(ended, presented, 2_000), Verdict::Ended(EndReason::Logout));
        }
    }
}
