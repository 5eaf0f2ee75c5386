//! A hop before a database server that holds back a COMMIT, as a network does that loses packets for
//! a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What clients ask the server for, and as many bytes for one that waits for a COMMIT for ever.
const PATIENCE: [(&[u8], &[u8]); 2] = [
    (
        b"idle_in_transaction_session_timeout = 10000",
        b"idle_in_transaction_session_timeout = 0    ",
    ),
    (b"idle_transaction_timeout = 10 ", b"idle_transaction_timeout = 0  "),
];

/// The hop. It forwards everything but the first COMMIT after [`Holding::hold_next`].
pub struct Holding {
    /// The database by way of the hop.
    pub url: String,
    state: Arc<State>,
}

struct State {
    server: String,
    patient: bool,
    holds_next: AtomicBool,
    released: watch::Sender<bool>,
    /// Whether a COMMIT was held back.
    held: watch::Sender<bool>,
    /// Whether the server has closed a connection.
    closed: watch::Sender<bool>,
}

impl Holding {
    /// Stands before the server of this URL, which is made `patient` where it is to take a COMMIT
    /// that comes late.
    pub async fn before(url: &str, patient: bool) -> Self {
        let mut url = url::Url::parse(url).expect("the server's URL is one");
        let host = url.host_str().expect("the server has a host").to_owned();
        let server = format!("{host}:{}", url.port().expect("the server has a port"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("the listener has an address").port();
        url.set_port(Some(port)).expect("the URL has a host");
        let [released, held, closed] = [(); 3].map(|()| watch::Sender::new(false));
        let holds_next = AtomicBool::new(false);
        let state = Arc::new(State { server, patient, holds_next, released, held, closed });
        tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { url: url.into(), state }
    }

    /// Holds back the next COMMIT.
    pub fn hold_next(&self) {
        self.state.holds_next.store(true, Ordering::SeqCst);
    }

    /// Waits until it was held back.
    pub async fn has_held(&self) {
        self.state.held.subscribe().wait_for(|held| *held).await.expect("the hop is there");
    }

    /// Forwards what was held back.
    pub fn release(&self) {
        self.state.released.send_replace(true);
    }

    /// Waits until the server has closed a connection by itself.
    pub async fn is_closed_by_server(&self) {
        self.state.closed.subscribe().wait_for(|closed| *closed).await.expect("the hop is there");
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(&state.server).await else { continue };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::spawn(ask(from_client, to_server, Arc::clone(&state)));
        tokio::spawn(answer(from_server, to_client, Arc::clone(&state)));
    }
}

async fn ask(mut client: OwnedReadHalf, mut server: OwnedWriteHalf, state: Arc<State>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = client.read(&mut buffer).await {
        let data = &mut buffer[..read];
        if state.patient {
            for (usual, patient) in PATIENCE {
                replace(data, usual, patient);
            }
        }
        // The whole statement, in the forms of both protocols.
        let is_commit = data.ends_with(b"COMMIT\0") || data.ends_with(b"\x03COMMIT");
        if is_commit && state.holds_next.swap(false, Ordering::SeqCst) {
            state.held.send_replace(true);
            let mut released = state.released.subscribe();
            released.wait_for(|released| *released).await.expect("the hop is there");
        }
        if server.write_all(data).await.is_err() {
            return;
        }
    }
}

async fn answer(mut server: OwnedReadHalf, mut client: OwnedWriteHalf, state: Arc<State>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = server.read(&mut buffer).await {
        // A client that is gone keeps nobody from hearing what the server says.
        drop(client.write_all(&buffer[..read]).await);
    }
    state.closed.send_replace(true);
}

/// Puts as many bytes in the place of others.
fn replace(data: &mut [u8], old: &[u8], new: &[u8]) {
    if let Some(at) = data.windows(old.len()).position(|window| window == old) {
        data[at..at + new.len()].copy_from_slice(new);
    }
}
