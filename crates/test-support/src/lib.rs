//! Servers, databases and clients for the tests and benches of `countersign-server`.
//!
//! A test fails by a panic, so nothing here returns an error.

#![expect(clippy::missing_panics_doc, reason = "a test fails by a panic")]

mod acting;
pub mod client;
mod contract;
pub mod database;
pub mod free;
pub mod holding;
pub mod memory;
pub mod nginx;
pub mod packages;
pub mod program;
pub mod redis_server;
mod rows;
pub mod server;
