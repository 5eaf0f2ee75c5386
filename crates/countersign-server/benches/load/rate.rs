//! How many answers a second, how long each took, and what it cost the server.

use std::sync::Arc;
use std::time::Duration;

use countersign::Clock;
use futures::future::join_all;

use crate::connection::Connection;
use crate::memory::processor_time;
use crate::program::Server;
use crate::work::{Client, Clients, Work};

/// What was measured of one kind of request.
pub(crate) struct Rate {
    latencies: Vec<Duration>,
    span: Duration,
    busy: Duration,
}

impl Rate {
    #[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^53")]
    fn count(&self) -> f64 {
        self.latencies.len() as f64
    }

    pub(crate) fn a_second(&self) -> f64 {
        self.count() / self.span.as_secs_f64()
    }

    /// Of the server, for one answer.
    pub(crate) fn processor_time(&self) -> Duration {
        self.busy.div_f64(self.count())
    }

    /// So long that this part of the answers took no longer.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of a count is one"
    )]
    pub(crate) fn quantile(&self, part: f64) -> Duration {
        self.latencies[((self.count() * part) as usize).min(self.latencies.len() - 1)]
    }
}

/// Lets all clients ask again and again for so long.
pub(crate) async fn measure(
    server: &Server,
    clients: &Clients,
    work: Work,
    span: Duration,
) -> Rate {
    let clock = Clock::system();
    let (begun, busy) = (clock.monotonic(), processor_time(server.child.id()));
    let asking = clients.all.iter().map(|client| {
        tokio::spawn(ask(client.clone(), work, server.address.clone(), begun + span))
    });
    let asked = join_all(asking).await;
    let mut latencies: Vec<_> =
        asked.into_iter().flat_map(|asked| asked.expect("every answer was right")).collect();
    latencies.sort();
    Rate {
        latencies,
        span: clock.monotonic().saturating_sub(begun),
        busy: processor_time(server.child.id()).saturating_sub(busy),
    }
}

async fn ask(client: Arc<Client>, work: Work, address: String, end: Duration) -> Vec<Duration> {
    let clock = Clock::system();
    let mut connection = Connection::to(&address).await;
    let mut latencies = Vec::new();
    while latencies.is_empty() || clock.monotonic() < end {
        let request = client.request(work, &address).await;
        let asked = clock.monotonic();
        let (status, body) = connection.ask(request).await;
        latencies.push(clock.monotonic().saturating_sub(asked));
        client.read(work, status, &body).await;
    }
    latencies
}
