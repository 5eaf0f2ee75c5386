//! The beginnings of identifiers, as somebody types them who looks for one.

use super::{InvalidIdentifier, phone, text};

/// No key has more octets.
const MAX_OCTETS: usize = 256;

/// What the keys begin with of the identifiers that begin with `prefix`: folded as they are, and
/// without the separators of a phone number. A domain that is not ASCII is not found by a part of it.
pub fn prefix_key(prefix: &str) -> Result<String, InvalidIdentifier> {
    let prefix = prefix.trim_matches(' ');
    if prefix.is_empty() {
        return Err(InvalidIdentifier::Empty);
    }
    text::check_visible(prefix)?;
    let key = match prefix.strip_prefix('+') {
        Some(number) => format!("+{}", phone::without_separators(number)),
        None => text::fold(prefix),
    };
    if key.len() > MAX_OCTETS { Err(InvalidIdentifier::EmailLength) } else { Ok(key) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_written_as_the_keys_are() {
        for (typed, key) in [
            ("AL", "al"),
            (" Alice@Exa", "alice@exa"),
            ("alice@", "alice@"),
            ("+1 (555) 01-0", "+1555010"),
            ("E\u{301}t", "\u{e9}t"),
            ("%_*", "%_*"),
        ] {
            assert_eq!(prefix_key(typed).as_deref(), Ok(key), "{typed}");
        }
        for bad in ["", "  ", "a\0", "a\nb", "\u{200B}", &"a".repeat(257)] {
            assert!(prefix_key(bad).is_err(), "{bad:?}");
        }
    }
}
