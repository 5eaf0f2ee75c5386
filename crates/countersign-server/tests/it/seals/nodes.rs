//! Several nodes write and seal at once; one seals at a time, and the chain never forks.

use std::time::Duration;

use countersign_server::operations::seals::Fault;
use countersign_server::params;
use countersign_server::sql;
use futures::future::join_all;

use super::{SEALS, Sealed, alter, record, rows, seal_all_by, try_to, verify};
use crate::redis_server::until;
use crate::server::TestApp;

on_each_database! {
    async fn events_are_sealed_by_themselves_within_a_second(server: TestApp) {
        server.register("alice").await;
        let sealed = async || {
            let chain = verify(&server.app).await;
            assert_eq!(chain.fault, None);
            chain.unsealed == 0 && chain.events >= 2
        };
        until("they are sealed", sealed).await;
    }

    async fn a_log_that_two_nodes_write_while_it_is_sealed_verifies(server: TestApp) {
        let other = server.beside().await;
        other.run(other.app.clone(), |app| async move { app.attend().await });
        let write = async |by: usize| {
            let app = if by.is_multiple_of(2) { &server.app } else { &other.app };
            for number in 0..50 {
                record(app, &format!("user{by}-{number}")).await.expect("the database answers");
            }
        };
        let check = async || {
            for _ in 0..20 {
                assert_eq!(verify(&other.app).await.fault, None);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::join!(join_all((0..8).map(write)), check());
        until("all is sealed", async || verify(&server.app).await.unsealed == 0).await;
        let chain = verify(&server.app).await;
        assert_eq!(chain.fault, None);
        assert!(chain.events >= 400, "{chain:?}");
    }

    async fn the_chain_does_not_fork_where_no_lease_holds_anybody_back(server: TestApp) {
        let nodes = [server.beside().await, server.beside().await, server.beside().await];
        for number in 0..60 {
            record(&server.app, &format!("user{number}")).await.expect("the database answers");
        }
        let work = async |node: &TestApp| {
            for number in 0..20 {
                record(&node.app, &format!("more{number}")).await.expect("the database answers");
                let free = sql!("UPDATE leases SET until = 0 WHERE name = 'event_seals'");
                let _freed = try_to(&node.app, free, &[]).await;
                node.app.seal_events().await.expect("the database answers");
            }
        };
        join_all(nodes.iter().map(work)).await;
        let chain = verify(&server.app).await;
        assert_eq!(chain.fault, None);
        let numbers: Vec<i64> = rows(&server.app, SEALS, &[]).await;
        assert!(numbers.iter().copied().eq(1..=chain.last), "{numbers:?}");
    }

    async fn one_node_seals_at_a_time_and_another_once_it_is_silent(log: Sealed) {
        log.fill().await;
        let other = log.server.beside().await;
        record(&other.app, "joe").await.expect("the database answers");
        assert_eq!(other.app.seal_events().await.expect("the database answers"), 0);
        log.app().clock.advance(Duration::from_secs(4));
        assert_eq!(other.app.seal_events().await.expect("the database answers"), 0);
        log.app().clock.advance(Duration::from_mins(1));
        seal_all_by(&other.app).await;
        assert_eq!(log.fault().await, None);
    }

    async fn a_lease_of_a_clock_that_is_far_ahead_keeps_nobody_waiting(log: Sealed) {
        log.fill().await;
        let other = log.server.beside().await;
        let far = log.app().clock.now().plus(Duration::from_hours(24));
        let hold = sql!("UPDATE leases SET holder = 'somebody', until = ? WHERE name = 'event_seals'");
        alter(log.app(), hold, &params![far]).await;
        record(&other.app, "joe").await.expect("the database answers");
        seal_all_by(&other.app).await;
        assert_eq!(log.fault().await, None);
    }

    async fn a_process_that_ends_seals_what_is_left_and_lets_the_next_go_on(log: Sealed) {
        log.fill().await;
        record(log.app(), "joe").await.expect("the database answers");
        let other = log.server.beside().await;
        log.app().shut_down().await.expect("the database answers");
        let chain = verify(&other.app).await;
        assert_eq!((chain.fault, chain.unsealed), (None::<Fault>, 0));
        record(&other.app, "kim").await.expect("the database answers");
        seal_all_by(&other.app).await;
    }
}
