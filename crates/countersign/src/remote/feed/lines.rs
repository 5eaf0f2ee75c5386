//! Puts lines together from the parts of an answer.

use crate::remote::FetchError;

/// The line that is not whole yet.
pub(super) struct Lines {
    /// How many bytes a line may have, its end included.
    longest: usize,
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn new(longest: usize) -> Self {
        Self { longest, line: Vec::new() }
    }

    /// Gives each line that is whole with this part, its end included.
    pub(super) fn take(
        &mut self,
        part: &[u8],
        mut give: impl FnMut(&[u8]) -> Result<(), FetchError>,
    ) -> Result<(), FetchError> {
        for piece in part.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.len() > self.longest {
                return Err(FetchError::Malformed);
            }
            if self.line.ends_with(b"\n") {
                give(&self.line)?;
                self.line.clear();
            }
        }
        Ok(())
    }

    /// Whether what came so far ends with the end of a line.
    pub(super) fn are_whole(&self) -> bool {
        self.line.is_empty()
    }
}
