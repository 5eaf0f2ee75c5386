//! The refresh rule: what becomes of a token of ours that is presented, given what the session's
//! row says. A session never forks and is never lost by accident.

use std::time::Duration;

use crate::clock::Time;
use crate::tables::session::Rotation;

/// How long an answer that was lost may be asked for again.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    /// So long the token that was just exchanged gets the same pair again.
    pub reuse_grace: Duration,
    /// So long it gets another pair, while the one it was exchanged for is unused.
    pub unused_successor: Duration,
}

/// What becomes of a presented token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The row takes these values and the pair of the new generation is answered.
    Advance(Rotation),
    /// The pair of the current generation is answered again.
    Repeat,
    /// The token was used before, or never given out as the last one: someone else has it too.
    Reuse,
}

/// Decides about the token of generation `presented`.
pub fn decide(row: Rotation, presented: u64, now: Time, windows: Windows) -> Decision {
    if presented == row.current {
        return Decision::Advance(advance(row, presented, now));
    }
    let Some(rotated_at) = row.rotated_at.filter(|_| row.presented == Some(presented)) else {
        return Decision::Reuse;
    };
    let passed = now.since(rotated_at);
    if passed <= windows.reuse_grace {
        Decision::Repeat
    } else if passed <= windows.unused_successor && row.used < row.current {
        Decision::Advance(advance(row, presented, now))
    } else {
        Decision::Reuse
    }
}

fn advance(row: Rotation, presented: u64, now: Time) -> Rotation {
    Rotation {
        current: row.current + 1,
        presented: Some(presented),
        rotated_at: Some(now),
        used: row.used,
    }
}
