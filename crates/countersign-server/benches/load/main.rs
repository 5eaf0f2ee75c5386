//! What one server does, and what it costs: `scripts/load`. Whether a user can log in during a flood:
//! `scripts/lane-flood`.
//!
//! The real program on each database that there is, under clients that ask again as soon as they are
//! answered. They share the machine with it, so a rate says little alone: each is shown beside that of
//! `/healthz` in the same run, and beside the processor time that the server itself took for an answer.
//! Without `COUNTERSIGN_LOAD_SECONDS` and `COUNTERSIGN_FLOOD_SECONDS` it is a test that all of it works.

mod connection;
mod flood;
mod memory;
mod rate;
mod work;

use std::time::Duration;

use countersign_server::db::Kind;
use countersign_test_support::memory::Memory;
use countersign_test_support::{database, program};

use crate::database::TestDatabase;
use crate::program::{Place, Server};
use crate::rate::{Rate, measure};
use crate::work::{Clients, Work};

/// How many clients ask at a time.
const CLIENTS: usize = 32;

fn seconds() -> Option<u64> {
    let seconds = std::env::var("COUNTERSIGN_LOAD_SECONDS").ok()?;
    Some(seconds.parse().expect("a number of seconds"))
}

#[tokio::main]
async fn main() {
    if let Some(seconds) = flood::seconds() {
        return flood::measure_all(Duration::from_secs(seconds)).await;
    }
    let span = seconds().map_or(Duration::from_millis(50), Duration::from_secs);
    let clients = if seconds().is_some() { CLIENTS } else { 2 };
    println!(
        "{clients} clients, {span:?} each, {} cores",
        std::thread::available_parallelism().map_or(1, usize::from)
    );
    for kind in [Kind::Sqlite, Kind::Postgres, Kind::MySql] {
        let Some(database) = TestDatabase::on_database(kind).await else { continue };
        let place = Place::new()
            .set("COUNTERSIGN_DATABASE__URL", &database.url)
            .set("COUNTERSIGN_MASTER_SECRET", "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=")
            .set("COUNTERSIGN_LOG", "warn");
        let server = place.serve().await;
        print_memory("at rest", &server);
        print_rates(kind, (&place, &server), clients, span).await;
        print_memory("after that", &server);
        if kind == Kind::Sqlite && seconds().is_some() {
            drop(server);
            memory::revoke(&database.url, 1_000_000).await;
            print_memory("with a million revocations more", &place.serve().await);
        }
    }
    if seconds().is_none() {
        flood::measure((2, 3), 2, span).await;
    }
}

fn print_memory(when: &str, server: &Server) {
    println!("  memory {when}: {}", Memory::of(server));
}

async fn print_rates(
    kind: Kind,
    (place, server): (&Place, &Server),
    clients: usize,
    span: Duration,
) {
    println!("\n{kind:?}");
    println!("| | a second | of `/healthz` | median | 99 % | server's processor time |");
    println!("|---|---|---|---|---|---|");
    let clients = Clients::new(place, server, clients).await;
    let mut bare = None;
    for work in Work::ALL {
        let rate = measure(server, &clients, work, span).await;
        let bare = *bare.get_or_insert(rate.a_second());
        print_rate(work, &rate, bare);
    }
}

fn print_rate(work: Work, rate: &Rate, bare: f64) {
    let milliseconds = |it: Duration| it.as_secs_f64() * 1e3;
    println!(
        "| {} | {:.0} | {:.2} | {:.2} ms | {:.2} ms | {:.0} µs |",
        work.name(),
        rate.a_second(),
        rate.a_second() / bare,
        milliseconds(rate.quantile(0.5)),
        milliseconds(rate.quantile(0.99)),
        rate.processor_time().as_secs_f64() * 1e6,
    );
}
