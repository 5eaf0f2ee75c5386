//! The common passwords of eight characters and more, embedded.
//!
//! `data/common-passwords.txt` is made from the list of zxcvbn (MIT licence, beside it): the entries
//! of at least eight characters, in lower case, sorted by octet, one a line.

use std::cmp::Ordering;

const COMMON: &str = include_str!("../../data/common-passwords.txt");

/// Whether a folded password is on the list.
pub(super) fn is_common(folded: &str) -> bool {
    contains_line(COMMON, folded)
}

/// Binary search among sorted lines, without an index beside them.
fn contains_line(mut lines: &str, wanted: &str) -> bool {
    while !lines.is_empty() {
        let start = lines[..lines.floor_char_boundary(lines.len() / 2)]
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        let end = lines[start..].find('\n').map_or(lines.len(), |length| start + length);
        lines = match wanted.cmp(&lines[start..end]) {
            Ordering::Equal => return true,
            Ordering::Less => &lines[..start],
            Ordering::Greater => lines.get(end + 1..).unwrap_or(""),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::text;

    #[test]
    fn p10_every_line_of_the_list_is_found_and_its_neighbours_are_not() {
        for line in COMMON.lines() {
            assert!(is_common(line), "{line}");
            assert!(!is_common(&format!("{line}\0")), "{line} with something after it");
            assert!(line.chars().count() >= 8 && text::fold(line) == line, "{line}");
        }
        for absent in ["", "\n", "!", "~~~~~~~~~", "correct horse battery staple"] {
            assert!(!is_common(absent), "{absent:?}");
        }
    }
}
