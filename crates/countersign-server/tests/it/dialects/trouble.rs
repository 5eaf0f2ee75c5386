//! Overload, and a node that is out of touch, in each dialect's words.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use countersign_server::password::{Place, WorkClass};
use countersign_server::sql;

use super::{AllFive, WIRES, assert_later};
use crate::server::Answer;

sql! {
    NODES_AWAY = "ALTER TABLE nodes RENAME TO nodes_away";
    NODES_BACK = "ALTER TABLE nodes_away RENAME TO nodes";
}

/// Takes places in the hash queue, from the address of the clients, until it has none left for any
/// class of work.
fn fill(all: &AllFive) -> Vec<Place> {
    let classes = [WorkClass::KnownAccount, WorkClass::OtherAccount, WorkClass::Registration];
    let mut held = Vec::new();
    for _ in 0..100_000 {
        let before = held.len();
        for class in classes {
            held.extend(all.app.lane.enter(class, IpAddr::V4(Ipv4Addr::LOCALHOST)));
        }
        if held.len() == before {
            return held;
        }
    }
    panic!("the queue is never full");
}

on_each_database! {
    async fn a_node_that_is_out_of_touch_says_so_in_each_dialect(all: AllFive) {
        let tokens = all.joe().await;
        all.execute(NODES_AWAY, vec![]).await;
        assert!(all.app.catch_up().await.is_err());
        all.app.clock.advance(Duration::from_millis(5_001));
        for (wire, token) in &tokens {
            for route in wire.protected {
                let answer = Answer::of(wire.with_token(&all, *route, token)).await;
                assert_later(&format!("{} {route:?}", wire.name), &answer, wire);
            }
        }
        all.execute(NODES_BACK, vec![]).await;
        all.app.catch_up().await.expect("the database answers");
        for (wire, token) in &tokens {
            assert!(wire.takes(&all, token).await, "{}", wire.name);
        }
    }

    async fn overload_is_told_in_each_dialects_words(all: AllFive) {
        all.joe().await;
        let held = fill(&all);
        for wire in WIRES {
            for entrance in wire.entrances {
                let answer = all.enter(&wire, entrance).await;
                assert_later(&format!("{} {}", wire.name, entrance.path), &answer, &wire);
            }
        }
        drop(held);
        assert_eq!(all.users().await, 1);
    }
}
