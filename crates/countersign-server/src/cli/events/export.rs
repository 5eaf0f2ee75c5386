//! `countersign events export`

use std::str::FromStr;

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::super::output::{json_line, write};
use super::super::{Failure, Settings};
use crate::app::App;
use crate::clock::Time;
use crate::operations::seals::seal_line;
use crate::tables::{event, event_seal};

/// How many lines are read and written at a time.
const PAGE: usize = 1000;
/// After every id there is.
const END: &str = "g";

/// Writes what the audit file has: a line of JSON for each event, in the order in which they
/// happened, and then one for each seal.
#[derive(Args)]
pub(super) struct Export {
    /// Only what happened at this moment or later: `2026-01-31`, or `2026-01-31T12:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Time>,
    /// Only what happened before this moment.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Time>,
}

impl Export {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        settings
            .with_app(async |app, _| {
                self.events(app).await?;
                self.seals(app).await
            })
            .await
    }

    async fn events(&self, app: &App) -> Result<(), Failure> {
        let mut after = self.since.map_or_else(String::new, start_of);
        let before = self.until.map_or_else(|| END.to_owned(), start_of);
        loop {
            let page = event::page(&app.db, (&after, &before), PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.id);
            write_lines(&page)?;
        }
    }

    async fn seals(&self, app: &App) -> Result<(), Failure> {
        let mut after = 0;
        loop {
            let page = event_seal::page(&app.db, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.number;
            let is_meant = |at: Time| {
                self.since.is_none_or(|since| at >= since)
                    && self.until.is_none_or(|until| at < until)
            };
            let meant = page.iter().filter(|seal| is_meant(seal.at));
            write_lines(&meant.map(seal_line).collect::<Vec<_>>())?;
        }
    }
}

fn write_lines(lines: &[impl serde::Serialize]) -> Result<(), Failure> {
    if lines.is_empty() {
        return Ok(());
    }
    let lines = lines.iter().map(json_line).collect::<Result<Vec<_>, _>>()?;
    write(&lines.join("\n"))
}

/// What the ids of this moment begin with: they carry the time in their first 48 bits (RFC 9562,
/// section 5.7).
fn start_of(at: Time) -> String {
    let millis = u64::try_from(at.0).unwrap_or(0) & 0xffff_ffff_ffff;
    format!("{:08x}-{:04x}", millis >> 16, millis & 0xffff)
}

fn moment(text: &str) -> Result<Time, String> {
    let day = || Date::from_str(text).ok()?.to_zoned(TimeZone::UTC).ok();
    let at = match Timestamp::from_str(text) {
        Ok(at) => Some(at),
        Err(_) => day().map(|day| day.timestamp()),
    };
    at.map(|at| Time(at.as_millisecond()))
        .ok_or_else(|| "a time is written 2026-01-31 (UTC) or 2026-01-31T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;

    #[test]
    fn the_ids_of_a_moment_begin_as_is_said() {
        for at in [Time(0), Time(1), Time(1_767_323_045_123), Time(0xffff_ffff_ffff)] {
            let id = Entropy::System.uuid(at).to_string();
            assert!(id.starts_with(&start_of(at)), "{id}");
            assert!(id.as_str() < END);
        }
    }

    #[test]
    fn a_time_is_a_day_or_a_moment() {
        assert_eq!(moment("2026-01-02"), Ok(Time(1_767_312_000_000)));
        assert_eq!(moment("2026-01-02T03:04:05Z"), Ok(Time(1_767_323_045_000)));
        assert_eq!(moment("2026-01-02T04:04:05+01:00"), Ok(Time(1_767_323_045_000)));
        assert!(moment("yesterday").is_err());
    }
}
