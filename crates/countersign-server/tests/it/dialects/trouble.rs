//! Overload, and a node that is out of touch, in each dialect's words.

use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::time::Duration;

use countersign_server::password::Password;
use countersign_server::sql;
use futures::poll;

use super::{AllFive, WIRES, assert_later};
use crate::flask::narrow;
use crate::server::{Answer, PASSWORD};

sql! {
    NODES_AWAY = "ALTER TABLE nodes RENAME TO nodes_away";
    NODES_BACK = "ALTER TABLE nodes_away RENAME TO nodes";
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
        let mut config = all.app.config.clone();
        narrow(&mut config);
        config.passwords.iterations = 16;
        let all = AllFive(all.0.restart_with(config).await);
        let hash = || {
            let password = Password::parse(PASSWORD.to_owned()).expect("a password");
            all.app.lane.hash(password, IpAddr::V4(Ipv4Addr::LOCALHOST))
        };
        let mut running = pin!(hash());
        assert!(poll!(running.as_mut()).is_pending());
        while all.app.lane.waiting() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut waiting = pin!(hash());
        assert!(poll!(waiting.as_mut()).is_pending());
        for wire in WIRES {
            for entrance in wire.entrances {
                let answer = all.enter(&wire, entrance).await;
                assert_later(&format!("{} {}", wire.name, entrance.path), &answer, &wire);
            }
        }
        assert_eq!(all.app.lane.waiting(), 1, "the lane was held all the while");
        assert_eq!(all.users().await, 1);
    }
}
