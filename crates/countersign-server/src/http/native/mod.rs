//! The native API: one file an endpoint.

pub mod admin;
pub mod answer;
pub mod description;
pub mod docs;
pub mod forward_auth;
pub mod health;
pub mod introspect;
pub mod jwks;
pub mod login;
pub mod logout;
pub mod me;
pub mod metadata;
pub mod metrics;
pub mod password;
pub mod refresh;
pub mod register;
pub mod replace_password;
pub mod revocations;
pub mod revoke;
pub mod session_view;
pub mod sessions;
pub mod status_list;
pub mod token_form;
