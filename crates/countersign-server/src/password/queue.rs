//! A bounded queue that networks share: within each class of work they take turns, and when the
//! queue is full, a newcomer takes the place of the last item of the longest queue.
//!
//! "Longest queue drop" keeps the queue useful to everybody without a fixed limit for each network:
//! whoever waits alone may use all of it, and gives way to whoever has less.

use std::collections::{HashMap, VecDeque};

use ipnet::IpNet;

/// The classes of work. Each has its own part of the queue and of the time of the threads; what one
/// class does not use, the others may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkClass {
    /// For an account that has logged in before, or for a caller who has proved who they are.
    KnownAccount,
    /// For an account that has never logged in, or for none at all.
    OtherAccount,
    /// For an account that somebody wants to register.
    Registration,
}

use WorkClass::{KnownAccount, OtherAccount, Registration};

/// The order in which classes are served. How often a class stands here is also its part of the
/// queue.
const TURNS: [WorkClass; 8] = [
    KnownAccount,
    OtherAccount,
    KnownAccount,
    Registration,
    KnownAccount,
    OtherAccount,
    KnownAccount,
    OtherAccount,
];

/// Items of several classes and networks, at most `capacity` in all.
pub(super) struct Queue<T> {
    capacity: usize,
    /// In the order of the variants of [`WorkClass`].
    classes: [Networks<T>; 3],
    /// Where in [`TURNS`] the next item is looked for.
    turn: usize,
    next_number: u64,
}

/// Where an item waits.
#[derive(Debug)]
pub(super) struct Ticket {
    class: WorkClass,
    /// The networks around the address that the item came from, the largest first.
    networks: Vec<IpNet>,
    number: u64,
}

impl<T> Queue<T> {
    /// An empty queue for at most `capacity` items, and at least one.
    pub(super) fn new(capacity: usize) -> Self {
        let classes = [Networks::default(), Networks::default(), Networks::default()];
        Self { capacity: capacity.max(1), classes, turn: 0, next_number: 0 }
    }

    /// How many items wait.
    pub(super) fn len(&self) -> usize {
        self.classes.iter().map(|networks| networks.len).sum()
    }

    /// Whether [`Queue::push`] would add an item of this class and these networks.
    pub(super) fn has_room(&self, class: WorkClass, networks: &[IpNet]) -> bool {
        self.len() < self.capacity || self.victim(class, networks).is_some()
    }

    /// Adds an item behind those of the same class and networks. Where the queue is full, the newest
    /// item of the longest queue is dropped; `None` where that queue is the newcomer's own.
    pub(super) fn push(
        &mut self,
        class: WorkClass,
        networks: Vec<IpNet>,
        item: T,
    ) -> Option<Ticket> {
        if self.len() >= self.capacity {
            let (class, path) = self.victim(class, &networks)?;
            self.classes[class as usize].remove_newest(&path);
        }
        let number = self.next_number;
        self.next_number += 1;
        self.classes[class as usize].push(&networks, (number, item));
        Some(Ticket { class, networks, number })
    }

    /// The item with this ticket, if it still waits.
    pub(super) fn get_mut(&mut self, ticket: &Ticket) -> Option<&mut T> {
        self.classes[ticket.class as usize].get_mut(&ticket.networks, ticket.number)
    }

    /// Removes the item with this ticket, if it still waits.
    pub(super) fn remove(&mut self, ticket: &Ticket) -> Option<T> {
        self.classes[ticket.class as usize].remove(&ticket.networks, ticket.number)
    }

    /// Takes the oldest item that is ready of the class and of the networks whose turn it is.
    pub(super) fn pop(&mut self, ready: impl Fn(&T) -> bool) -> Option<T> {
        for offset in 0..TURNS.len() {
            let turn = (self.turn + offset) % TURNS.len();
            if let Some(item) = self.classes[TURNS[turn] as usize].pop(&ready) {
                self.turn = turn + 1;
                return Some(item);
            }
        }
        None
    }

    /// Removes all items.
    pub(super) fn clear(&mut self) {
        self.classes = [Networks::default(), Networks::default(), Networks::default()];
    }

    /// The class and the network whose newest item gives way to a newcomer: the class that exceeds
    /// its part of the queue most, and in it the longest queue. `None` where that is the newcomer's.
    fn victim(&self, class: WorkClass, networks: &[IpNet]) -> Option<(WorkClass, Vec<IpNet>)> {
        let excess = |of: WorkClass| {
            let len = self.classes[of as usize].len + usize::from(of == class);
            len.saturating_sub(self.part(of))
        };
        let others = [KnownAccount, OtherAccount, Registration].into_iter();
        let largest = others.filter(|of| *of != class).max_by_key(|of| excess(*of));
        let of = largest.filter(|of| excess(*of) > excess(class)).unwrap_or(class);
        let newcomer = if of == class { networks } else { &[] };
        Some((of, self.classes[of as usize].longest(newcomer)?))
    }

    /// How many items of a class may wait before it has to give way to others.
    fn part(&self, of: WorkClass) -> usize {
        let eighth = self.capacity / TURNS.len();
        let turns = |of: WorkClass| TURNS.iter().filter(|turn| **turn == of).count();
        match of {
            // The rest of the division is theirs.
            KnownAccount => self.capacity - eighth * (turns(OtherAccount) + turns(Registration)),
            other => eighth * turns(other),
        }
    }
}

/// Items by the network that they came from, and networks by the larger network around them.
struct Networks<T> {
    len: usize,
    /// Networks that had nothing waiting before and were not served since, in the order in which
    /// they came.
    newcomers: VecDeque<IpNet>,
    /// All others that have an item waiting, in the order of their turns.
    turns: VecDeque<IpNet>,
    /// Whether the next item is a newcomer's. They have every other turn, so that whoever asks for
    /// little does not wait for all who ask for much, and keeps none of those waiting for ever.
    newcomers_next: bool,
    waiting: HashMap<IpNet, Waiting<T>>,
}

enum Waiting<T> {
    /// Of a network that is not divided further, with their numbers.
    Items(VecDeque<(u64, T)>),
    Networks(Networks<T>),
}

impl<T> Default for Networks<T> {
    fn default() -> Self {
        Self {
            len: 0,
            newcomers: VecDeque::new(),
            turns: VecDeque::new(),
            newcomers_next: true,
            waiting: HashMap::new(),
        }
    }
}

impl<T> Networks<T> {
    fn push(&mut self, path: &[IpNet], item: (u64, T)) {
        let Some((network, rest)) = path.split_first() else { return };
        let waiting = self.waiting.entry(*network).or_insert_with(|| {
            self.newcomers.push_back(*network);
            Waiting::of(rest)
        });
        waiting.push(rest, item);
        self.len += 1;
    }

    fn get_mut(&mut self, path: &[IpNet], number: u64) -> Option<&mut T> {
        let (network, rest) = path.split_first()?;
        match self.waiting.get_mut(network)? {
            Waiting::Networks(networks) => networks.get_mut(rest, number),
            Waiting::Items(items) => {
                items.iter_mut().find(|(of, _)| *of == number).map(|(_, item)| item)
            }
        }
    }

    fn remove(&mut self, path: &[IpNet], number: u64) -> Option<T> {
        self.take(path, |waiting, rest| match waiting {
            Waiting::Networks(networks) => networks.remove(rest, number),
            Waiting::Items(items) => {
                let index = items.iter().position(|(of, _)| *of == number)?;
                items.remove(index).map(|(_, item)| item)
            }
        })
    }

    fn remove_newest(&mut self, path: &[IpNet]) -> Option<T> {
        self.take(path, |waiting, rest| match waiting {
            Waiting::Networks(networks) => networks.remove_newest(rest),
            Waiting::Items(items) => items.pop_back().map(|(_, item)| item),
        })
    }

    /// Takes an item out of what waits of the first network of the path.
    fn take(
        &mut self,
        path: &[IpNet],
        take: impl FnOnce(&mut Waiting<T>, &[IpNet]) -> Option<T>,
    ) -> Option<T> {
        let (network, rest) = path.split_first()?;
        let waiting = self.waiting.get_mut(network)?;
        let item = take(waiting, rest)?;
        if waiting.len() == 0 {
            self.waiting.remove(network);
            self.newcomers.retain(|newcomer| newcomer != network);
            self.turns.retain(|turn| turn != network);
        }
        self.len -= 1;
        Some(item)
    }

    /// Takes the first item that is ready of the network whose turn it is.
    fn pop(&mut self, ready: &impl Fn(&T) -> bool) -> Option<T> {
        let (network, item) = if self.newcomers_next {
            pop_in_turn(&mut self.newcomers, &mut self.waiting, ready)
                .or_else(|| pop_in_turn(&mut self.turns, &mut self.waiting, ready))?
        } else {
            pop_in_turn(&mut self.turns, &mut self.waiting, ready)
                .or_else(|| pop_in_turn(&mut self.newcomers, &mut self.waiting, ready))?
        };
        self.newcomers_next = !self.newcomers_next;
        if self.waiting.get(&network).is_some_and(|waiting| waiting.len() > 0) {
            self.turns.push_back(network);
        } else {
            self.waiting.remove(&network);
        }
        self.len -= 1;
        Some(item)
    }

    /// The path to the longest queue, when one more item comes from `newcomer` (nothing comes if
    /// that is empty). `None` where the newcomer's own queue is as long as any other.
    fn longest(&self, newcomer: &[IpNet]) -> Option<Vec<IpNet>> {
        let own = newcomer.first();
        let len = |network: &IpNet| self.waiting.get(network).map_or(0, Waiting::len);
        let own_len = own.map_or(0, |own| len(own) + 1);
        let all = self.turns.iter().chain(&self.newcomers);
        let others = all.filter(|network| Some(*network) != own);
        let longest = others.max_by_key(|network| len(network));
        let (network, rest) = match longest.filter(|network| len(network) > own_len) {
            Some(network) => (network, &[][..]),
            None => (own?, newcomer.get(1..)?),
        };
        let mut path = vec![*network];
        match self.waiting.get(network)? {
            Waiting::Networks(networks) => path.extend(networks.longest(rest)?),
            Waiting::Items(_) if Some(network) == own => return None,
            Waiting::Items(_) => {}
        }
        Some(path)
    }
}

/// Takes the first item that is ready of these networks, and its network out of `turns`.
fn pop_in_turn<T>(
    turns: &mut VecDeque<IpNet>,
    waiting: &mut HashMap<IpNet, Waiting<T>>,
    ready: &impl Fn(&T) -> bool,
) -> Option<(IpNet, T)> {
    for index in 0..turns.len() {
        let network = turns[index];
        if let Some(item) = waiting.get_mut(&network)?.pop(ready) {
            turns.remove(index);
            return Some((network, item));
        }
    }
    None
}

impl<T> Waiting<T> {
    /// Room for what comes from the networks of the path within this one.
    fn of(path: &[IpNet]) -> Self {
        if path.is_empty() {
            Self::Items(VecDeque::new())
        } else {
            Self::Networks(Networks::default())
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Items(items) => items.len(),
            Self::Networks(networks) => networks.len,
        }
    }

    fn push(&mut self, path: &[IpNet], item: (u64, T)) {
        match self {
            Self::Items(items) => items.push_back(item),
            Self::Networks(networks) => networks.push(path, item),
        }
    }

    fn pop(&mut self, ready: &impl Fn(&T) -> bool) -> Option<T> {
        match self {
            Self::Networks(networks) => networks.pop(ready),
            Self::Items(items) => {
                let index = items.iter().position(|(_, item)| ready(item))?;
                items.remove(index).map(|(_, item)| item)
            }
        }
    }
}

#[cfg(test)]
mod tests;
