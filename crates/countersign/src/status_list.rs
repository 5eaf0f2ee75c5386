//! Lists of statuses, compressed (draft-ietf-oauth-status-list, section 4): whoever has one knows of
//! every token in it whether it was ended, and tells nobody which it asked about.

use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use crate::base64url;

/// The draft asks for the highest compression (section 4.1).
const LEVEL: u8 = 10;

/// Statuses by index, each of the same 1, 2, 4 or 8 bits, all 0 to begin with.
///
/// 0 is valid, 1 is invalid (section 7.1).
///
/// ```
/// use countersign::StatusList;
///
/// let mut list = StatusList::new(1, 1000).expect("a status may have one bit");
/// assert!(list.set(17, 1));
/// let read = StatusList::decode(1, &list.encode(), 125).expect("it is whole");
/// assert_eq!((read.find(16), read.find(17), read.find(1000)), (Some(0), Some(1), None));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusList {
    bits: u8,
    bytes: Vec<u8>,
}

/// Why a text is no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatusListError {
    /// A status has 1, 2, 4 or 8 bits.
    #[error("a status has 1, 2, 4 or 8 bits")]
    Bits,
    /// It is no base64url without padding.
    #[error("the list is not base64url")]
    Base64,
    /// It is not compressed as it should be, or larger than its reader allows.
    #[error("the list cannot be decompressed, or is too large")]
    Compression,
}

impl StatusList {
    /// A list of so many entries, rounded up to whole bytes; `None` unless a status has 1, 2, 4 or 8
    /// `bits`.
    pub fn new(bits: u8, entries: usize) -> Option<Self> {
        let per_byte = per_byte(bits)?;
        Some(Self { bits, bytes: vec![0; entries.div_ceil(per_byte)] })
    }

    /// How many bits a status has.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Gives the entry at `index` this status, of which only the list's bits count; false where
    /// there is no such entry.
    #[must_use]
    pub fn set(&mut self, index: usize, status: u8) -> bool {
        let (at, shift, mask) = self.place(index);
        match self.bytes.get_mut(at) {
            Some(byte) => {
                *byte = *byte & !(mask << shift) | (status & mask) << shift;
                true
            }
            None => false,
        }
    }

    /// The status at `index`; `None` where there is no such entry.
    pub fn find(&self, index: usize) -> Option<u8> {
        let (at, shift, mask) = self.place(index);
        Some(self.bytes.get(at)? >> shift & mask)
    }

    /// The byte, and the place in it: the first entry has the least significant bits.
    fn place(&self, index: usize) -> (usize, u8, u8) {
        let per_byte = usize::from(8 / self.bits);
        let within = u8::try_from(index % per_byte).unwrap_or(0);
        (index / per_byte, within * self.bits, u8::MAX >> (8 - self.bits))
    }

    /// The member `lst`: compressed (RFC 1950), in base64url.
    pub fn encode(&self) -> String {
        base64url::encode(&compress_to_vec_zlib(&self.bytes, LEVEL))
    }

    /// Reads the member `lst` of a list whose member `bits` is this. Never takes more than
    /// `max_bytes` of memory for it, however small the text is.
    pub fn decode(bits: u8, lst: &str, max_bytes: usize) -> Result<Self, StatusListError> {
        per_byte(bits).ok_or(StatusListError::Bits)?;
        let compressed = base64url::decode(lst).ok_or(StatusListError::Base64)?;
        let bytes = decompress_to_vec_zlib_with_limit(&compressed, max_bytes)
            .map_err(|_| StatusListError::Compression)?;
        Ok(Self { bits, bytes })
    }
}

fn per_byte(bits: u8) -> Option<usize> {
    matches!(bits, 1 | 2 | 4 | 8).then(|| usize::from(8 / bits))
}
