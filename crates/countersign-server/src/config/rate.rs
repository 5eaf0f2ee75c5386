//! How often something may happen.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use humantime_serde::re::humantime;

use super::form;

const FORM: &str = "write it like \"60/1h burst 30\": how many in which time, and how many at once";
/// The shortest time between two: networks may have a quarter of it, and times have milliseconds.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(4);
const LONGEST: Duration = Duration::from_hours(24 * 365);
const MOST: u32 = 1_000_000;

/// `"60/1h burst 30"`: so many in that time on average, and so many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    per: Duration,
    /// How many may happen at once after a pause.
    pub burst: u32,
}

impl Rate {
    /// The default of `limits.registrations`.
    pub(super) const REGISTRATIONS: Self =
        Self { count: 60, per: Duration::from_hours(1), burst: 30 };

    fn new(count: u32, per: Duration, burst: u32) -> Result<Self, &'static str> {
        if !(1..=MOST).contains(&count) || !(1..=MOST).contains(&burst) {
            return Err("from 1 to 1,000,000 are possible, on average and at once");
        }
        if per / count < SHORTEST_INTERVAL || per > LONGEST {
            return Err("at most 250 a second are possible, and at least one a year");
        }
        Ok(Self { count, per, burst })
    }

    /// The time between two, on average.
    pub fn interval(self) -> Duration {
        self.per / self.count
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rate, burst) = text.split_once(" burst ").ok_or(FORM)?;
        let (count, per) = rate.split_once('/').ok_or(FORM)?;
        let number = |text: &str| text.trim().parse().map_err(|_| FORM);
        let per = humantime::parse_duration(per.trim()).map_err(|_| FORM)?;
        Self::new(number(count)?, per, number(burst)?)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} burst {}", self.count, form::duration::text(self.per), self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_as_it_is_written() {
        for text in ["60/1h burst 30", "1/1d burst 1", "250/1s burst 1000000"] {
            assert_eq!(text.parse::<Rate>().map(|rate| rate.to_string()), Ok(text.to_owned()));
        }
        let rate: Rate = "60/1h burst 30".parse().expect("a rate");
        assert_eq!((rate.interval(), rate.burst), (Duration::from_mins(1), 30));
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in [
            "60",
            "60/1h",
            "60/1h burst",
            "60/1h burst ",
            "60/1h burst x",
            "60/hour burst 30",
            "-1/1h burst 1",
            "0/1h burst 1",
            "60/1h burst 0",
            "60/0s burst 1",
            "1000/1s burst 1",
            "1/1000d burst 1",
            "60/1h burst 30 burst 30",
        ] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
