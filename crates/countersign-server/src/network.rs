//! What addresses share a limit, and which URLs do not leave this machine.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};
use url::{Host, Url};

/// The prefixes that limits count by, beside the address: what providers give to a site, to a
/// household and to a link.
const IPV6_PREFIXES: [u8; 3] = [48, 56, 64];

/// The networks around an address that share limits, the largest first: the /48, the /56 and the
/// /64 of an IPv6 address, whose owner could use a new one for every request; of an IPv4 address,
/// also where it is written as an IPv6 one, that address alone.
pub fn around(address: IpAddr) -> Vec<IpNet> {
    match address.to_canonical() {
        IpAddr::V4(v4) => vec![IpAddr::V4(v4).into()],
        IpAddr::V6(v6) => {
            let networks = IPV6_PREFIXES.iter().filter_map(|prefix| Ipv6Net::new(v6, *prefix).ok());
            networks.map(|network| network.trunc().into()).collect()
        }
    }
}

/// The network that one customer has: an IPv4 address, also where it is written as an IPv6 one,
/// and the /64 of an IPv6 address, whose owner could use a new one for every request.
pub fn of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The network in which one user's devices change their addresses: a /24 of IPv4, a /64 of IPv6.
pub fn neighborhood(address: IpAddr) -> IpNet {
    let address = address.to_canonical();
    IpNet::new_assert(address, if address.is_ipv4() { 24 } else { 64 }).trunc()
}

/// Whether what is sent to `url` stays on this machine: its host is a loopback address, `localhost`
/// or a name under it (RFC 6761, section 6.3), or there is none.
pub fn is_of_this_machine(url: &Url) -> bool {
    match url.host() {
        None => true,
        // Of a scheme that is none of the web's, an address comes as a name, in any case.
        Some(Host::Domain(name)) => match name.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => name.is_empty() || is_localhost(&name.to_ascii_lowercase()),
        },
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
    }
}

/// Whether the name, in lower case, is a loopback name: `localhost` or one under it.
pub fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use url::Url;

    #[test]
    fn localhost_the_names_under_it_and_loopback_addresses_are_of_this_machine() {
        let is_ours = |text: &str| super::is_of_this_machine(&Url::parse(text).expect("a URL"));
        for host in ["localhost", "LOCALHOST", "db.Localhost", "a.b.localhost"] {
            assert!(is_ours(&format!("http://{host}:8080/")), "{host}");
            assert!(is_ours(&format!("postgres://user@{host}/db")), "{host}");
        }
        for host in ["127.0.0.1", "127.8.9.1", "[::1]"] {
            assert!(is_ours(&format!("http://{host}")), "{host}");
            assert!(is_ours(&format!("mysql://root@{host}:3306/db")), "{host}");
        }
        assert!(is_ours("postgres:///db?host=/run/postgresql"));
        for host in [
            "db.example.org",
            "localhost.example.org",
            "notlocalhost",
            "10.0.0.1",
            "0.0.0.0",
            "127.0.0.1.example.org",
            "[2001:db8::1]",
        ] {
            assert!(!is_ours(&format!("https://{host}")), "{host}");
            assert!(!is_ours(&format!("postgres://user@{host}/db")), "{host}");
        }
    }

    #[test]
    fn an_ipv6_address_is_in_three_networks_and_an_ipv4_address_in_its_own() {
        let around = |text: &str| {
            let networks = super::around(text.parse().expect("an address"));
            networks.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            around("2001:db8:1:2345:6::7"),
            ["2001:db8:1::/48", "2001:db8:1:2300::/56", "2001:db8:1:2345::/64"]
        );
        assert_eq!(around("192.0.2.7"), ["192.0.2.7/32"]);
        assert_eq!(around("::ffff:192.0.2.7"), ["192.0.2.7/32"]);
    }

    #[test]
    fn one_customer_has_one_network_whatever_the_address_within_it() {
        let of = |text: &str| super::of(text.parse().expect("an address")).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("2001:db8:1:2::"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
    }

    #[test]
    fn a_neighborhood_is_a_24_or_a_64() {
        let of = |text: &str| super::neighborhood(text.parse().expect("an address")).to_string();
        assert_eq!(of("192.0.2.7"), "192.0.2.0/24");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.0/24");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(of("ffff:ffff:ffff:ffff::1").len(), "ffff:ffff:ffff:ffff::/64".len());
    }
}
