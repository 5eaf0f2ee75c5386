//! A bounded queue that addresses share: none holds more than a quarter of it, and they take turns.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use crate::network;

/// What waits, by the address it came from.
pub(super) struct Queue<T> {
    capacity: usize,
    len: usize,
    /// Each address that has something waiting, once, in the order of their turns.
    turns: VecDeque<IpAddr>,
    waiting: HashMap<IpAddr, VecDeque<T>>,
}

impl<T> Queue<T> {
    /// An empty queue for at most `capacity` items, and at least one.
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self { capacity, len: 0, turns: VecDeque::new(), waiting: HashMap::new() }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether `address` may add one more.
    pub(super) fn has_room(&self, address: IpAddr) -> bool {
        let of_address = self.waiting.get(&network::of(address)).map_or(0, VecDeque::len);
        self.len < self.capacity && of_address < (self.capacity / 4).max(1)
    }

    /// Adds an item behind those of the same address.
    pub(super) fn push(&mut self, address: IpAddr, item: T) {
        let address = network::of(address);
        let of_address = self.waiting.entry(address).or_default();
        if of_address.is_empty() {
            self.turns.push_back(address);
        }
        of_address.push_back(item);
        self.len += 1;
    }

    /// Takes the oldest item of the address whose turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        let address = self.turns.pop_front()?;
        let of_address = self.waiting.get_mut(&address)?;
        let item = of_address.pop_front()?;
        if of_address.is_empty() {
            self.waiting.remove(&address);
        } else {
            self.turns.push_back(address);
        }
        self.len -= 1;
        Some(item)
    }

    /// Drops the items that are not to be kept.
    pub(super) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.waiting.retain(|_, of_address| {
            of_address.retain(&keep);
            !of_address.is_empty()
        });
        self.turns.retain(|address| self.waiting.contains_key(address));
        self.len = self.waiting.values().map(VecDeque::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn try_push(queue: &mut Queue<&'static str>, from: &str, item: &'static str) -> bool {
        let room = queue.has_room(address(from));
        if room {
            queue.push(address(from), item);
        }
        room
    }

    #[test]
    fn one_address_holds_a_quarter_and_all_together_the_whole() {
        let mut queue = Queue::new(8);
        for from in ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"] {
            assert!(try_push(&mut queue, from, "first") && try_push(&mut queue, from, "second"));
            assert!(!try_push(&mut queue, from, "third"), "{from} has its quarter");
        }
        assert!(!try_push(&mut queue, "10.0.0.5", "late"), "the queue is full");
        assert_eq!(queue.len(), 8);
    }

    #[test]
    fn a_slash_64_is_one_address_and_a_mapped_one_is_its_ipv4_address() {
        let mut queue = Queue::new(4);
        assert!(try_push(&mut queue, "2001:db8::1", "x"));
        assert!(!try_push(&mut queue, "2001:db8::ffff:0:0:2", "x"));
        assert!(try_push(&mut queue, "2001:db8:0:1::1", "x"));
        assert!(try_push(&mut queue, "::ffff:10.0.0.1", "x"));
        assert!(!try_push(&mut queue, "10.0.0.1", "x"));
    }

    #[test]
    fn addresses_take_turns() {
        let mut queue = Queue::new(100);
        for (from, item) in [
            ("10.0.0.1", "a1"),
            ("10.0.0.1", "a2"),
            ("10.0.0.1", "a3"),
            ("10.0.0.2", "b1"),
            ("10.0.0.3", "c1"),
            ("10.0.0.2", "b2"),
        ] {
            assert!(try_push(&mut queue, from, item));
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, ["a1", "b1", "c1", "a2", "b2", "a3"]);
        assert_eq!((queue.len(), queue.waiting.len(), queue.turns.len()), (0, 0, 0));
    }

    #[test]
    fn what_is_dropped_leaves_its_place() {
        let mut queue = Queue::new(4);
        assert!(try_push(&mut queue, "10.0.0.1", "gone"));
        assert!(try_push(&mut queue, "10.0.0.2", "here"));
        queue.retain(|item| *item != "gone");
        assert_eq!((queue.len(), queue.turns.len()), (1, 1));
        assert!(queue.has_room(address("10.0.0.1")));
        assert_eq!((queue.pop(), queue.pop()), (Some("here"), None));
    }
}
