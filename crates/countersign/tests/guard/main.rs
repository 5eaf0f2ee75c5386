//! The guard's tests, through a real router.

mod answers;
mod config;
mod cookies;
mod demands;
mod flask;
mod flask_headers;
mod kit;
mod locations;
mod optional;
mod order;
mod revocation;
mod services;
mod tokens;
