//! What one address may have at once: a quarter of all connections, so that no client keeps the others
//! out.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{Limits, Peer};
use crate::network;

/// The part of all that one address may have: one in so many.
const PART: usize = 4;
/// What each address may have, however little there may be in all: a browser opens six connections.
const MIN_SHARE: usize = 8;
/// Minimum time between two warnings about an address that has reached its share.
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

/// How many each address has at once; of IPv6 addresses, each /64.
pub(super) struct Shares {
    most: usize,
    is_enforced: bool,
    trusted_proxies: Vec<IpNet>,
    open: Mutex<HashMap<IpAddr, usize>>,
    warned_at: Mutex<Option<Instant>>,
}

/// One that is counted until this is dropped.
pub(super) struct Share {
    shares: Arc<Shares>,
    /// `None` for a trusted proxy, which may have any number.
    network: Option<IpAddr>,
}

impl Shares {
    /// The shares of a server that holds so many in all.
    pub(super) fn new(all: usize, limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            most: (all / PART).max(MIN_SHARE),
            is_enforced: limits.enforces_shares,
            trusted_proxies: limits.trusted_proxies.clone(),
            open: Mutex::default(),
            warned_at: Mutex::default(),
        })
    }

    /// Counts one more; `None` where its address has as many as it may.
    pub(super) fn take(self: &Arc<Self>, peer: SocketAddr) -> Option<Share> {
        let shares = Arc::clone(self);
        if Peer(peer).is_in(&self.trusted_proxies) {
            return Some(Share { shares, network: None });
        }
        let network = network::of(peer.ip());
        let mut all = self.open.lock();
        let open = all.entry(network).or_default();
        if *open >= self.most {
            self.warn(network);
            if self.is_enforced {
                return None;
            }
        }
        *open += 1;
        drop(all);
        Some(Share { shares, network: Some(network) })
    }

    fn warn(&self, network: IpAddr) {
        let mut warned_at = self.warned_at.lock();
        if warned_at.is_some_and(|at| at.elapsed() < WARNING_INTERVAL) {
            return;
        }
        *warned_at = Some(Instant::now());
        tracing::warn!(
            %network,
            connections = self.most,
            refused = self.is_enforced,
            "one address has a quarter of all connections that there may be; if a proxy connects from there, \
             name it in trusted_proxies"
        );
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some(network) = self.network else { return };
        let mut open = self.shares.open.lock();
        if let Some(count) = open.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                open.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().expect("an address"), 4711)
    }

    #[test]
    fn each_address_has_a_quarter_and_each_64_of_ipv6_is_one_address() {
        let shares = Shares::new(40, &Limits::default());
        let mut taken: Vec<_> = (0..10)
            .map(|host| shares.take(peer(&format!("2001:db8::{host}"))).expect("there is room"))
            .collect();
        assert!(shares.take(peer("2001:db8::ff")).is_none());
        assert!(shares.take(peer("2001:db8:0:1::1")).is_some());
        assert!(shares.take(peer("192.0.2.1")).is_some());
        taken.pop();
        assert!(shares.take(peer("2001:db8::ff")).is_some());
        drop(taken);
        assert!(shares.open.lock().is_empty(), "no address is remembered");
    }

    #[test]
    fn a_trusted_proxy_has_any_number_and_others_do_where_shares_are_not_enforced() {
        let trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
        let shares = Shares::new(40, &Limits { trusted_proxies, ..Limits::default() });
        let mut taken = Vec::new();
        taken.extend((0..100).map_while(|_| shares.take(peer("::ffff:10.1.2.3"))));
        assert_eq!(taken.len(), 100);
        let shares = Shares::new(40, &Limits { enforces_shares: false, ..Limits::default() });
        let mut taken = Vec::new();
        taken.extend((0..100).map_while(|_| shares.take(peer("10.1.2.3"))));
        assert_eq!(taken.len(), 100);
    }
}
