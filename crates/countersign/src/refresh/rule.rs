//! The refresh rule itself.

use std::time::Duration;

/// What the refresh rule knows of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The current generation.
    pub current: u64,
    /// The generation last presented as current, if any was.
    pub presented: Option<u64>,
    /// When the current generation was made, if not by the login: Unix time in milliseconds.
    pub rotated_at: Option<i64>,
    /// The highest generation whose access token is known to have been used.
    pub used: u64,
}

impl Rotation {
    /// A session that was not refreshed yet.
    pub const BEGUN: Self = Self { current: 0, presented: None, rotated_at: None, used: 0 };
}

/// How long an answer that was lost may be asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// So long the token that was just exchanged gets the same pair again.
    pub reuse_grace: Duration,
    /// So long it gets another pair, while the one it was exchanged for is unused.
    pub unused_successor: Duration,
}

impl Default for Windows {
    /// Ten seconds, and an hour.
    fn default() -> Self {
        Self { reuse_grace: Duration::from_secs(10), unused_successor: Duration::from_hours(1) }
    }
}

/// What becomes of a presented token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The row takes these values and the pair of the new generation is answered.
    Advance(Rotation),
    /// The pair of the current generation is answered again.
    Repeat,
    /// The token was used before, or never given out as the last one: someone else has it too.
    Reuse,
}

/// Decides about the token of generation `presented` at `now`, Unix time in milliseconds.
pub(super) fn decide(row: Rotation, presented: u64, now: i64, windows: Windows) -> Decision {
    if presented == row.current {
        return Decision::Advance(advance(row, presented, now));
    }
    let Some(rotated_at) = row.rotated_at.filter(|_| row.presented == Some(presented)) else {
        return Decision::Reuse;
    };
    // Clocks differ: what was rotated in the future was rotated now.
    let passed = u64::try_from(now.saturating_sub(rotated_at)).unwrap_or(0);
    let passed = Duration::from_millis(passed);
    if passed <= windows.reuse_grace {
        Decision::Repeat
    } else if passed <= windows.unused_successor && row.used < row.current {
        Decision::Advance(advance(row, presented, now))
    } else {
        Decision::Reuse
    }
}

fn advance(row: Rotation, presented: u64, now: i64) -> Rotation {
    Rotation {
        current: row.current + 1,
        presented: Some(presented),
        rotated_at: Some(now),
        used: row.used,
    }
}
