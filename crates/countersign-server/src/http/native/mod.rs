//! The native API: one file an endpoint.

pub mod answer;
pub mod forward_auth;
pub mod health;
pub mod introspect;
pub mod jwks;
pub mod login;
pub mod logout;
pub mod me;
pub mod metadata;
pub mod password;
pub mod refresh;
pub mod register;
pub mod revocations;
pub mod revoke;
pub mod sessions;
pub mod token_form;
