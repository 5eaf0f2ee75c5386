//! The native API: one file an endpoint.

pub mod admin;
pub mod answer;
pub mod health;
pub mod jwks;
pub mod login;
pub mod logout;
pub mod me;
pub mod metadata;
pub mod password;
pub mod refresh;
pub mod register;
pub mod replace_password;
pub mod session_view;
pub mod sessions;
