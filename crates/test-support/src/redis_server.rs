//! A Redis of its own for each test that needs one, killed with it.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, cmd};
use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use crate::free::free_address;

/// A running `redis-server` that keeps nothing on disk.
pub struct TestRedis {
    pub port: u16,
    folder: TempDir,
    options: Vec<String>,
    process: Option<Child>,
}

impl TestRedis {
    /// One on a free port; `None` when the tests are run without Redis.
    pub async fn start() -> Option<Self> {
        Self::with(&[]).await
    }

    /// A cluster of one server.
    pub async fn cluster() -> Option<Self> {
        let redis = Self::with(&["--cluster-enabled", "yes"]).await?;
        redis.ask::<()>(cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(0).arg(16383)).await;
        until("a cluster", async || {
            let info: String = redis.ask(cmd("CLUSTER").arg("INFO")).await;
            info.contains("cluster_state:ok")
        })
        .await;
        Some(redis)
    }

    /// One with these options beside the usual ones.
    async fn with(options: &[&str]) -> Option<Self> {
        if std::env::var_os("COUNTERSIGN_TEST_REDIS").is_none() {
            eprintln!("skipped: COUNTERSIGN_TEST_REDIS is not set");
            return None;
        }
        let port = free_address().port();
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut redis = Self { port, folder, options, process: None };
        redis.revive().await;
        Some(redis)
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Kills it, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it can be killed");
            process.wait().expect("it ends");
        }
    }

    /// Stops it in its tracks: connections stay open, and nothing answers.
    pub fn hang(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on where it stopped.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("it runs");
        let process = Pid::from_child(process);
        rustix::process::kill_process(process, signal).expect("it can be signalled");
    }

    /// Starts it again, empty, on the same port.
    pub async fn revive(&mut self) {
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"])
            .arg(self.port.to_string())
            .arg("--dir")
            .arg(self.folder.path())
            .args(&self.options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        self.process = Some(process);
        for _ in 0..200 {
            if let Ok(mut connection) = self.connect().await
                && cmd("PING").query_async::<()>(&mut connection).await.is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("redis-server does not answer on port {}", self.port);
    }

    async fn connect(&self) -> redis::RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(5)))
            .set_response_timeout(Some(Duration::from_secs(5)));
        Client::open(self.url())?.get_multiplexed_async_connection_with_config(&config).await
    }

    /// What it answers to a command, without us in between.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> T {
        let mut connection = self.connect().await.expect("Redis answers");
        command.query_async(&mut connection).await.expect("Redis obeys")
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits, without a measure of time that a test could fail by, until `happens`.
pub async fn until(what: &str, mut happens: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if happens().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came: {what}");
}
