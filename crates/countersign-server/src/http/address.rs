//! The client's address: the socket's, unless a trusted proxy says otherwise.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use super::problem::Problem;

/// How often it is told that `X-Forwarded-For` is ignored.
const WARN_EVERY: Duration = Duration::from_mins(1);

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where a request comes from, for limits, sessions and events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// The address of a request whose origin nobody told; it is counted like any other.
    pub const UNKNOWN: Self = Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED));

    /// The client's address as the chain of proxies gives it.
    ///
    /// `X-Forwarded-For` is read from right to left for as long as the one who wrote an entry is
    /// trusted. An entry that is not an address ends the reading there, since whoever wrote it is
    /// the last one known.
    pub fn resolve(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
        let mut nearest = peer.ip().to_canonical();
        let lines = headers.get_all(X_FORWARDED_FOR);
        let mut lines: Vec<&[u8]> = lines.iter().map(axum::http::HeaderValue::as_bytes).collect();
        lines.reverse();
        for entry in lines.into_iter().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
            if !is_trusted(nearest) {
                break;
            }
            let Some(address) = parse_entry(entry) else { break };
            nearest = address;
        }
        Self(nearest)
    }

    /// Logs, once a minute at most, that a peer which is not trusted sent `X-Forwarded-For`: where a
    /// proxy in front is not named, all clients have one address.
    pub fn warn_of_untrusted(
        peer: SocketAddr,
        headers: &HeaderMap,
        (trusted, now): (&[IpNet], Duration),
    ) {
        static WARNED_AT: AtomicU64 = AtomicU64::new(0);
        let peer = peer.ip().to_canonical();
        if !headers.contains_key(X_FORWARDED_FOR) || trusted.iter().any(|net| net.contains(&peer)) {
            return;
        }
        // Counted from 1, so that 0 is never.
        let (now, last) = (now.as_secs() + 1, WARNED_AT.load(Ordering::Relaxed));
        let is_due = last == 0 || now.saturating_sub(last) >= WARN_EVERY.as_secs();
        let is_ours =
            || WARNED_AT.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed);
        if is_due && is_ours().is_ok() {
            tracing::warn!(
                "X-Forwarded-For came from {peer}, which trusted_proxies does not name, and is \
                 ignored; if this is your proxy, all clients have its address"
            );
        }
    }

    /// The address itself, IPv4 wherever it is one.
    pub fn ip(self) -> IpAddr {
        self.0
    }
}

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(parts.extensions.get().copied().unwrap_or(Self::UNKNOWN))
    }
}

/// `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`. A zone means
/// something on the machine that wrote it only, so an address with one is none.
fn parse_entry(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = if let Some(bare) = bare {
        IpAddr::V6(bare.parse().ok()?)
    } else if let Ok(address) = text.parse::<IpAddr>() {
        address
    } else {
        match text.parse::<SocketAddr>().ok()? {
            SocketAddr::V6(address) if address.scope_id() != 0 => return None,
            address => address.ip(),
        }
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(peer: &str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, line.parse().expect("a header value"));
        }
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "2001:db8:1::/48"]
            .iter()
            .map(|net| net.parse().expect("a network"))
            .collect();
        let peer = SocketAddr::new(peer.parse().expect("an address"), 4711);
        ClientAddress::resolve(peer, &headers, &trusted).to_string()
    }

    #[test]
    fn w20_an_untrusted_peer_speaks_for_itself_only() {
        assert_eq!(resolve("192.0.2.1", &["1.2.3.4"]), "192.0.2.1");
        assert_eq!(resolve("2001:db8::1", &["1.2.3.4"]), "2001:db8::1");
    }

    #[test]
    fn w20_a_trusted_chain_is_read_from_right_to_left() {
        for (lines, client) in [
            (&[][..], "10.0.0.1"),
            (&["1.2.3.4"], "1.2.3.4"),
            (&["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            (&["1.2.3.4, 10.9.9.9"], "1.2.3.4"),
            (&["6.6.6.6", "1.2.3.4", "10.2.2.2,10.3.3.3"], "1.2.3.4"),
            (&["10.2.2.2, 10.3.3.3"], "10.2.2.2"),
            (&["1.2.3.4:80"], "1.2.3.4"),
            (&["[2001:db8:2::7]:443"], "2001:db8:2::7"),
            (&["[2001:db8:2::7]"], "2001:db8:2::7"),
            (&["2001:db8:2::7 , 2001:db8:1::1"], "2001:db8:2::7"),
            (&["::ffff:1.2.3.4"], "1.2.3.4"),
        ] {
            assert_eq!(resolve("10.0.0.1", lines), client, "{lines:?}");
        }
        assert_eq!(resolve("::ffff:10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
    }

    #[test]
    fn w20_an_entry_that_is_no_address_ends_the_reading() {
        let long = "1,".repeat(5_000);
        for junk in [
            "",
            ",",
            "unknown",
            "_hidden",
            "fe80::1%eth0",
            "[fe80::1%1]:80",
            "1.2.3.4:99999",
            "1.2.3.4.5",
            "[1.2.3.4]:1:2",
            "\u{e9}",
            "[",
            "]",
            "[]",
            "[]:80",
            &long,
        ] {
            assert_eq!(resolve("10.0.0.1", &[junk]), "10.0.0.1", "{junk:.20}");
        }
        assert_eq!(resolve("10.0.0.1", &["1.2.3.4, unknown, 10.2.2.2"]), "10.2.2.2");
    }
}
