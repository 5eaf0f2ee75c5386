//! How far two clocks are apart.

use std::fmt;
use std::time::Duration;

use crate::clock::Time;

/// From this difference on, the operator is warned.
pub const WARNING: Duration = Duration::from_secs(1);
/// From this difference on, a node refuses to serve.
pub const LIMIT: Duration = Duration::from_secs(5);

/// How far this machine's clock is ahead of the shared one, in milliseconds; negative if it is
/// behind. A clock is never read at once, so these are bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    least: i64,
    most: i64,
}

/// What a difference means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Nobody notices.
    #[default]
    Small,
    /// Worth a warning.
    Large,
    /// The node must not serve.
    Excessive,
}

impl Difference {
    /// The shared clock showed `shared` at some moment between these two of this machine's.
    pub fn between(shared: Time, (after, before): (Time, Time)) -> Self {
        let [least, most] = [after, before].map(|own| own.0.saturating_sub(shared.0));
        Self { least, most }
    }

    /// What is certain, in milliseconds: 0 if the clocks may agree.
    pub fn certain_millis(self) -> i64 {
        if self.least > 0 { self.least } else { self.most.min(0) }
    }

    /// What is certain, in seconds: positive if this machine's clock is ahead.
    pub fn certain_seconds(self) -> f64 {
        let seconds = Duration::from_millis(self.certain_millis().unsigned_abs()).as_secs_f64();
        if self.certain_millis() < 0 { -seconds } else { seconds }
    }

    /// What the certain difference means.
    pub fn level(self) -> Level {
        let certain = Duration::from_millis(self.certain_millis().unsigned_abs());
        if certain >= LIMIT {
            Level::Excessive
        } else if certain >= WARNING {
            Level::Large
        } else {
            Level::Small
        }
    }

    /// What is wrong and what to do, for the operator.
    pub fn advice(self) -> String {
        format!("this machine's clock is {self} the database's clock; let both follow NTP")
    }

    /// The width of the bounds, in milliseconds.
    pub(super) fn uncertainty(self) -> i64 {
        self.most.saturating_sub(self.least)
    }

    /// The difference once this machine's clock was set forward by so many milliseconds.
    pub(super) fn plus(self, millis: i64) -> Self {
        Self { least: self.least.saturating_add(millis), most: self.most.saturating_add(millis) }
    }

    /// The shared time when this machine's clock shows `own`: the earliest that it may be.
    pub(super) fn correct(self, own: Time) -> Time {
        Time(own.0.saturating_sub(self.most))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.certain_millis() < 0 { "behind" } else { "ahead of" };
        write!(f, "{:.1} s {side}", self.certain_seconds().abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(shared: i64, after: i64, before: i64) -> Difference {
        Difference::between(Time(shared), (Time(after), Time(before)))
    }

    #[test]
    fn the_round_trip_is_taken_off() {
        assert_eq!(between(10_000, 9_000, 11_000).certain_millis(), 0);
        assert_eq!(between(10_000, 10_400, 12_000).certain_millis(), 400);
        assert_eq!(between(10_000, 7_000, 9_600).certain_millis(), -400);
        assert_eq!(between(10_000, 3_000, 17_000).level(), Level::Small, "a slow answer");
    }

    #[test]
    fn a_second_is_large_and_five_are_excessive_on_both_sides() {
        for (off, level) in [
            (999, Level::Small),
            (1_000, Level::Large),
            (4_999, Level::Large),
            (5_000, Level::Excessive),
            (i64::MAX, Level::Excessive),
        ] {
            for off in [off, -off] {
                assert_eq!(between(0, off, off).level(), level, "{off} ms");
            }
        }
    }

    #[test]
    fn the_corrected_time_is_never_later_than_the_shared_one() {
        let difference = between(10_000, 13_000, 13_200);
        assert_eq!(difference.correct(Time(13_200)), Time(10_000));
        assert_eq!(difference.to_string(), "3.0 s ahead of");
        assert_eq!(between(10_000, 2_500, 3_000).to_string(), "7.0 s behind");
    }
}
