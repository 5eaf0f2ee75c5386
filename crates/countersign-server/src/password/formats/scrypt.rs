//! scrypt (RFC 7914), and its PHC string as passlib writes it.

use ::scrypt::{Params, scrypt};
use subtle::ConstantTimeEq;

use super::{Stored, text};
use crate::password::import::UnusableHash;

const MAX_MEMORY: u64 = 64 << 20;
const MAX_PARALLELISM: u64 = 16;
/// Memory times parallelism: the parts are computed one after another, in about half a second.
const MAX_WORK: u64 = 256 << 20;

/// Fewer octets could be met by chance; no form has more.
const OUTPUT_OCTETS: std::ops::RangeInclusive<usize> = 16..=64;

pub(in crate::password) struct Scrypt {
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

/// Reads `ln=LOG_N,r=R,p=P$SALT$HASH`.
pub(super) fn read(rest: &str) -> Result<Stored, UnusableHash> {
    let [costs, salt, output] = text::parts(rest)?;
    let costs: Vec<&str> = costs.split(',').collect();
    let costs: [&str; 3] = costs.try_into().map_err(|_| UnusableHash::Corrupt)?;
    let cost = |index: usize, name| {
        let value = costs[index].strip_prefix(name).ok_or(UnusableHash::Corrupt)?;
        text::number(value)
    };
    let costs = (cost(0, "ln=")?, cost(1, "r=")?, cost(2, "p=")?);
    stored(costs, text::base64(salt)?, text::base64(output)?)
}

/// A hash of these parts, within the bounds.
pub(super) fn stored(
    (log_n, r, p): (u64, u64, u64),
    salt: Vec<u8>,
    output: Vec<u8>,
) -> Result<Stored, UnusableHash> {
    if log_n == 0 || r == 0 || p == 0 || !OUTPUT_OCTETS.contains(&output.len()) {
        return Err(UnusableHash::Corrupt);
    }
    let too_costly = UnusableHash::TooCostly(
        "scrypt takes at most 64 MiB, memory times parallelism at most 256 MiB, and a parallelism of \
         at most 16",
    );
    let n = u32::try_from(log_n).ok().and_then(|log_n| 1_u64.checked_shl(log_n));
    // The working memory is for N blocks, beside it one block for each degree of parallelism.
    let memory = n.and_then(|n| n.max(p).checked_mul(r)?.checked_mul(128));
    let work = n.and_then(|n| n.checked_mul(r)?.checked_mul(128)?.checked_mul(p));
    if memory.is_none_or(|memory| memory > MAX_MEMORY)
        || work.is_none_or(|work| work > MAX_WORK)
        || p > MAX_PARALLELISM
    {
        return Err(too_costly);
    }
    let params =
        || Params::new(log_n.try_into().ok()?, r.try_into().ok()?, p.try_into().ok()?).ok();
    Ok(Stored::Scrypt(Scrypt { params: params().ok_or(too_costly)?, salt, output }))
}

impl Scrypt {
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let mut buffer = [0; *OUTPUT_OCTETS.end()];
        let output = &mut buffer[..self.output.len()];
        let derived = scrypt(password, &self.salt, &self.params, output);
        let matches: bool = output.ct_eq(&self.output).into();
        matches && derived.is_ok()
    }
}
