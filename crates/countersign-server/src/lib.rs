//! Accounts, sessions and tokens for any API: the server behind the `countersign` binary.
//!
//! Dependencies point one way: `cli → http → operations → tables → db`.

pub mod access;
pub mod api_keys;
pub mod app;
pub mod audit;
pub mod behind;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod entropy;
pub mod error;
pub mod http;
pub mod identifier;
pub mod import;
pub mod keys;
mod memory;
pub mod metrics;
pub mod network;
pub mod node;
pub mod numbers;
pub mod operations;
pub mod password;
pub mod redis;
pub mod secrets;
pub mod shared_clock;
pub mod tables;
pub mod traces;
pub mod uses;
