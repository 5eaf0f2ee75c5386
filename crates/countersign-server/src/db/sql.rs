//! SQL that is written once, with `?`, and numbered `$1`, `$2`, … for PostgreSQL by the compiler.

/// A statement, in the two forms that the databases take. Made by [`sql!`](crate::sql).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sql {
    text: &'static str,
    numbered: &'static str,
}

impl Sql {
    #[doc(hidden)]
    pub const fn new(text: &'static str, numbered: &'static [u8]) -> Self {
        match std::str::from_utf8(numbered) {
            Ok(numbered) => Self { text, numbered },
            Err(_) => panic!("numbering keeps the text's own bytes"),
        }
    }

    /// With `?`, as SQLite and MySQL take it.
    pub const fn text(self) -> &'static str {
        self.text
    }

    /// With `$1`, `$2`, …, as PostgreSQL takes it.
    pub const fn numbered(self) -> &'static str {
        self.numbered
    }
}

/// How long `text` is once its placeholders are numbered.
#[doc(hidden)]
pub const fn numbered_length(text: &str) -> usize {
    walk(text, &mut [])
}

/// `text` with its placeholders numbered.
#[doc(hidden)]
pub const fn numbered<const N: usize>(text: &str) -> [u8; N] {
    let mut out = [0; N];
    walk(text, &mut out);
    out
}

/// Writes the numbered text as far as `out` reaches; the whole length either way.
const fn walk(text: &str, out: &mut [u8]) -> usize {
    let text = text.as_bytes();
    let (mut read, mut written, mut number) = (0, 0, 0);
    let mut quoted = false;
    while read < text.len() {
        let byte = text[read];
        if byte == b'\'' {
            quoted = !quoted;
        }
        if byte == b'?' {
            assert!(!quoted, "a `?` inside a literal would be taken for a placeholder");
            number += 1;
            assert!(number < 10_000, "a statement has at most 9,999 placeholders");
            written = put(out, written, b'$');
            if number >= 1000 {
                written = put(out, written, digit(number / 1000));
            }
            if number >= 100 {
                written = put(out, written, digit(number / 100));
            }
            if number >= 10 {
                written = put(out, written, digit(number / 10));
            }
            written = put(out, written, digit(number));
        } else {
            written = put(out, written, byte);
        }
        read += 1;
    }
    written
}

/// The last digit.
const fn digit(number: u16) -> u8 {
    b'0' + (number % 10).to_le_bytes()[0]
}

const fn put(out: &mut [u8], at: usize, byte: u8) -> usize {
    if at < out.len() {
        out[at] = byte;
    }
    at + 1
}

/// Statements: `sql! { NAME = "SELECT … WHERE id = ?"; … }` makes each a constant of type
/// [`Sql`](crate::db::Sql) and lists them in `STATEMENTS`, from which a test prepares them all;
/// `sql!("…")` is a single one, as an expression.
#[macro_export]
macro_rules! sql {
    ($($(#[$attribute:meta])* $name:ident = $text:expr;)+) => {
        $($(#[$attribute])* pub(crate) const $name: $crate::db::Sql = $crate::sql!($text);)+

        /// Every statement of this module, by name.
        pub const STATEMENTS: &[(&str, $crate::db::Sql)] = &[$((stringify!($name), $name)),+];
    };
    ($text:expr) => {
        const {
            const NUMBERED: [u8; $crate::db::numbered_length($text)] = $crate::db::numbered($text);
            $crate::db::Sql::new($text, &NUMBERED)
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn placeholders_are_numbered_in_order() {
        let two = sql!("SELECT a FROM t WHERE b = ? AND c = '' AND d = ?");
        assert_eq!(two.numbered(), "SELECT a FROM t WHERE b = $1 AND c = '' AND d = $2");
        assert_eq!(two.text(), "SELECT a FROM t WHERE b = ? AND c = '' AND d = ?");
        assert_eq!(sql!("SELECT 1").numbered(), "SELECT 1");
        let eleven = sql!("VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        assert_eq!(eleven.numbered(), "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
        let text = const { str::from_utf8(&[b'?'; 1001]) }.expect("ASCII");
        let many = super::numbered::<{ 9 + 90 * 2 + 900 * 3 + 2 * 4 + 1001 }>(text);
        assert!(many.starts_with(b"$1$2$3$4$5$6$7$8$9$10$11$12"));
        assert!(many.windows(12).any(|part| part == b"$98$99$100$1"));
        assert!(many.ends_with(b"$998$999$1000$1001"));
    }
}
