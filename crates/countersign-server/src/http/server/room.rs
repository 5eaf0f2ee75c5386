//! Memory for requests whose bodies arrive slowly. When it is full, the oldest request of the network
//! that uses most of it is refused, so that clients that hold bodies back cannot keep other clients out.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;

use futures::task::AtomicWaker;
use parking_lot::Mutex;

/// Room for a number of requests, and for a number of bytes of their bodies.
pub(super) struct Room {
    max_requests: usize,
    max_bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    networks: HashMap<IpAddr, Network>,
    requests: usize,
    bytes: usize,
    next: u64,
}

/// The requests of one network, the oldest first.
#[derive(Default)]
struct Network {
    requests: BTreeMap<u64, Held>,
    bytes: usize,
}

struct Held {
    bytes: usize,
    notice: Arc<Notice>,
}

/// Tells a request that it has lost its place.
#[derive(Default)]
struct Notice {
    is_displaced: AtomicBool,
    waker: AtomicWaker,
}

/// The place of one request, until it is dropped.
pub(super) struct Place {
    room: Arc<Room>,
    network: IpAddr,
    number: u64,
    notice: Arc<Notice>,
}

impl Room {
    pub(super) fn new(max_requests: usize, max_bytes: usize) -> Arc<Self> {
        Arc::new(Self { max_requests, max_bytes, state: Mutex::default() })
    }

    /// A place for one more request of this network. If the room is full, the network with the most
    /// requests loses its oldest one.
    pub(super) fn enter(self: &Arc<Self>, network: IpAddr) -> Place {
        let notice = Arc::<Notice>::default();
        let mut state = self.state.lock();
        let number = state.next;
        state.next += 1;
        state.requests += 1;
        let held = Held { bytes: 0, notice: Arc::clone(&notice) };
        state.networks.entry(network).or_default().requests.insert(number, held);
        if state.requests > self.max_requests {
            state.displace_one_of(|network| network.requests.len(), |_| true);
        }
        drop(state);
        Place { room: Arc::clone(self), network, number, notice }
    }
}

impl State {
    /// Takes the place of the oldest request that `may_go`, of the network with the largest `use_of`; of
    /// several such networks, the one whose oldest request is the oldest.
    fn displace_one_of(
        &mut self,
        use_of: impl Fn(&Network) -> usize,
        may_go: impl Fn(&Held) -> bool,
    ) {
        let oldest =
            |network: &Network| network.requests.first_key_value().map(|(&number, _)| number);
        let rank = |network: &Network| (use_of(network), Reverse(oldest(network)));
        let largest = self.networks.iter().max_by_key(|(_, network)| rank(network));
        let Some((&address, network)) = largest else { return };
        let oldest = network.requests.iter().find(|(_, held)| may_go(held));
        let Some((&number, _)) = oldest else { return };
        if let Some(held) = self.remove(address, number) {
            held.notice.is_displaced.store(true, Ordering::Release);
            held.notice.waker.wake();
        }
    }

    /// Removes a request; `None` if it was displaced before.
    fn remove(&mut self, address: IpAddr, number: u64) -> Option<Held> {
        let network = self.networks.get_mut(&address)?;
        let held = network.requests.remove(&number)?;
        network.bytes -= held.bytes;
        if network.requests.is_empty() {
            self.networks.remove(&address);
        }
        self.requests -= 1;
        self.bytes -= held.bytes;
        Some(held)
    }
}

impl Place {
    /// Takes room for `more` bytes of the body. If the room is full, the network with the most bytes
    /// loses its oldest requests. Afterwards, [`Place::is_displaced`] says whether this was one of them.
    pub(super) fn grow(&self, more: usize) {
        let mut state = self.room.state.lock();
        let Some(network) = state.networks.get_mut(&self.network) else { return };
        let Some(held) = network.requests.get_mut(&self.number) else { return };
        held.bytes += more;
        network.bytes += more;
        state.bytes += more;
        while state.bytes > self.room.max_bytes {
            state.displace_one_of(|network| network.bytes, |held| held.bytes > 0);
        }
    }

    /// Whether another request has this place now.
    pub(super) fn is_displaced(&self) -> bool {
        self.notice.is_displaced.load(Ordering::Acquire)
    }

    /// As [`Place::is_displaced`]; the task is woken when that changes.
    pub(super) fn poll_displaced(&self, cx: &Context<'_>) -> bool {
        self.notice.waker.register(cx.waker());
        self.is_displaced()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.state.lock().remove(self.network, self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    fn displaced(places: &[Place]) -> Vec<usize> {
        let displaced = places.iter().enumerate().filter(|(_, place)| place.is_displaced());
        displaced.map(|(index, _)| index).collect()
    }

    #[test]
    fn a_newcomer_takes_the_place_of_the_oldest_of_the_largest_network() {
        let room = Room::new(6, 1_000);
        let held: Vec<_> = [1, 1, 2, 2, 2, 1].map(|number| room.enter(network(number))).into();
        assert_eq!(displaced(&held), [0; 0]);
        let newcomers: Vec<_> = (3..=5).map(|number| room.enter(network(number))).collect();
        assert_eq!(displaced(&newcomers), [0; 0]);
        assert_eq!(displaced(&held).len(), 3);
        assert!(!held[4].is_displaced() && !held[5].is_displaced(), "the youngest of each stay");
        drop((held, newcomers));
        let state = room.state.lock();
        assert!(state.networks.is_empty(), "no network is remembered");
        assert_eq!((state.requests, state.bytes), (0, 0));
    }

    #[test]
    fn a_network_with_the_most_loses_its_own_oldest() {
        let room = Room::new(3, 1_000);
        let held: Vec<_> = [1, 2, 1].map(|number| room.enter(network(number))).into();
        let newcomer = room.enter(network(1));
        assert_eq!(displaced(&held), [0]);
        assert!(!newcomer.is_displaced());
    }

    #[test]
    fn of_networks_with_one_request_each_the_oldest_request_goes() {
        let room = Room::new(50, 1_000);
        let held: Vec<_> = (0..50).map(|number| room.enter(network(number))).collect();
        let newcomers: Vec<_> = (50..53).map(|number| room.enter(network(number))).collect();
        assert_eq!(displaced(&held), [0, 1, 2]);
        assert_eq!(displaced(&newcomers), [0; 0]);
    }

    #[test]
    fn bytes_are_taken_from_the_network_that_has_most_of_them() {
        let room = Room::new(100, 1_000);
        let held: Vec<_> = [1, 1, 2].map(|number| room.enter(network(number))).into();
        held[1].grow(700);
        held[2].grow(300);
        assert_eq!(displaced(&held), [0; 0]);
        held[2].grow(100);
        assert_eq!(displaced(&held), [1], "one without bytes is of no use");
        assert_eq!(room.state.lock().bytes, 400);
        held[2].grow(700);
        assert_eq!(displaced(&held), [1, 2], "what is larger than all the room is refused");
        assert_eq!(room.state.lock().bytes, 0);
    }
}
