//! What is wrong with a configuration, by its key and without its secrets.

use figment::error::{Actual, Kind};

/// Why a configuration is refused. No value that might be a secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: {problem}")]
    File {
        /// The file.
        file: String,
        /// Why not.
        problem: String,
    },
    /// The file is not TOML.
    #[error("{file}, line {line}: {problem}")]
    Syntax {
        /// The file.
        file: String,
        /// Counted from 1.
        line: usize,
        /// What the parser says, without the line itself.
        problem: String,
    },
    /// A key is unknown, or its value is refused.
    #[error("{key}: {problem}{}", origin.as_ref().map(|origin| format!(" (set by {origin})")).unwrap_or_default())]
    Key {
        /// The dotted key.
        key: String,
        /// The file, variable or flag that set it.
        origin: Option<String>,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

impl ConfigError {
    /// The dotted key at fault, if it is one.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Key { key, .. } => Some(key),
            Self::File { .. } | Self::Syntax { .. } => None,
        }
    }

    pub(super) fn from_figment(error: figment::Error) -> Self {
        Self::Key {
            key: error.path.join("."),
            origin: error.metadata.map(|metadata| metadata.name.into_owned()),
            problem: problem(error.kind),
        }
    }
}

/// Figment's own words show the value, which may be a secret.
fn problem(kind: Kind) -> String {
    match kind {
        Kind::Message(message) => message,
        Kind::UnknownField(_, known) => format!("unknown key; known are {}", known.join(", ")),
        Kind::UnknownVariant(_, known) => format!("must be one of {}", known.join(", ")),
        Kind::InvalidType(actual, expected) => {
            format!("found {}, expected {expected}", type_name(&actual))
        }
        Kind::InvalidValue(_, expected) | Kind::InvalidLength(_, expected) => {
            format!("expected {expected}")
        }
        Kind::MissingField(_) => "missing".into(),
        Kind::DuplicateField(_) => "given twice".into(),
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => "number out of range".into(),
        Kind::Unsupported(_) | Kind::UnsupportedKey(..) => "not supported".into(),
    }
}

fn type_name(actual: &Actual) -> &'static str {
    match actual {
        Actual::Bool(_) => "true or false",
        Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) => "a number",
        Actual::Char(_) | Actual::Str(_) | Actual::Bytes(_) => "text",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        _ => "something else",
    }
}
