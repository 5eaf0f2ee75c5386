//! What is found.

use super::key::Key;
use crate::reason::EndReason;

/// The reason in the upper 5 bits, the minute until which it matters in the lower 27.
#[derive(Clone, Copy)]
pub(super) struct Entry(pub(super) u32);

impl Entry {
    pub(super) const MINUTES: u32 = 27;

    pub(super) fn new(reason: EndReason, until: i64) -> Self {
        let minute =
            u32::try_from(until.div_euclid(60) + 1).unwrap_or(if until < 0 { 0 } else { u32::MAX });
        let minute = minute.min((1 << Self::MINUTES) - 1);
        Self(u32::from(reason.code()) << Self::MINUTES | minute)
    }

    /// The last second of which the same entry is made again.
    pub(super) fn until(self) -> i64 {
        self.minute() * 60 - 1
    }

    pub(super) fn weight(self, key: Key) -> u128 {
        key.weighed(self.minute().unsigned_abs())
    }

    pub(super) fn minute(self) -> i64 {
        i64::from(self.0 & ((1 << Self::MINUTES) - 1))
    }

    /// What cannot be read is no way in.
    pub(super) fn reason(self) -> EndReason {
        let code = u8::try_from(self.0 >> Self::MINUTES).unwrap_or(u8::MAX);
        EndReason::from_code(code).unwrap_or(EndReason::Revoked)
    }
}
