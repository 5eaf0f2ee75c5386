//! Display names: what a user is called, by no rule but that it is one line that reads as written.

use std::fmt;

use serde::Serialize;

use super::text;

const MAX_CHARACTERS: usize = 200;

/// What a user is called: 1 to 200 code points, kept and given back exactly as it was written.
///
/// Refused are control characters, line separators, and the controls that embed, override or
/// isolate a direction, since they change how the text beside the name reads. Direction marks
/// (U+200E, U+200F) and joiners are allowed: names and emoji need them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct DisplayName(String);

impl DisplayName {
    /// Takes a name as it is, or says what is wrong with it.
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        if name.trim().is_empty() {
            return Err(InvalidName::Empty);
        }
        if name.chars().nth(MAX_CHARACTERS).is_some() {
            return Err(InvalidName::TooLong);
        }
        if name.chars().any(text::is_line_or_control) {
            return Err(InvalidName::ControlCharacter);
        }
        if name.chars().any(text::is_bidi_override) {
            return Err(InvalidName::DirectionOverride);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<DisplayName> for String {
    fn from(name: DisplayName) -> Self {
        name.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text cannot be a display name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// Nothing, or white space.
    #[error("a name must not be empty")]
    Empty,
    /// More than 200 code points.
    #[error("a name has at most {MAX_CHARACTERS} characters")]
    TooLong,
    /// NUL, a line break or another control character.
    #[error("control characters and line breaks are not allowed in a name")]
    ControlCharacter,
    /// A control that overrides the direction of text.
    #[error("characters that override the direction of text are not allowed in a name")]
    DirectionOverride,
}

impl InvalidName {
    /// A stable word for programs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::ControlCharacter => "control_character",
            Self::DirectionOverride => "invisible_character",
        }
    }
}
