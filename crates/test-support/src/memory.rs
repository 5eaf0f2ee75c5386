//! What a process takes of memory, as Linux tells.

use std::fmt;
use std::fs;

use crate::program::Server;

/// Bytes of a mebibyte.
pub const MIB: u64 = 1024 * 1024;

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// All that is in memory, the program's own code included, of which a debug build has much.
    pub resident: u64,
    /// What the process allocated: its heap and stacks.
    pub private: u64,
}

impl Memory {
    /// Of a server that runs.
    pub fn of(server: &Server) -> Self {
        let path = format!("/proc/{}/status", server.child.id());
        let status = fs::read_to_string(path).expect("the server runs");
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kib.expect("Linux tells") * 1024
        };
        Self { resident: bytes("VmRSS:"), private: bytes("RssAnon:") }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resident, private } = self;
        write!(f, "resident {} MiB, allocated {} MiB", resident / MIB, private / MIB)
    }
}
