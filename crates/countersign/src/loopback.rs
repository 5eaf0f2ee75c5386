//! Which host is this machine, without asking anybody.

use std::net::IpAddr;

/// Whether the host of a URL, in lower case, is this machine: by its name, or by an address that
/// leads nowhere else. An IPv6 address may have its brackets.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_name_and_address() {
        for own in ["localhost", "127.0.0.1", "127.8.9.1", "[::1]", "::1"] {
            assert!(is_loopback(own), "{own}");
        }
        for other in ["", "a.localhost", "127.0.0.1.example.org", "0.0.0.0", "10.0.0.1", "[::2]"] {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
