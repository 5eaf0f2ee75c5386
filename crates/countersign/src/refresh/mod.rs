//! The refresh rule: what becomes of a refresh token of ours that is presented, given what is known
//! of its session. A session never forks and is never lost by accident.
//!
//! A token carries its generation; a session knows the current one, the one last presented as
//! current, and when that was. Then
//!
//! 1. the current token advances the session by one;
//! 2. the one presented last is given the same pair again for ten seconds, since the answer may have
//!    been lost;
//! 3. it is given another pair for an hour, while nobody has used the pair it led to;
//! 4. any other was used before: somebody else has it too, and the session ends.
//!
//! If the session was refreshed more than 30 seconds in the future, by the clock of another node, case
//! 2 does not apply.
//!
//! [`judge`] also says what becomes of a session that has ended or expired; the server and
//! [`sessions`](crate::sessions) refresh by it. Whoever loses the compare-and-set of a
//! [`Verdict::Advance`] reads the session again and asks for another verdict.
//!
//! ```
//! use std::time::Duration;
//! use countersign::EndReason;
//! use countersign::refresh::{Rotation, SessionState, Verdict, Windows, judge};
//!
//! let now = 1_800_000_000_000;
//! let begun = SessionState {
//!     ended: None,
//!     barred: None,
//!     expires_at: now + 90 * 86_400_000,
//!     idle_expires_at: now + 30 * 86_400_000,
//!     idle_ttl: Duration::from_hours(30 * 24),
//!     rotation: Rotation::BEGUN,
//! };
//! let judged = |state, now| judge(state, 0, now, Windows::default());
//! let Verdict::Advance { rotation, .. } = judged(begun, now) else { panic!() };
//! assert_eq!(rotation.current, 1);
//! let refreshed = SessionState { rotation, ..begun };
//! assert_eq!(judged(refreshed, now + 10_000), Verdict::Repeat);
//! let used = SessionState { rotation: Rotation { used: 1, ..rotation }, ..begun };
//! let (at, reason) = (now + 10_001, EndReason::RefreshReuse);
//! assert_eq!(judged(used, at), Verdict::End { at, reason });
//! ```

mod rule;
mod session;
#[cfg(test)]
mod tests;
mod uses;

use self::rule::{Decision, decide};
pub use self::rule::{Rotation, Windows};
pub use self::session::{SessionState, Verdict, expiry, judge};
pub use self::uses::Uses;
