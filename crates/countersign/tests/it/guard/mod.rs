//! The guard's tests, through a real router.

mod answers;
mod coming_from_flask;
mod config;
mod cookies;
mod demands;
mod flask;
mod flask_headers;
mod foot_guns;
mod kit;
mod locations;
mod optional;
mod order;
mod revocation;
mod services;
mod tokens;
