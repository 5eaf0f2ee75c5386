//! Usernames: 1 to 64 letters, digits and `.`, `_`, `-`.
//!
//! Letters of any script are letters; what is only another form of a character (full-width, in a
//! ligature, mathematical), joiners, spaces and symbols are refused.

use super::InvalidIdentifier::{self, Character, UsernameLength, UsernameShape};
use super::text;

const MAX_CHARACTERS: usize = 64;

/// The key of a username: itself, folded.
pub(super) fn key(value: &str) -> Result<String, InvalidIdentifier> {
    if is_too_long(value) {
        return Err(UsernameLength);
    }
    if let Some(c) = value.chars().find(|&c| !is_allowed(c)) {
        return Err(Character(c));
    }
    let begins_well = value.starts_with(|c: char| c == '_' || is_letter_or_digit(c));
    if !begins_well || !value.contains(is_letter_or_digit) {
        return Err(UsernameShape);
    }
    let key = text::fold(value);
    if is_too_long(&key) { Err(UsernameLength) } else { Ok(key) }
}

fn is_too_long(text: &str) -> bool {
    text.chars().nth(MAX_CHARACTERS).is_some()
}

fn is_allowed(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
    } else {
        text::is_identifier_letter(c)
    }
}

fn is_letter_or_digit(c: char) -> bool {
    c.is_alphanumeric() && !text::is_mark(c)
}
