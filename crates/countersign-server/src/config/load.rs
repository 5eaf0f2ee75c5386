//! Reads the configuration from its four sources: flags, environment, file, defaults.

use std::path::Path;
use std::{fs, iter};

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::validate::{self, Invalid};
use super::{Config, ConfigError, DialectConfig};

const PREFIX: &str = "COUNTERSIGN_";
/// Between a section and its key, in the environment.
const SEPARATOR: &str = "__";

/// What flags set.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    settings: Vec<Setting>,
    dialects: Vec<String>,
}

#[derive(Clone, Debug)]
struct Setting {
    origin: String,
    key: String,
    text: String,
}

impl Overrides {
    /// Sets the dotted `key` because of `flag` (`--listen`), which errors name.
    #[must_use]
    pub fn set(mut self, flag: &str, key: &str, value: impl Into<String>) -> Self {
        let setting = Setting { origin: flag.into(), key: key.into(), text: value.into() };
        self.settings.push(setting);
        self
    }

    /// Switches a dialect on, or moves one that the file has: `NAME` or `NAME=PREFIX`.
    #[must_use]
    pub fn dialect(mut self, spec: impl Into<String>) -> Self {
        self.dialects.push(spec.into());
        self
    }
}

/// Our part of the process's environment. What is not UTF-8 is shown as such to the checks.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let variables = std::env::vars_os().map(move |(name, value)| (text(name), text(value)));
    variables.filter(|(name, _)| name.starts_with(PREFIX))
}

impl Config {
    /// Reads and checks the configuration. `env` is [`environment`], `dialects` the names of those
    /// that exist.
    pub fn load(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
        flags: &Overrides,
        dialects: &[&str],
    ) -> Result<Self, ConfigError> {
        let defaults = Value::serialize(Self::default()).map_err(ConfigError::from_figment)?;
        let mut figment = Figment::from(Serialized::defaults(&defaults));
        if let Some(file) = file {
            figment = figment.merge(Layer::file(file)?);
        }
        let mut variables = Vec::new();
        for named in env {
            variables.extend(variable(named, &defaults)?);
        }
        variables.sort_by(|one, other| one.origin.cmp(&other.origin));
        for setting in variables.iter().chain(&flags.settings) {
            figment = figment.merge(Layer::setting(setting, &defaults));
        }
        let mut config: Self = figment.extract().map_err(ConfigError::from_figment)?;
        for spec in &flags.dialects {
            switch_on(&mut config.dialects, spec);
        }
        validate::check(&config, dialects).map_err(|invalid| refuse(&figment, invalid))?;
        Ok(config)
    }
}

/// What a variable of the environment sets, if it is one of ours.
///
/// Orchestrators put variables of their own beside ours (`COUNTERSIGN_PORT`), so a name without
/// the separator counts only if it is a top-level key. One that is a key but for its underscores is
/// refused: the server would start with the default instead, such as another database.
///
/// White space around the value is not part of it: secrets made from files end in a line break.
fn variable(
    (name, text): (String, String),
    defaults: &Value,
) -> Result<Option<Setting>, ConfigError> {
    let Some(key) = name.strip_prefix(PREFIX).map(str::to_ascii_lowercase) else {
        return Ok(None);
    };
    let dotted = key.replace(SEPARATOR, ".");
    if defaults.find_ref(&dotted).is_none()
        && let Some(meant) = keys(defaults).into_iter().find(|it| letters(it) == letters(&dotted))
    {
        let right = meant.replace('.', SEPARATOR).to_ascii_uppercase();
        let problem = format!("the variable for this key is {PREFIX}{right}");
        return Err(ConfigError::Key { key: meant, origin: Some(name), problem });
    }
    let ours = key.contains(SEPARATOR) || defaults.find_ref(&key).is_some();
    let text = text.trim().to_owned();
    Ok(ours.then_some(Setting { origin: name, key: dotted, text }))
}

/// Every dotted key, sections as well.
fn keys(values: &Value) -> Vec<String> {
    let Some(values) = values.as_dict() else { return Vec::new() };
    let below = |(key, value): (&String, &Value)| {
        let inner = keys(value).into_iter().map(|inner| format!("{key}.{inner}"));
        iter::once(key.clone()).chain(inner).collect::<Vec<_>>()
    };
    values.iter().flat_map(below).collect()
}

/// A key without what separates its words.
fn letters(key: &str) -> String {
    key.chars().filter(|c| !matches!(c, '_' | '.')).collect()
}

/// Reads `text` as the type that the key's default has.
fn typed(key: &str, text: &str, defaults: &Value) -> Value {
    match defaults.find_ref(key) {
        Some(Value::Array(..)) if !text.trim_start().starts_with('[') => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            items.map(Value::from).collect::<Vec<_>>().into()
        }
        None | Some(Value::String(..)) => Value::from(text),
        // As in the file; what is not TOML stays text, and is refused as such.
        Some(_) => Toml::from_str::<Dict>(&format!("value = {text}"))
            .ok()
            .and_then(|mut document| document.remove("value"))
            .unwrap_or_else(|| Value::from(text)),
    }
}

fn switch_on(dialects: &mut Vec<DialectConfig>, spec: &str) {
    let (name, prefix) = spec.split_once('=').map_or((spec, None), |(name, it)| (name, Some(it)));
    let at = dialects.iter().position(|dialect| dialect.name == name).unwrap_or_else(|| {
        dialects.push(DialectConfig { name: name.into(), ..DialectConfig::default() });
        dialects.len() - 1
    });
    if let Some(prefix) = prefix {
        dialects[at].prefix = prefix.into();
    }
}

fn refuse(figment: &Figment, Invalid { key, problem }: Invalid) -> ConfigError {
    let origin = origin_of(figment, &key);
    ConfigError::Key { key, origin, problem }
}

/// The file, variable or flag that set `key`; `None` for a default.
fn origin_of(figment: &Figment, key: &str) -> Option<String> {
    let mut parts = key.splitn(3, '.');
    let tag = if parts.next() == Some("dialects") {
        let dialects = figment.find_value("dialects").ok()?;
        let index: usize = parts.next()?.parse().ok()?;
        let Some(dialect) = dialects.as_array().and_then(|all| all.get(index)) else {
            return Some("--dialect".into());
        };
        dialect.find_ref(parts.next().unwrap_or_default()).unwrap_or(dialect).tag()
    } else {
        figment.find_value(key).ok()?.tag()
    };
    let metadata = figment.get_metadata(tag).filter(|metadata| metadata.source.is_none());
    metadata.map(|metadata| metadata.name.clone().into_owned())
}

/// What one source sets.
struct Layer {
    origin: String,
    values: Dict,
}

impl Layer {
    /// Parsed here and not by figment, whose errors show the line, which may hold a secret.
    fn file(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| ConfigError::File {
            file: file.clone(),
            problem: error.to_string(),
        })?;
        let values = Toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let problem = error.message().to_owned();
            ConfigError::Syntax { file: file.clone(), line, problem }
        })?;
        Ok(Self { origin: file, values })
    }

    fn setting(setting: &Setting, defaults: &Value) -> Self {
        let mut keys = setting.key.rsplit('.');
        let last = keys.next().unwrap_or_default().to_owned();
        let value = typed(&setting.key, &setting.text, defaults);
        let leaf = Dict::from([(last, value)]);
        let values = keys.fold(leaf, |inner, key| Dict::from([(key.to_owned(), inner.into())]));
        Self { origin: setting.origin.clone(), values }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}
