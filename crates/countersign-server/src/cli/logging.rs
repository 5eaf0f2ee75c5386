//! Logs: for people on a terminal, JSON otherwise. `COUNTERSIGN_LOG` says what is logged, as
//! `tracing` filters do; by default `info` for the server, `warn` for other commands.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Starts logging to standard error, by default what `usual` says.
pub(super) fn start(usual: &str) {
    let filter = EnvFilter::try_from_env("COUNTERSIGN_LOG").unwrap_or_else(|_| usual.into());
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let terminal = std::io::stderr().is_terminal();
    // A second start in one process would be a second subscriber: the first one stays.
    let _already_started =
        if terminal { logs.try_init() } else { logs.json().flatten_event(true).try_init() };
}
