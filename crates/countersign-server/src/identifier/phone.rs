//! Phone numbers, kept as E.164: `+`, country code, number; 8 to 15 digits in all.

use super::InvalidIdentifier::{self, MobileShape, PhoneShape};

/// The E.164 form of an international number, which may be written with spaces, `-`, `.` and
/// parentheses between its digits.
///
/// A trunk prefix, `+44 (0)20 …`, is refused: it is not part of the number.
pub(super) fn e164(value: &str) -> Result<String, InvalidIdentifier> {
    let written = value.strip_prefix('+').ok_or(PhoneShape)?;
    let digits = without_separators(written);
    let is_number = (8..=15).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && !digits.starts_with('0');
    if is_number && !written.contains("(0)") { Ok(format!("+{digits}")) } else { Err(PhoneShape) }
}

/// The number without what may stand between its digits.
pub(super) fn without_separators(written: &str) -> String {
    written.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect()
}

/// The E.164 form of a mobile number of mainland China, `^1[3-9]\d{9}$`.
pub(super) fn mobile_cn(value: &str) -> Result<String, InvalidIdentifier> {
    match value.as_bytes() {
        [b'1', b'3'..=b'9', rest @ ..]
            if rest.len() == 9 && rest.iter().all(u8::is_ascii_digit) =>
        {
            Ok(format!("+86{value}"))
        }
        _ => Err(MobileShape),
    }
}
