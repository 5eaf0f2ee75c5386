//! Where files are read from, and how far.

use std::fs::File;
use std::io::{self, Read};
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
