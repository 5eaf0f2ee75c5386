//! What goes over the wire: our accept loop with a small router behind it, and clients that write
//! bytes of their own. The cases are those of the acceptance list, by their numbers.

mod bodies;
mod connections;
mod cors;
mod descriptors;
mod heads;
mod json_suite;
mod layers;
mod server;

use countersign_test_support::client;
