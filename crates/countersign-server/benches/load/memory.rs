//! The processor time of a process, as Linux tells, and revocations to fill its memory with.

use std::fs;
use std::time::Duration;

use countersign::EndReason;
use countersign_server::clock::{Clock, Time};
use countersign_server::db::{Db, DbError, DbOptions};
use countersign_server::tables::revocation::{self, Revocation, Subject};

/// What Linux counts in a second (`USER_HZ`).
const TICKS: u32 = 100;
/// How many are written in one change.
const BATCH: usize = 10_000;

/// Processor time that the process took since it began.
pub(crate) fn processor_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    let (_, fields) = stat.rsplit_once(") ").expect("the name ends");
    let ticks = |field: &str| field.parse::<u64>().expect("a number");
    let ticks: u64 = fields.split(' ').skip(11).take(2).map(ticks).sum();
    Duration::from_secs(ticks) / TICKS
}

/// Writes so many revocations of sessions that matter for an hour.
pub(crate) async fn revoke(url: &str, count: usize) {
    let db = Db::connect(DbOptions::new(url)).await.expect("the database answers");
    let until = Time(Clock::System.now().0 + 3_600_000);
    for batch in 0..count / BATCH {
        let change = db.write("load", move |tx| {
            Box::pin(async move {
                for number in 0..BATCH {
                    let session = format!("0198c5b2-0000-7000-9000-{:012}", batch * BATCH + number);
                    let subject = Subject::Session(session);
                    let revocation = Revocation { subject, reason: EndReason::Logout, until };
                    revocation::insert(tx, &revocation).await?;
                }
                Ok::<_, DbError>(())
            })
        });
        change.await.expect("it is written");
    }
    db.close().await;
}
