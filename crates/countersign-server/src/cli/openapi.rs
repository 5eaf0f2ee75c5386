//! `countersign openapi`

use clap::Args;

use super::{Failure, Settings, output};
use crate::config::Overrides;
use crate::http::router::document;

#[derive(Args)]
pub(super) struct OpenApi {}

impl OpenApi {
    /// Writes what a server with this configuration answers to `GET /openapi.json`.
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let Self {} = self;
        let config = settings.load(Overrides::default())?;
        output::write(&document(&config).to_text())
    }
}
