//! `countersign events verify`

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::super::output::values;
use super::super::{Failure, Settings, warn};
use crate::app::App;
use crate::clock::Time;
use crate::operations::seals::{Chain, Copy, Fault, Progress};

/// How long a sealer may take, with what comes between.
const SOON: std::time::Duration = std::time::Duration::from_secs(15);

/// Goes along the whole chain, also while servers are running, and tells the first place at which an
/// event or a seal is not as it was. Exits with 3 then.
#[derive(Args)]
pub(super) struct Verify {
    /// An audit file to compare the events and the seals with: it tells whether the end was cut off,
    /// and whether an event was removed before it was sealed. May be repeated, for each server's own
    /// file.
    #[arg(long, value_name = "FILE")]
    audit: Vec<PathBuf>,
}

/// What was looked at.
struct Verified {
    chain: Chain,
    copies: Vec<(PathBuf, Copy)>,
    now: Time,
}

impl Verify {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        let verified = settings.with_app(async |app, _| self.verify(app).await).await?;
        verified.print(settings)?;
        warn(&verified.warnings());
        verified.fault().cloned().map_or(Ok(()), |fault| Err(fault.into()))
    }

    async fn verify(&self, app: &App) -> Result<Verified, Failure> {
        let bar = bar();
        let show = |Progress { seals, of }: Progress| {
            bar.set_length(of.unsigned_abs());
            bar.set_position(seals.unsigned_abs());
        };
        let chain = app.verify_events(&show).await;
        bar.finish_and_clear();
        let mut verified = Verified { chain: chain?, copies: Vec::new(), now: app.clock.now() };
        for file in &self.audit {
            // Nothing can be said of the copies of a chain that is broken.
            if verified.fault().is_some() {
                break;
            }
            let copy = app.verify_copy(file).await?;
            let failed = |error| Failure::Failed(format!("--audit: {}: {error}", file.display()));
            verified.copies.push((file.clone(), copy.map_err(failed)?));
        }
        Ok(verified)
    }
}

impl Verified {
    fn fault(&self) -> Option<&Fault> {
        let copies = self.copies.iter().find_map(|(_, copy)| copy.fault.as_ref());
        self.chain.fault.as_ref().or(copies)
    }

    fn print(&self, settings: &Settings) -> Result<(), Failure> {
        let copies = self.copies.iter().map(|(file, copy)| json!({ "file": file, "copy": copy }));
        let intact = self.fault().is_none();
        let json = json!({
            "intact": intact, "chain": self.chain, "audit": copies.collect::<Vec<_>>(),
        });
        settings.print(&json, || self.text(intact))
    }

    fn text(&self, intact: bool) -> String {
        let Chain { first, last, events, unsealed, counting, .. } = &self.chain;
        let seals = if last < first { "none".to_owned() } else { format!("{first} to {last}") };
        let mut rows = vec![
            ("intact", if intact { "yes" } else { "no" }.to_owned()),
            ("seals", seals),
            ("events", events.to_string()),
            ("not sealed yet", unsealed.to_string()),
            ("imports under way", counting.to_string()),
        ];
        rows.extend(self.copies.iter().map(|(file, copy)| ("audit file", line(file, copy))));
        if self.copies.is_empty() {
            rows.push(("end", "not compared with an audit file (--audit FILE)".to_owned()));
        }
        values(rows)
    }

    fn warnings(&self) -> Vec<String> {
        let Some(oldest) = self.chain.oldest_unsealed else { return Vec::new() };
        if self.now.since(oldest) < SOON {
            return Vec::new();
        }
        let unsealed = self.chain.unsealed;
        let oldest = oldest.to_rfc3339();
        vec![format!(
            "{unsealed} events are not sealed, the oldest of {oldest}; a running server seals them"
        )]
    }
}

fn line(file: &Path, copy: &Copy) -> String {
    let Copy { seals, purged, last, events, purged_events, fault } = copy;
    let verdict = if fault.is_some() { "another chain" } else { "the same" };
    let file = file.display();
    format!(
        "{file}: {verdict}; {seals} seals, up to number {last}, and {purged} that were purged; \
         {events} events, and {purged_events} that were purged"
    )
}

/// A bar on standard error, if that is a terminal.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let template = "{wide_bar} {human_pos}/{human_len} seals, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
