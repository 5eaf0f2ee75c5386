//! What goes over the wire: requests become operations, outcomes become responses. Axum is known
//! here and nowhere else.

pub mod address;
pub mod admin;
pub mod api_key;
pub mod caller;
pub mod clock_gate;
pub mod code;
pub mod cookies;
pub mod cors;
pub mod dialects;
pub mod error;
pub mod fields;
pub mod guard;
pub mod identity;
pub mod json;
pub mod layers;
pub mod native;
pub mod openapi;
pub mod path;
pub mod problem;
pub mod query;
pub mod router;
pub mod server;
pub mod tokens;
pub mod whole;
