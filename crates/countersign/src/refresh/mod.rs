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
//! Whoever loses the compare-and-set of an [`Decision::Advance`] reads the session again and decides
//! once more.
//!
//! [`decide`] is that rule. [`judge`] also says what becomes of a session that has ended or expired;
//! the server and [`sessions`](crate::sessions) refresh by it.
//!
//! ```
//! use countersign::refresh::{Decision, Rotation, Windows, decide};
//!
//! let (now, windows) = (1_800_000_000_000, Windows::default());
//! let Decision::Advance(row) = decide(Rotation::BEGUN, 0, now, windows) else { panic!() };
//! assert_eq!(row.current, 1);
//! assert_eq!(decide(row, 0, now + 10_000, windows), Decision::Repeat);
//! let used = Rotation { used: 1, ..row };
//! assert_eq!(decide(used, 0, now + 10_001, windows), Decision::Reuse);
//! ```

mod rule;
mod session;
#[cfg(test)]
mod tests;
mod uses;

pub use self::rule::{Decision, Rotation, Windows, decide};
pub use self::session::{State, Verdict, judge};
pub use self::uses::Uses;
