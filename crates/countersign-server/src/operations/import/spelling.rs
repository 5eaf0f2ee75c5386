//! How other systems write what is no text: numbers, yes and no, times.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt};

use crate::clock::Time;

/// The most that readers of JSON keep exactly; more is no user's number.
const MOST: i64 = (1 << 53) - 1;
/// A Unix time of more digits is in milliseconds.
const SECONDS_DIGITS: usize = 11;

/// A user's number.
pub(super) fn number(text: &str) -> Result<i64, &'static str> {
    integer(text)
        .filter(|number| (1..=MOST).contains(number))
        .ok_or("a whole number from 1 to 9,007,199,254,740,991 is wanted")
}

/// A Unix time in whole seconds.
pub(super) fn stamp(text: &str) -> Result<i64, &'static str> {
    integer(text).filter(|stamp| (0..=MOST).contains(stamp)).ok_or("whole Unix seconds are wanted")
}

fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Yes or no. MySQL's `BIT(1)` is one octet.
pub(super) fn boolean(text: &str) -> Result<bool, &'static str> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "t" | "true" | "y" | "yes" | "on" | "\u{1}" => Ok(true),
        "0" | "f" | "false" | "n" | "no" | "off" | "\0" => Ok(false),
        _ => Err("true or false is wanted"),
    }
}

/// A moment: with its offset, or as a clock in `zone` showed it; also an HTTP date and Unix time.
pub(super) fn time(text: &str, zone: &TimeZone) -> Result<Time, &'static str> {
    let text = text.trim();
    let read = unix(text)
        .or_else(|| text.parse().ok())
        .or_else(|| Some(fmt::rfc2822::parse(text).ok()?.timestamp()))
        .or_else(|| zone.to_timestamp(text.parse::<DateTime>().ok()?).ok());
    let time = read.ok_or("a time such as 2017-01-23 21:50:14 is wanted")?;
    Ok(Time(time.as_millisecond()))
}

fn unix(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let number = whole.parse().ok()?;
    match whole.len() {
        // A date without its dashes.
        8 => None,
        ..=SECONDS_DIGITS => {
            let millis = format!("{fraction:0<3}").get(..3)?.parse::<i64>().ok()?;
            Timestamp::from_millisecond(i64::checked_mul(number, 1000)?.checked_add(millis)?).ok()
        }
        _ => Timestamp::from_millisecond(number).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, &'static str> {
        let zone = TimeZone::get("Asia/Shanghai").expect("a zone that everybody knows");
        time(text, &zone).map(Time::to_rfc3339)
    }

    #[test]
    fn a_time_without_an_offset_is_what_a_clock_in_the_zone_showed() {
        for text in [
            "2017-01-24 05:50:14.123456",
            "2017-01-24T05:50:14.123456",
            "2017-01-23 21:50:14.123456+00",
            "2017-01-23 21:50:14.123+00:00",
            "2017-01-23T21:50:14.123Z",
            "1485208214.123",
            "1485208214123",
        ] {
            assert_eq!(read(text).as_deref(), Ok("2017-01-23T21:50:14.123Z"), "{text}");
        }
        let whole = Ok("2017-01-23T21:50:14.000Z");
        assert_eq!(read("Mon, 23 Jan 2017 21:50:14 GMT").as_deref(), whole);
        assert_eq!(read("1485208214").as_deref(), whole);
        assert_eq!(read("2017-01-24").as_deref(), Ok("2017-01-23T16:00:00.000Z"));
        for text in ["", "0000-00-00 00:00:00", "infinity", "yesterday", "2017-13-01", "1e9", "-1"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_hour_that_a_clock_skipped_or_showed_twice_is_taken_as_people_take_it() {
        let zone = TimeZone::get("Europe/Berlin").expect("a zone that everybody knows");
        let read = |text| time(text, &zone).map(Time::to_rfc3339);
        assert_eq!(read("2024-03-31 02:30:00").as_deref(), Ok("2024-03-31T01:30:00.000Z"));
        assert_eq!(read("2024-10-27 02:30:00").as_deref(), Ok("2024-10-27T00:30:00.000Z"));
    }

    #[test]
    fn yes_and_no_are_read_as_each_database_writes_them() {
        for text in ["1", "t", "true", "True", "\u{1}"] {
            assert_eq!(boolean(text), Ok(true), "{text:?}");
        }
        for text in ["0", "f", "false", "False", "\0"] {
            assert_eq!(boolean(text), Ok(false), "{text:?}");
        }
        assert!(boolean("2").is_err());
    }

    #[test]
    fn a_number_is_one_that_every_client_reads_alike() {
        assert_eq!(number("17"), Ok(17));
        for text in ["0", "-1", "+1", "1.0", "1e3", "", "9007199254740992", "99999999999999999999"]
        {
            assert!(number(text).is_err(), "{text}");
        }
    }
}
