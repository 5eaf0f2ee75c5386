//! The time. Only the library's clock reads it.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, as Unix time in milliseconds. What tables keep and what every operation is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// The moment `seconds` after the epoch.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Whole seconds since the epoch, as tokens carry them.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment `duration` later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// The moment `duration` earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// The time that passed since `earlier`; zero where it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339, in UTC, with milliseconds.
    pub fn to_rfc3339(self) -> String {
        self.timestamp().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }

    /// The date of HTTP (RFC 9110, section 5.6.7), as Flask writes times: `Mon, 23 Jan 2017 21:50:14 GMT`.
    pub fn to_http_date(self) -> String {
        self.timestamp().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }
}

/// As RFC 3339, in UTC.
impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// As RFC 3339, in UTC.
impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339())
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let time = jiff::Timestamp::deserialize(deserializer)?;
        Ok(Self(time.as_millisecond()))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Where the time comes from: the machine, or a test's hand.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's wall clock and its monotonic clock.
    System,
    /// Both clocks stand still until [`Clock::advance`].
    Manual {
        /// This machine's.
        own: countersign::Clock,
        /// The one that all nodes share; that of [`Clock::manual`] is the machine's own.
        shared: countersign::Clock,
    },
}

impl Clock {
    /// A clock that stands at `now` until it is advanced.
    pub fn manual(now: Time) -> Self {
        let clock = countersign::Clock::manual(now.seconds());
        clock.advance(now.since(Time::from_seconds(now.seconds())));
        Self::Manual { own: clock.clone(), shared: clock }
    }

    /// A manual clock of another machine, that stands at `now`. What all nodes share stays `self`.
    #[must_use]
    pub fn beside(&self, now: Time) -> Self {
        Self::Manual { own: Self::manual(now).source(), shared: self.source() }
    }

    /// The library's, which this one shows.
    pub fn source(&self) -> countersign::Clock {
        match self {
            Self::System => countersign::Clock::system(),
            Self::Manual { own, .. } => own.clone(),
        }
    }

    /// The time by the clock that all nodes share, if it is a manual one; else the database is asked.
    pub fn shared(&self) -> Option<Time> {
        match self {
            Self::System => None,
            Self::Manual { shared, .. } => Some(Time(shared.unix_millis())),
        }
    }

    /// The wall clock.
    pub fn now(&self) -> Time {
        Time(self.source().unix_millis())
    }

    /// The monotonic clock: time since an arbitrary moment that does not change while the process
    /// runs.
    pub fn monotonic(&self) -> Duration {
        self.source().monotonic()
    }

    /// Moves a manual clock; the system's goes by itself.
    pub fn advance(&self, by: Duration) {
        self.source().advance(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_the_standards_write_it() {
        let time = Time(1_485_208_214_007);
        assert_eq!(time.to_rfc3339(), "2017-01-23T21:50:14.007Z");
        assert_eq!(time.to_http_date(), "Mon, 23 Jan 2017 21:50:14 GMT");
    }

    #[test]
    fn a_time_before_the_epoch_or_beyond_the_calendar_does_not_panic() {
        assert_eq!(Time(-1).seconds(), -1);
        for extreme in [i64::MIN, i64::MAX] {
            assert!(!Time(extreme).to_rfc3339().is_empty());
            assert_eq!(Time(extreme).since(Time(extreme)), Duration::ZERO);
        }
    }
}
