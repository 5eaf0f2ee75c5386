//! Floods of connections that hold what they have begun: they take little memory, and give it back.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Method;
use rustix::process::{Resource, getrlimit};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

use crate::memory::{MIB, Memory};
use crate::program::{Place, Server, until};

const CONNECTIONS: usize = 8_000;
/// Addresses that the connections come from. One alone may have a quarter of `max_connections`.
const ADDRESSES: usize = 5;

/// As many connections as this process may open, of those wanted.
fn connections(wanted: usize) -> usize {
    let open_files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let possible = usize::try_from(open_files).unwrap_or(usize::MAX).saturating_sub(500);
    if possible < wanted {
        eprintln!("{possible} connections instead of {wanted}: the limit on open files");
    }
    wanted.min(possible)
}

/// A connection from one of the addresses of this machine.
async fn connect(server: SocketAddr, number: usize) -> TcpStream {
    let address = format!("127.0.0.{}:0", number % ADDRESSES + 1);
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(address.parse().expect("an address")).expect("a port is free");
    socket.connect(server).await.expect("the server listens")
}

fn login_head(length: usize) -> String {
    format!(
        "POST /v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

fn place() -> Place {
    Place::new().set("COUNTERSIGN_PASSWORDS__LANES", "1").set("COUNTERSIGN_LOG", "warn")
}

async fn serve(place: &Place) -> (Server, SocketAddr) {
    let server = place.serve().await;
    // What is allocated once is allocated.
    let session = server.register("alice").await;
    assert_eq!(server.me(&server.refresh(&session).await).await.0, 200);
    let address = server.address.parse().expect("an address");
    (server, address)
}

/// Waits until the server has given back all but 32 MiB of what a flood took, while it is asked for
/// little: each of its threads gives back what it holds only when it allocates.
async fn gives_back(server: &Server, before: Memory) {
    let gave_back = async || {
        for _ in 0..8 {
            let request = server.request(Method::GET, "/healthz");
            assert_eq!(request.send().await.expect("the server answers").status(), 200);
        }
        (Memory::of(server).private < before.private + 32 * MIB).then_some(())
    };
    until(gave_back).await;
}

/// Holds logins whose body is announced with `length` bytes and lacks the last 400.
async fn hold_bodies(length: usize) {
    let place = place();
    let (server, address) = serve(&place).await;
    let before = Memory::of(&server);
    println!("before: {before}");
    let mut request = login_head(length).into_bytes();
    request.resize(request.len() + length - 400, b' ');
    let mut held = Vec::new();
    for number in 0..connections(CONNECTIONS) {
        let mut stream = connect(address, number).await;
        // Refused ones are closed while they write.
        let _refused = stream.write_all(&request).await;
        held.push(stream);
    }
    // All that was sent is read by then.
    assert_eq!(server.me(&server.register("bob").await).await.0, 200);
    sleep(Duration::from_secs(1)).await;
    let with = Memory::of(&server);
    println!("with {} bodies: {with}", held.len());
    assert!(with.private < before.private + 128 * MIB, "{before}; {with}");
    drop(held);
    gives_back(&server, before).await;
    println!("after: {}", Memory::of(&server));
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_that_are_held_take_little_memory_and_give_it_back() {
    hold_bodies(16 * 1024).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_bodies_that_are_held_take_little_memory_and_give_it_back() {
    hold_bodies(2_400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_byte_by_byte_takes_no_more_memory_than_another() {
    let place = place();
    let (server, address) = serve(&place).await;
    let before = Memory::of(&server);
    let mut held = Vec::new();
    for number in 0..16 {
        let mut stream = connect(address, number).await;
        stream.set_nodelay(true).expect("it is TCP");
        stream.write_all(login_head(16 * 1024).as_bytes()).await.expect("the server reads");
        held.push(stream);
    }
    for _ in 0..2_000 {
        for stream in &mut held {
            stream.write_all(b" ").await.expect("the server reads");
        }
    }
    let with = Memory::of(&server);
    assert!(with.private < before.private + 32 * MIB, "{before}; {with}");
}
