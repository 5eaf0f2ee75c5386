//! Where files are read from, and how far.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// No row is longer: what is, is not held in memory.
pub(super) const MAX_ROW: u64 = 1024 * 1024;

/// A file, or standard input, and how many octets of it were read.
pub(super) struct Input {
    inner: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
    /// How many more octets a row may take.
    left: u64,
}

impl Input {
    /// Opens the file, or standard input for `-`; also how long it is, where that is known.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Option<u64>)> {
        let (inner, length): (Box<dyn Read + Send>, _) = if path == Path::new("-") {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(path)?;
            let length = file.metadata()?;
            (Box::new(file), length.is_file().then_some(length.len()))
        };
        Ok((Self { inner, read: Arc::default(), left: u64::MAX }, length))
    }

    /// How many octets were read, also once this is another reader's.
    pub(super) fn read_so_far(&self) -> Arc<AtomicU64> {
        self.read.clone()
    }

    /// A row begins.
    pub(super) fn allow_row(&mut self) {
        self.left = MAX_ROW;
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let message = "a row is longer than 1 MiB; is a quotation mark missing?";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let read = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Reads CRLF as LF: the CSV reader counts the line feed of a CRLF to the row after it, and would
/// number that row one too low.
pub(super) struct LineFeeds {
    inner: BufReader<Input>,
    /// Whether the last octet read was a carriage return that has not been handed on.
    held: bool,
}

impl LineFeeds {
    pub(super) fn new(inner: Input) -> Self {
        Self { inner: BufReader::with_capacity(1 << 16, inner), held: false }
    }

    /// As [`Input::allow_row`].
    pub(super) fn allow_row(&mut self) {
        self.inner.get_mut().allow_row();
    }
}

impl Read for LineFeeds {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < buffer.len() {
            let available = self.inner.fill_buf()?;
            let Some(&octet) = available.first() else {
                // A carriage return at the very end.
                if std::mem::take(&mut self.held) {
                    buffer[written] = b'\r';
                    written += 1;
                }
                break;
            };
            if std::mem::take(&mut self.held) && octet != b'\n' {
                buffer[written] = b'\r';
                written += 1;
                continue;
            }
            self.held = octet == b'\r';
            if !self.held {
                buffer[written] = octet;
                written += 1;
            }
            self.inner.consume(1);
            if written > 0 && self.inner.buffer().is_empty() {
                break;
            }
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carriage_return_is_dropped_before_a_line_feed_alone() {
        for (given, expected) in [
            ("a\r\nb\r\n", "a\nb\n"),
            ("a\rb\n", "a\rb\n"),
            ("\r\r\n\n", "\r\n\n"),
            ("a\r", "a\r"),
            ("", ""),
        ] {
            for capacity in [1, 2, 100] {
                let left = u64::MAX;
                let input = Input { inner: Box::new(given.as_bytes()), read: Arc::default(), left };
                let mut feeds =
                    LineFeeds { inner: BufReader::with_capacity(capacity, input), held: false };
                let mut text = String::new();
                feeds.read_to_string(&mut text).expect("text");
                assert_eq!(text, expected, "{given:?}");
            }
        }
    }
}
