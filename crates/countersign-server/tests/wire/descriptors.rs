//! D13: a server that may not open many files. It needs a process of its own, which is this test
//! again under `ulimit -n`.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use countersign_server::http::server::Limits;
use tokio::time::timeout;

use crate::client::{Client, GUARD, assert_alive, get, one};
use crate::server::Server;

const HELLO: &[u8] = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
const SWITCH: &str = "WIRE_POOR_SERVER";
const ANNOUNCED: &str = "listening on ";

struct Poor(Child);

impl Drop for Poor {
    fn drop(&mut self) {
        // The child may have ended by itself, which the test has then said.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server under `ulimit -n descriptors`, and its address.
fn start(descriptors: u32) -> (Poor, SocketAddr) {
    let script = format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"");
    let test = std::env::current_exe().expect("a test has a file");
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .arg(test)
        .args(["--exact", "--nocapture", "descriptors::poor_server"])
        .env(SWITCH, "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("there is a shell");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let child = Poor(child);
    let line = output.lines().map_while(Result::ok).find(|line| line.contains(ANNOUNCED));
    let line = line.expect("the server starts");
    let (_, address) = line.split_once(ANNOUNCED).expect("an address");
    (child, address.parse().expect("an address"))
}

/// The other half of the test below; nothing by itself.
#[tokio::test]
async fn poor_server() {
    if std::env::var_os(SWITCH).is_none() {
        return;
    }
    let server = Server::with(Limits::default()).await;
    println!("{ANNOUNCED}{}", server.address);
    // Ends with the one who started it.
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    assert_eq!(ended.await.expect("no panic").expect("piped"), 0);
}

/// The processor time that a process has used, in ticks of 10 ms.
fn ticks(child: &Child) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    let numbers = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().ok());
    numbers.sum()
}

#[tokio::test]
async fn d13_a_server_short_of_descriptors_refuses_and_recovers() {
    // With 64 it knows that it must refuse; with 20 it is the system that refuses it.
    for descriptors in [64, 20] {
        let (mut server, address) = start(descriptors);
        let mut clients = Vec::new();
        for _ in 0..100 {
            clients.push(Client::connect(address).await);
        }
        for client in &mut clients {
            client.write(HELLO).await;
        }
        assert_eq!(clients[0].answer().await.status, 200);
        let before = ticks(&server.0);
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let after = ticks(&server.0);
        if let (Some(before), Some(after)) = (before, after) {
            assert!(after - before < 50, "it spins: {} ticks in a second", after - before);
        }
        drop(clients);
        let recovered =
            async { while one(address, get("/hello").as_bytes()).await.status != 200 {} };
        timeout(GUARD, recovered).await.expect("there is room again");
        assert_alive(address).await;
        assert!(server.0.try_wait().expect("ours").is_none(), "it is alive");
    }
}
