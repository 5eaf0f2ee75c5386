//! Tests of the queue's fairness, without threads and without time.

use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::network;

fn around(address: &str) -> Vec<IpNet> {
    network::around(address.parse().expect("an address"))
}

fn push(queue: &mut Queue<String>, class: WorkClass, from: &str, item: &str) -> Option<Ticket> {
    queue.push(class, around(from), item.to_owned())
}

/// Adds so many items from one address, which are all taken.
fn fill(queue: &mut Queue<String>, class: WorkClass, from: &str, count: usize) -> Vec<Ticket> {
    let add = |number| push(queue, class, from, &format!("{from} {number}"));
    (0..count).map(add).collect::<Option<_>>().expect("there is room")
}

fn drain(queue: &mut Queue<String>) -> Vec<String> {
    std::iter::from_fn(|| queue.pop(|_| true)).collect()
}

/// Which of these still wait.
fn still_waiting(queue: &mut Queue<String>, tickets: &[Ticket]) -> Vec<bool> {
    tickets.iter().map(|ticket| queue.get_mut(ticket).is_some()).collect()
}

#[test]
fn one_network_alone_may_use_the_whole_queue_and_no_more() {
    let mut queue = Queue::new(8);
    fill(&mut queue, OtherAccount, "192.0.2.1", 8);
    assert!(!queue.has_room(OtherAccount, &around("192.0.2.1")));
    for same in ["192.0.2.1", "::ffff:192.0.2.1"] {
        assert!(push(&mut queue, OtherAccount, same, "late").is_none());
    }
    assert_eq!(queue.len(), 8);
}

#[test]
fn a_newcomer_takes_the_place_of_the_newest_item_of_the_longest_queue() {
    let mut queue = Queue::new(8);
    let few = fill(&mut queue, OtherAccount, "192.0.2.1", 3);
    let many = fill(&mut queue, OtherAccount, "192.0.2.2", 5);
    assert!(queue.has_room(OtherAccount, &around("192.0.2.3")));
    let newcomer = push(&mut queue, OtherAccount, "192.0.2.3", "newcomer").expect("room");
    assert_eq!(queue.len(), 8);
    assert_eq!(still_waiting(&mut queue, &few), [true; 3]);
    assert_eq!(still_waiting(&mut queue, &many), [true, true, true, true, false]);
    assert!(push(&mut queue, OtherAccount, "192.0.2.2", "late").is_none(), "it has the most");
    assert!(queue.get_mut(&newcomer).is_some());
}

#[test]
fn whoever_waits_keeps_the_place_against_newcomers_with_as_many() {
    let mut queue = Queue::new(4);
    for last in 0..4 {
        fill(&mut queue, OtherAccount, &format!("192.0.2.{last}"), 1);
    }
    assert!(push(&mut queue, OtherAccount, "192.0.2.9", "late").is_none());
    assert_eq!(queue.len(), 4);
}

#[test]
fn shares_are_those_of_a_slash_48_then_of_a_slash_56_then_of_a_slash_64() {
    let mut queue = Queue::new(8);
    // Seven of one /48: six of one of its /56s, in three /64s; and one of an IPv4 address.
    let wide = fill(&mut queue, OtherAccount, "2001:db8:0:100::1", 1);
    let one = fill(&mut queue, OtherAccount, "2001:db8:0:1::1", 1);
    let two = fill(&mut queue, OtherAccount, "2001:db8:0:2::1", 2);
    let three = fill(&mut queue, OtherAccount, "2001:db8:0:3::1", 3);
    let other = fill(&mut queue, OtherAccount, "192.0.2.1", 1);
    let newcomer = push(&mut queue, OtherAccount, "2001:db8:ffff::1", "newcomer").expect("room");
    assert_eq!(still_waiting(&mut queue, &three), [true, true, false], "the longest of all");

    // A neighbour in the same /48 gets a place from within it, in another /56.
    let neighbor = push(&mut queue, OtherAccount, "2001:db8:0:200::1", "neighbor").expect("room");
    let of_slash_56 = [&two[..], &three[..2]].map(|tickets| still_waiting(&mut queue, tickets));
    assert_eq!(of_slash_56.concat().iter().filter(|waits| !**waits).count(), 1);
    for kept in [&wide[..], &one, &other, &[newcomer, neighbor]] {
        assert!(still_waiting(&mut queue, kept).iter().all(|waits| *waits));
    }
}

#[test]
fn known_accounts_have_half_of_the_queue_and_registrations_an_eighth() {
    let mut queue = Queue::new(16);
    for last in 0..16 {
        fill(&mut queue, Registration, &format!("192.0.2.{last}"), 1);
    }
    for last in 0..14 {
        let _ = push(&mut queue, OtherAccount, &format!("198.51.100.{last}"), "other");
    }
    assert_eq!(queue.classes.each_ref().map(|networks| networks.len), [0, 10, 6]);
    for last in 0..8 {
        fill(&mut queue, KnownAccount, &format!("203.0.113.{last}"), 1);
    }
    assert_eq!(queue.classes.each_ref().map(|networks| networks.len), [8, 6, 2]);
    for class in [KnownAccount, OtherAccount, Registration] {
        assert!(push(&mut queue, class, "203.0.113.99", "late").is_none(), "{class:?}");
    }
}

#[test]
fn a_queue_that_is_smaller_than_the_classes_is_for_known_accounts() {
    let mut queue = Queue::new(1);
    fill(&mut queue, Registration, "192.0.2.1", 1);
    fill(&mut queue, KnownAccount, "192.0.2.2", 1);
    assert!(push(&mut queue, OtherAccount, "192.0.2.3", "late").is_none());
    assert_eq!(drain(&mut queue), ["192.0.2.2 0"]);
}

#[test]
fn networks_take_turns_at_each_level() {
    let mut queue = Queue::new(100);
    for (from, item) in [
        ("192.0.2.1", "a1"),
        ("192.0.2.1", "a2"),
        ("192.0.2.1", "a3"),
        ("2001:db8:0:1::1", "b1"),
        ("2001:db8:0:1::1", "b2"),
        ("2001:db8:0:2::1", "c1"),
        ("2001:db8:0:100::1", "d1"),
    ] {
        push(&mut queue, OtherAccount, from, item).expect("room");
    }
    assert_eq!(drain(&mut queue), ["a1", "a2", "b1", "a3", "b2", "d1", "c1"]);
    for networks in &queue.classes {
        assert!(networks.waiting.is_empty());
        assert!(networks.turns.is_empty() && networks.newcomers.is_empty());
    }
}

#[test]
fn whoever_asks_for_little_does_not_wait_for_all_who_ask_for_much() {
    let mut queue = Queue::new(1000);
    for last in 0..64 {
        fill(&mut queue, KnownAccount, &format!("192.0.2.{last}"), 10);
    }
    for _ in 0..200 {
        queue.pop(|_| true).expect("there is an item");
    }
    push(&mut queue, KnownAccount, "198.51.100.1", "little").expect("room");
    let next: Vec<String> = (0..2).filter_map(|_| queue.pop(|_| true)).collect();
    assert!(next.contains(&"little".to_owned()), "{next:?}");
}

#[test]
fn classes_take_turns_and_leave_theirs_to_others_when_they_have_nothing() {
    let mut queue = Queue::new(100);
    for class in [Registration, OtherAccount, KnownAccount] {
        for _ in 0..8 {
            push(&mut queue, class, "192.0.2.1", &format!("{class:?}")).expect("room");
        }
    }
    let first: Vec<String> = (0..8).filter_map(|_| queue.pop(|_| true)).collect();
    let of = |name: &str| first.iter().filter(|item| *item == name).count();
    assert_eq!([of("KnownAccount"), of("OtherAccount"), of("Registration")], [4, 3, 1]);
    assert_eq!(drain(&mut queue).len(), 16);
}

#[test]
fn what_is_not_ready_keeps_its_place_and_holds_nobody() {
    let mut queue = Queue::new(100);
    for (from, item) in
        [("192.0.2.1", "not yet"), ("192.0.2.1", "behind it"), ("192.0.2.2", "other")]
    {
        push(&mut queue, KnownAccount, from, item).expect("room");
    }
    let ready = |item: &String| item != "not yet";
    assert_eq!(queue.pop(ready).as_deref(), Some("behind it"));
    assert_eq!(queue.pop(ready).as_deref(), Some("other"));
    assert_eq!(queue.pop(ready), None);
    assert_eq!(drain(&mut queue), ["not yet"]);
}

#[test]
fn an_item_that_is_removed_leaves_its_place() {
    let mut queue = Queue::new(2);
    let tickets = fill(&mut queue, OtherAccount, "2001:db8::1", 2);
    assert!(queue.remove(&tickets[0]).is_some());
    assert!(queue.remove(&tickets[0]).is_none());
    assert_eq!(queue.len(), 1);
    fill(&mut queue, OtherAccount, "2001:db8::1", 1);
    assert!(queue.remove(&tickets[1]).is_some());
    assert_eq!(drain(&mut queue), ["2001:db8::1 0"]);
    queue.clear();
    assert_eq!(queue.len(), 0);
}

/// How many networks attack in the property below, and how long the queue is: so many that each
/// class' part has room for all of them.
const ATTACKERS: u8 = 15;
const CAPACITY: usize = 128;

#[derive(Clone, Debug)]
enum Act {
    Push(u8, WorkClass),
    Pop,
}

fn acts(count: usize) -> impl Strategy<Value = Vec<Act>> {
    let class = prop_oneof![Just(KnownAccount), Just(OtherAccount), Just(Registration)];
    let push = (0..ATTACKERS, class).prop_map(|(network, class)| Act::Push(network, class));
    prop::collection::vec(prop_oneof![20 => push, 1 => Just(Act::Pop)], 0..count)
}

/// Each attacker has a /48 of its own, and every /64 in it.
fn attacker(network: u8, number: usize) -> Vec<IpNet> {
    let address = (0x2001_0db8_u128 << 96) | (u128::from(network) << 80) | (number as u128) << 64;
    network::around(IpAddr::V6(address.into()))
}

fn act(queue: &mut Queue<bool>, act: &Act, number: usize) -> Option<bool> {
    match act {
        Act::Pop => queue.pop(|_| true),
        Act::Push(network, class) => {
            let networks = attacker(*network, number % 65_536);
            let has_room = queue.has_room(*class, &networks);
            assert_eq!(queue.push(*class, networks, false).is_some(), has_room);
            None
        }
    }
}

proptest! {
    /// Whatever others do before and after, whoever has nothing waiting is let in, is not displaced,
    /// and is served when each other network was served once and each class had its turns.
    #[test]
    fn a_newcomer_is_served_after_one_item_of_each_network(
        before in acts(600),
        between in prop::collection::vec(acts(40), 4 * (usize::from(ATTACKERS) + 1)),
    ) {
        let mut queue = Queue::new(CAPACITY);
        for (number, next) in before.iter().enumerate() {
            act(&mut queue, next, number);
            prop_assert!(queue.len() <= CAPACITY);
        }
        let honest = network::around(IpAddr::from([192, 0, 2, 1]));
        let ticket = queue.push(KnownAccount, honest, true);
        prop_assert!(ticket.is_some(), "there is room");
        let mut served = false;
        for acts in &between {
            for (number, next) in acts.iter().enumerate() {
                served |= act(&mut queue, next, number) == Some(true);
            }
            served |= queue.pop(|_| true) == Some(true);
        }
        prop_assert!(served);
    }

    /// Nothing is lost or counted twice.
    #[test]
    fn the_length_is_what_comes_out(acts in acts(400)) {
        let mut queue = Queue::new(CAPACITY);
        for (number, next) in acts.iter().enumerate() {
            act(&mut queue, next, number);
        }
        let len = queue.len();
        let drained = std::iter::from_fn(|| queue.pop(|_| true)).count();
        prop_assert_eq!(drained, len);
        let waiting = queue.classes.iter().map(|networks| networks.waiting.len());
        prop_assert_eq!(waiting.sum::<usize>(), 0);
    }
}
