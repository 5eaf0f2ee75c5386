//! Where nobody listens.

use std::net::{SocketAddr, TcpListener};

/// An address of this machine's that is free now.
pub fn free_address() -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    free.local_addr().expect("it has an address")
}
