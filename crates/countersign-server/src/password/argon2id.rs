//! Argon2id (RFC 9106) in memory that is kept, and the PHC strings it is written in.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2I_IDENT, ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;

use super::import::UnusableHash;
use crate::entropy::Entropy;

const SALT_OCTETS: usize = 16;
const OUTPUT_OCTETS: usize = Params::DEFAULT_OUTPUT_LEN;

/// The most memory a row may ask for: 256 MiB.
const MAX_MEMORY_KIB: u32 = 256 * 1024;

/// The most memory times iterations a row may ask for: 1 GiB, 27 times the default's work.
const MAX_WORK_KIB: u64 = 1024 * 1024;

const MAX_PARALLELISM: u32 = 16;

const MAX_COST: &str =
    "Argon2 takes at most 256 MiB, memory times iterations at most 1 GiB, and parallelism 1 to 16";

/// The cost parameters are outside what is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Argon2 takes at least 8 KiB of memory for each degree of parallelism and at most 256 MiB, \
     memory times iterations at most 1 GiB, and parallelism 1 to 16"
)]
pub struct InvalidCost;

/// What one hash costs, within the bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cost(Params);

impl Cost {
    pub(super) fn new(
        memory_kib: u32,
        iterations: u32,
        parallelism: u32,
    ) -> Result<Self, InvalidCost> {
        let params = Params::new(memory_kib, iterations, parallelism, Some(OUTPUT_OCTETS));
        Self::bounded(params.map_err(|_| InvalidCost)?)
    }

    fn bounded(params: Params) -> Result<Self, InvalidCost> {
        let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
        let within = params.m_cost() <= MAX_MEMORY_KIB
            && work <= MAX_WORK_KIB
            && params.p_cost() <= MAX_PARALLELISM;
        if within { Ok(Self(params)) } else { Err(InvalidCost) }
    }
}

/// A stored hash that was read and is within the bounds.
pub(super) struct Row {
    algorithm: Algorithm,
    version: Version,
    cost: Cost,
    salt: Salt,
    output: Output,
}

impl Row {
    /// Reads `$argon2id$…`, or another system's `$argon2i$…`.
    pub(super) fn parse(text: &str) -> Result<Self, UnusableHash> {
        let hash = PasswordHash::new(text).map_err(|_| UnusableHash::Corrupt)?;
        let algorithm = match hash.algorithm {
            ARGON2ID_IDENT => Algorithm::Argon2id,
            ARGON2I_IDENT => Algorithm::Argon2i,
            _ => return Err(UnusableHash::UnknownForm),
        };
        // A row without a version is from before there were two, as in the reference implementation.
        let version = hash.version.map_or(Ok(Version::V0x10), Version::try_from);
        let version = version.map_err(|_| UnusableHash::Corrupt)?;
        let params = Params::try_from(&hash).map_err(|_| UnusableHash::Corrupt)?;
        let cost = Cost::bounded(params).map_err(|_| UnusableHash::TooCostly(MAX_COST))?;
        let (salt, output) = hash.salt.zip(hash.hash).ok_or(UnusableHash::Corrupt)?;
        Ok(Self { algorithm, version, cost, salt, output })
    }

    /// Whether it takes more memory than a hash of this cost.
    pub(super) fn is_large(&self, usual: &Cost) -> bool {
        self.cost.0.block_count() > usual.0.block_count()
    }

    /// Whether a new hash would be made otherwise.
    pub(super) fn is_outdated(&self, current: &Cost) -> bool {
        self.algorithm != Algorithm::Argon2id
            || self.version != Version::default()
            || self.cost != *current
            || self.salt.len() != SALT_OCTETS
    }
}

/// Counts what all benches of a lane do and hold.
#[derive(Default)]
pub(super) struct Meter {
    hashes: AtomicU64,
    memory_kib: AtomicU64,
    waited_micros: AtomicU64,
}

impl Meter {
    pub(super) fn hashes(&self) -> u64 {
        self.hashes.load(Ordering::Relaxed)
    }

    pub(super) fn waited(&self) -> Duration {
        Duration::from_micros(self.waited_micros.load(Ordering::Relaxed))
    }

    pub(super) fn note_wait(&self, waited: Duration) {
        let micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        self.waited_micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(super) fn memory_kib(&self) -> u64 {
        self.memory_kib.load(Ordering::Relaxed)
    }
}

/// The place where one thread computes hashes: the memory for one, kept from the first hash on.
pub(super) struct Bench<'a> {
    cost: &'a Cost,
    meter: &'a Meter,
    memory: Vec<Block>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(cost: &'a Cost, meter: &'a Meter) -> Self {
        Self { cost, meter, memory: Vec::new() }
    }

    pub(super) fn cost(&self) -> &Cost {
        self.cost
    }

    /// The PHC string of a new hash.
    pub(super) fn hash(
        &mut self,
        password: &[u8],
        entropy: &Entropy,
    ) -> Result<String, argon2::password_hash::Error> {
        let salt: [u8; SALT_OCTETS] = entropy.bytes();
        let mut output = [0; OUTPUT_OCTETS];
        self.derive(&current(self.cost), password, &salt, &mut output)?;
        let hash = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::default().into()),
            params: ParamsString::try_from(&self.cost.0)?,
            salt: Some(Salt::new(&salt)?),
            hash: Some(Output::new(&output)?),
        };
        Ok(hash.to_string())
    }

    /// Whether the row is of this password. An error comes before any work is done.
    pub(super) fn matches(&mut self, row: &Row, password: &[u8]) -> Result<bool, argon2::Error> {
        let argon2 = Argon2::new(row.algorithm, row.version, row.cost.0.clone());
        let mut buffer = [0; Output::MAX_LENGTH];
        let output = &mut buffer[..row.output.len()];
        self.derive(&argon2, password, &row.salt, output)?;
        Ok(row.output.as_bytes().ct_eq(output).into())
    }

    /// Does the work of a hash, for nothing.
    pub(super) fn waste(&mut self, password: &[u8]) {
        let mut output = [0; OUTPUT_OCTETS];
        let salt = [0; SALT_OCTETS];
        if let Err(error) = self.derive(&current(self.cost), password, &salt, &mut output) {
            tracing::error!(%error, "a hash could not be computed");
        }
    }

    /// Counts a hash that is not Argon2.
    pub(super) fn count(&self) {
        self.meter.hashes.fetch_add(1, Ordering::Relaxed);
    }

    fn derive(
        &mut self,
        argon2: &Argon2<'_>,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<(), argon2::Error> {
        let needed = argon2.params().block_count();
        if needed > self.cost.0.block_count() {
            let mut memory = vec![Block::new(); needed];
            argon2.hash_password_into_with_memory(password, salt, output, &mut memory[..])?;
        } else {
            self.keep_memory();
            let memory = &mut self.memory[..needed];
            argon2.hash_password_into_with_memory(password, salt, output, memory)?;
        }
        self.count();
        Ok(())
    }

    fn keep_memory(&mut self) {
        if self.memory.is_empty() {
            self.memory = vec![Block::new(); self.cost.0.block_count()];
            self.meter.memory_kib.fetch_add(self.memory.len() as u64, Ordering::Relaxed);
        }
    }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        self.meter.memory_kib.fetch_sub(self.memory.len() as u64, Ordering::Relaxed);
    }
}

fn current(cost: &Cost) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::default(), cost.0.clone())
}

#[cfg(test)]
mod tests {
    use argon2::{AssociatedData, ParamsBuilder};

    use super::*;

    const KAT: &str =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors/argon2/kats/argon2id");

    fn tag(kat: &str) -> Option<Vec<u8>> {
        let line = kat.lines().rev().find_map(|line| line.strip_prefix("Tag: "))?;
        line.split_whitespace().map(|octet| u8::from_str_radix(octet, 16).ok()).collect()
    }

    #[test]
    fn the_known_answer_comes_out_of_memory_that_was_used_before() {
        let Ok(kat) = std::fs::read_to_string(KAT) else {
            return eprintln!("skipped: {KAT} is not there");
        };
        let params = ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(AssociatedData::new(&[4; 12]).expect("12 octets"))
            .build()
            .expect("parameters");
        let argon2 = Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params)
            .expect("a secret");
        let (cost, meter) = (Cost::new(64, 1, 1).expect("a cost"), Meter::default());
        let mut bench = Bench::new(&cost, &meter);
        bench.waste(b"something else");

        let mut output = [0; 32];
        bench.derive(&argon2, &[1; 32], &[2; 16], &mut output).expect("a hash");
        assert_eq!(Some(output.to_vec()), tag(&kat));
        assert_eq!(meter.hashes(), 2);
    }

    #[test]
    fn p16_a_row_out_of_bounds_is_not_read() {
        let row = |costs: &str| {
            let text =
                format!("$argon2id$v=19${costs}$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu");
            Row::parse(&text).is_ok()
        };
        for other in ["argon2d", "argon2", "Argon2id", "scrypt"] {
            let text =
                format!("${other}$v=19$m=8,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu");
            assert!(Row::parse(&text).is_err(), "{other}");
        }
        for within in ["m=262144,t=4,p=16", "m=8,t=131072,p=1", "m=65536,t=3,p=4"] {
            assert!(row(within), "{within}");
        }
        for beyond in [
            "m=4294967295,t=1,p=1",
            "m=4294967296,t=1,p=1",
            "m=262145,t=1,p=1",
            "m=262144,t=5,p=1",
            "m=8,t=131073,p=1",
            "m=8,t=4294967295,p=1",
            "m=65536,t=1,p=17",
            "m=4294967295,t=4294967295,p=16777215",
            "m=7,t=1,p=1",
            "m=8,t=0,p=1",
            "m=8,t=1,p=0",
            "m=8,t=1,p=2",
            "m=8,t=1,p=1,x=1",
            "m=-8,t=1,p=1",
        ] {
            assert!(!row(beyond), "{beyond}");
        }
    }

    #[test]
    fn a_cost_that_rows_may_not_have_cannot_be_configured() {
        for (memory_kib, iterations, parallelism) in
            [(262_145, 1, 1), (7, 1, 1), (64, 0, 1), (4096, 1, 17)]
        {
            assert_eq!(Cost::new(memory_kib, iterations, parallelism), Err(InvalidCost));
        }
    }
}
