//! Keys and revocations from real servers on this machine.

mod feed;
mod feed_server;
mod issuer;
mod keys;
mod setup;
