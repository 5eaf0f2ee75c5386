//! `countersign move`

use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::output::table;
use super::source::Source;
use super::{Failure, Settings, warn};
use crate::clock::Clock;
use crate::db::DbOptions;
use crate::entropy::Entropy;
use crate::operations::moving::{self, Moved, Progress, Stage};

const FROM: &str = "COUNTERSIGN_MOVE_FROM";
const TO: &str = "COUNTERSIGN_MOVE_TO";
/// Counting millions of rows takes longer than anything a server does.
const PATIENCE: Duration = Duration::from_mins(5);

/// A URL is `sqlite:PATH`, `postgres://…` or `mysql://…`. One with a password comes in the variable
/// `COUNTERSIGN_MOVE_FROM` or `COUNTERSIGN_MOVE_TO` instead.
///
/// The servers must be stopped. The source is not changed, and the target must be empty. If the
/// command is interrupted, the same one goes on.
#[derive(Args)]
pub(super) struct Move {
    /// The database to move.
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// The empty database to move it to.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
}

impl Move {
    pub(super) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        let from = Source::find("--from", self.from.as_deref(), FROM)?;
        let to = Source::find("--to", self.to.as_deref(), TO)?;
        let patient = |options| DbOptions { answer_timeout: PATIENCE, ..options };
        let from = from.connect(|it| DbOptions { read_only: true, ..patient(it) }).await?;
        // Servers that use the source wrote when: this machine's clock may be wrong.
        let database_time = from.time().await.unwrap_or_default();
        let now = database_time.unwrap_or_else(|| Clock::System.now());
        let source = moving::Source::new(from.clone(), now).await?;
        let to = to.connect(patient).await?;
        let bar = Bar::new();
        let run = Entropy::System.uuid(now).to_string();
        let moved = source.move_to(&to, run, &|progress| bar.show(progress)).await;
        bar.0.finish_and_clear();
        let durability = to.durability().await.unwrap_or_default();
        from.close().await;
        to.close().await;
        let moved = moved?;
        warn(&durability.iter().map(ToString::to_string).collect::<Vec<_>>());
        print(settings, &moved)
    }
}

fn print(settings: &Settings, moved: &[Moved]) -> Result<(), Failure> {
    let rows: u64 = moved.iter().map(|moved| moved.content.rows).sum();
    let tables = moved.iter().map(|Moved { table, content }| {
        json!({ "table": table, "rows": content.rows, "checksum": content.checksum })
    });
    settings.print(&json!({ "rows": rows, "tables": tables.collect::<Vec<_>>() }), || {
        let row = |Moved { table, content }: &Moved| {
            [(*table).to_owned(), content.rows.to_string(), content.checksum.clone()]
        };
        let tables = table(["table", "rows", "checksum"], moved.iter().map(row).collect());
        format!(
            "{tables}\n\nMoved {rows} rows, the same on both sides. The servers there need the \
             master secret of those here."
        )
    })
}

/// A bar on standard error, if that is a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        let template = "{msg:32} {wide_bar} {human_pos}/{human_len} rows, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    fn show(&self, Progress { stage, table, rows, of }: Progress) {
        let stage = match stage {
            Stage::Copying => "copying",
            Stage::Comparing => "comparing",
        };
        self.0.set_length(of);
        self.0.set_position(rows);
        self.0.set_message(format!("{stage} {table}"));
    }
}
