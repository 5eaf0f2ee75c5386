//! `countersign config`

use clap::Subcommand;
use serde_json::{Map, Value};

use super::output::escape;
use super::{Failure, Settings, warn};
use crate::config::Overrides;

#[derive(Subcommand)]
pub(super) enum Configuration {
    /// Check the configuration and show what is in effect, defaults included, secrets not.
    Check,
}

impl Configuration {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let Self::Check = self;
        let config = settings.load(Overrides::default())?;
        warn(&config.warnings());
        let shown = serde_json::to_value(&config).map_err(Failure::of)?;
        settings.print(&shown, || toml(&shown))
    }
}

/// As TOML, one dotted key a line; what is not set is left out.
fn toml(config: &Value) -> String {
    let mut lines = Vec::new();
    let mut tables = Vec::new();
    for (key, value) in config.as_object().into_iter().flatten() {
        match value.as_array() {
            Some(items) if items.iter().any(Value::is_object) => {
                for item in items.iter().filter_map(Value::as_object) {
                    tables.push(format!("\n[[{key}]]"));
                    add(&mut tables, "", item);
                }
            }
            _ => add(&mut lines, "", &Map::from_iter([(key.clone(), value.clone())])),
        }
    }
    lines.append(&mut tables);
    lines.join("\n")
}

fn add(lines: &mut Vec<String>, prefix: &str, table: &Map<String, Value>) {
    for (key, value) in table {
        match value {
            Value::Null => {}
            Value::Object(inner) => add(lines, &format!("{prefix}{key}."), inner),
            value => lines.push(format!("{prefix}{key} = {}", escape(&value.to_string()))),
        }
    }
}
