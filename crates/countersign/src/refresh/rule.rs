//! The refresh rule itself.

use std::time::Duration;

/// How far the clocks of two nodes may differ before a rotation time says nothing anymore.
const CLOCK_LEEWAY: Duration = Duration::from_secs(30);

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
    let duration = |millis: i64| Duration::from_millis(u64::try_from(millis).unwrap_or(0));
    let passed = duration(now.saturating_sub(rotated_at));
    // Clocks differ: a rotation slightly in the future counts as one that happened now. One further
    // in the future has an unknown age. If it counted as new too, a clock that is an hour ahead would
    // extend the grace by that hour, and a stolen token would be accepted for as long.
    let is_age_known = duration(rotated_at.saturating_sub(now)) <= CLOCK_LEEWAY;
    if is_age_known && passed <= windows.reuse_grace {
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
