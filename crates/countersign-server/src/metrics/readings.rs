//! What others count anyway, read at the moment somebody asks.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;

use crate::app::App;
use crate::db::WriteCount;

/// What was read.
#[derive(Debug)]
pub(super) struct Readings {
    gauges: Vec<Reading>,
    counters: Vec<Reading>,
    writes: Vec<WriteCount>,
}

#[derive(Debug)]
struct Reading {
    name: &'static str,
    help: &'static str,
    value: f64,
}

fn reading(name: &'static str, help: &'static str, value: f64) -> Reading {
    Reading { name, help, value }
}

#[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

impl Readings {
    pub(super) fn of(app: &App) -> Self {
        let (lane, node) = (&app.lane, &app.node);
        let count = |count: usize| float(count.try_into().unwrap_or(u64::MAX));
        let mut gauges = vec![
            reading("hash_lane_waiting", "Passwords that wait to be hashed", count(lane.waiting())),
            reading(
                "hash_lane_memory_bytes",
                "Memory that the hash lane keeps",
                float(lane.memory_kib()) * 1024.0,
            ),
            reading("revocations", "Revocations in memory", count(node.revocations().len())),
            reading(
                "staleness_seconds",
                "How long ago this node last knew all that the others ended",
                node.age().map_or(f64::INFINITY, |age| age.as_secs_f64()),
            ),
        ];
        if let Some(difference) = app.shared_clock.difference() {
            gauges.push(reading(
                "clock_difference_seconds",
                "How far this node's clock is ahead of the database's; negative if it is behind",
                difference.certain_seconds(),
            ));
        }
        if let Some(redis) = &app.redis {
            let is_up = *redis.is_up().borrow();
            gauges.push(reading("redis_up", "Whether Redis answers", float(u64::from(is_up))));
        }
        let counters = vec![
            reading("hashes", "Password hashes that were computed", float(lane.hashes())),
            reading(
                "hash_wait_seconds",
                "How long passwords waited before they were hashed, added up",
                lane.waited().as_secs_f64(),
            ),
        ];
        Self { gauges, counters, writes: app.db.door() }
    }

    /// One counter of each name of the database's door.
    fn door(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help): (&'static str, &'static str),
        value: impl Fn(&WriteCount) -> f64,
    ) -> fmt::Result {
        let kind = ConstCounter::new(0.0).metric_type();
        let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
        for write in &self.writes {
            let counter = ConstCounter::new(value(write));
            counter.encode(metric.encode_family(&[("name", write.name)])?)?;
        }
        Ok(())
    }
}

impl Collector for Readings {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        build.encode(encoder.encode_descriptor(
            "build",
            "What runs here",
            None,
            build.metric_type(),
        )?)?;
        for Reading { name, help, value } in &self.gauges {
            let gauge = ConstGauge::new(*value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        for Reading { name, help, value } in &self.counters {
            let counter = ConstCounter::new(*value);
            counter.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
        let writes = ("db_writes", "Changes of the database, by name");
        self.door(&mut encoder, writes, |write| float(write.count))?;
        let retries = ("db_write_retries", "Runs of a change beyond its first");
        self.door(&mut encoder, retries, |write| float(write.retries))?;
        let failures = ("db_write_failures", "Changes that were refused or failed");
        self.door(&mut encoder, failures, |write| float(write.failures))?;
        let seconds = ("db_write_seconds", "How long changes took, waiting included, added up");
        self.door(&mut encoder, seconds, |write| write.total.as_secs_f64())
    }
}
