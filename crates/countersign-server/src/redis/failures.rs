//! Counts of what failed from an address, shared by all nodes, where they cost no write to the
//! database. Those of accounts stay in the database: they must outlive everything.

use std::time::Duration;

use redis::{Cmd, cmd};

use super::{NoHelp, Redis};
use crate::clock::Time;
use crate::tables::failure::Counting;

/// As `failure::count` does it in SQL. Whatever else is in the key's place is thrown away.
const COUNT: &str = "
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
local row = redis.call('HMGET', KEYS[1], 'failures', 'last_at', 'noted_at', 'unnoted')
local failures, last_at = tonumber(row[1]) or 0, tonumber(row[2]) or 0
local noted_at, unnoted = tonumber(row[3]), (tonumber(row[4]) or 0) + 1
local now, restart, quiet, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if last_at < restart then failures = 0 end
if failures < most then failures = failures + 1 end
local due = 0
if not noted_at or noted_at <= quiet then due, noted_at, unnoted = unnoted, now, 0 end
redis.call('HSET', KEYS[1], 'failures', failures, 'last_at', now, 'noted_at', noted_at, 'unnoted', unnoted)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return due";

impl Redis {
    /// Counts one failure. Returns how many failures an event is due for, if one is. The count is
    /// forgotten after `memory` without another.
    pub async fn count_failure(
        &self,
        subject: &str,
        now: Time,
        Counting { restart, quiet, most }: Counting,
        memory: Duration,
    ) -> Result<Option<i64>, NoHelp> {
        let mut count = cmd("EVAL");
        count.arg(COUNT).arg(1).arg(self.failures_key(subject));
        count.arg(now.0).arg(restart.0).arg(quiet.0).arg(most);
        count.arg(u64::try_from(memory.as_millis()).unwrap_or(u64::MAX));
        let due: i64 = self.ask(&count).await?;
        Ok((due > 0).then_some(due))
    }

    /// How many failed, and when the last one did; `None` where none did lately, or where what is
    /// in the key's place is none of ours.
    pub async fn failures(&self, subject: &str) -> Result<Option<(i64, Time)>, NoHelp> {
        let mut read: Cmd = cmd("HMGET");
        read.arg(self.failures_key(subject)).arg("failures").arg("last_at");
        let (failures, last_at): (Option<String>, Option<String>) = self.ask(&read).await?;
        let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
        Ok(number(failures).zip(number(last_at).map(Time)))
    }

    fn failures_key(&self, subject: &str) -> String {
        self.name(&format!("failures:{subject}"))
    }
}
