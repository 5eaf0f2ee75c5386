//! The Unicode rules that identifiers, names and passwords share.

use std::iter;

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::InvalidIdentifier;

/// The form in which text is compared: full case folding, in NFC.
///
/// `ß` stays what it is, as in IDNA 2008 and RFC 8265: it is not another spelling of `ss`.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.nfd() {
        match c {
            'ß' | 'ẞ' => folded.push('ß'),
            _ => folded.extend(iter::once(c).default_case_fold()),
        }
    }
    folded.nfc().collect()
}

/// Refuses the characters that no identifier may have, whatever its kind.
pub(super) fn check_visible(text: &str) -> Result<(), InvalidIdentifier> {
    if text.chars().any(is_line_or_control) {
        return Err(InvalidIdentifier::ControlCharacter);
    }
    match text.chars().find(|&c| is_invisible(c) || (c.is_whitespace() && c != ' ')) {
        Some(c) => Err(InvalidIdentifier::InvisibleCharacter(c)),
        None => Ok(()),
    }
}

/// A control character (C0, DEL, C1), or one that breaks a line.
pub(super) fn is_line_or_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// A control that embeds, overrides or isolates a direction (UAX #9), and so can make a line of
/// text read as another.
pub(super) fn is_bidi_override(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// What a terminal would obey, or show as something else than is written.
pub(crate) fn is_terminal_control(c: char) -> bool {
    is_line_or_control(c) || is_bidi_override(c)
}

/// A letter, digit or mark beyond ASCII that can stand in an identifier.
///
/// Characters with a compatibility mapping are not among them (RFC 8264, section 9.17), nor is one
/// that normalises to ASCII, as the Kelvin sign does: both look like another character.
pub(super) fn is_identifier_letter(c: char) -> bool {
    (c.is_alphanumeric() || is_combining_mark(c)) && !is_invisible(c) && !is_compatibility(c)
}

/// A mark that only can follow another character.
pub(super) fn is_mark(c: char) -> bool {
    is_combining_mark(c)
}

fn is_compatibility(c: char) -> bool {
    let compatible = || iter::once(c).nfkc();
    !compatible().eq(iter::once(c).nfc()) || compatible().all(|c| c.is_ascii())
}

/// Default ignorable code points (Unicode, `DerivedCoreProperties`), annotation controls and the
/// Braille blank.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}
