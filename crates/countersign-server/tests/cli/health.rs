//! `countersign health`, as a container's health check asks.

use rustix::process::Signal;

use crate::program::Place;

#[tokio::test]
async fn a_server_is_asked_where_it_listens_whether_it_lives_and_whether_it_can_work() {
    let place = Place::new();
    let server = place.serve().await;
    // Who listens everywhere is asked on this machine.
    let listen = server.address.replace("127.0.0.1", "0.0.0.0");
    let place = place.set("COUNTERSIGN_LISTEN", &listen);
    assert_eq!(place.json(&["health"])["status"], "ok");
    assert_eq!(place.json(&["health", "--ready"])["status"], "ok");

    place.database().execute_batch("ALTER TABLE settings RENAME TO lost").expect("it is there");
    assert_eq!(place.json(&["health"])["status"], "ok", "the process lives");
    let ran = place.run(&["health", "--ready"], "");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("/readyz: 503") && ran.stderr.contains("database"), "{ran:?}");
}

#[tokio::test]
async fn a_server_that_hangs_or_is_gone_is_not_well() {
    let place = Place::new();
    let server = place.serve().await;
    let address = server.address.clone();
    let place = place.set("COUNTERSIGN_LISTEN", &address);
    let told = |what: &str| {
        let ran = place.run(&["health"], "");
        let start = format!("countersign: http://{address}/healthz: ");
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.starts_with(&start) && ran.stderr.contains(what), "{ran:?}");
    };
    server.signal(Signal::STOP);
    told("no answer");
    server.kill();
    told("refused");
}
