//! A plain round-robin in front of the nodes: each connection goes to the next one that takes it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// The addresses that connections are handed to, in turn.
#[derive(Clone, Default)]
pub(crate) struct Addresses(Arc<Mutex<Vec<String>>>);

impl Addresses {
    pub(crate) fn set(&self, addresses: Vec<String>) {
        *self.0.lock().expect("nobody panics with it") = addresses;
    }

    pub(crate) fn get(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics with it").clone()
    }
}

/// It stops with this value.
pub(crate) struct Balancer {
    pub(crate) address: String,
    _task: AbortOnDropHandle<()>,
}

impl Balancer {
    pub(crate) async fn start(nodes: Addresses) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address").to_string();
        let task = tokio::spawn(async move {
            let turn = Arc::new(AtomicUsize::new(0));
            loop {
                let (client, _) = listener.accept().await.expect("clients come");
                tokio::spawn(pass_on(client, nodes.get(), turn.clone()));
            }
        });
        Self { address, _task: AbortOnDropHandle::new(task) }
    }
}

async fn pass_on(mut client: TcpStream, nodes: Vec<String>, turn: Arc<AtomicUsize>) {
    for _ in 0..nodes.len() {
        let node = &nodes[turn.fetch_add(1, Ordering::Relaxed) % nodes.len()];
        if let Ok(mut node) = TcpStream::connect(node).await {
            // Whichever side breaks off, the client notices by itself.
            let _broken_off = copy_bidirectional(&mut client, &mut node).await;
            return;
        }
    }
}
