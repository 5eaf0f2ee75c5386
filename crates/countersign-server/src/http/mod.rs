//! Turns requests into operations and outcomes into responses.

pub mod address;
pub mod json;
pub mod layers;
pub mod problem;
pub mod server;
