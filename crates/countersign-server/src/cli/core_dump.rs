//! Core dumps, which would hold passwords, tokens and the master secret.

use rustix::io;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Prevents core dumps of this process. On Linux, other processes of its user can then no longer
/// read its memory either.
pub(super) fn prevent() -> io::Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // A sandbox that has lowered the limit already may kill who tries to change it.
    if getrlimit(Resource::Core) != none {
        setrlimit(Resource::Core, none)?;
    }
    // A dump that a program collects (`kernel.core_pattern`) is not bound by the limit.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn neither_the_kernel_nor_a_collector_of_dumps_gets_one() {
        use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

        for _ in 0..2 {
            super::prevent().expect("a process may give up its dumps");
            assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
            assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
        }
    }
}
