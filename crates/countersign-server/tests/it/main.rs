//! The server through its front door: HTTP over real connections, on three databases.

#[macro_use(on_each_database)]
extern crate countersign_test_support;

mod kit;

mod access_refresh;
mod accounts;
mod admin;
mod api_keys;
mod auth_token;
mod bodies;
mod busy_database;
mod clocks;
mod code_envelope;
mod cookies;
mod dialects;
mod disconnects;
mod ended_everywhere;
mod ended_sessions;
mod fair_shares;
mod flask;
mod flask_legacy;
mod foreign_hashes;
mod forms;
mod forward_auth;
mod guard;
mod held;
mod housekeeping;
mod identifiers;
mod introspection;
mod invitations;
mod last_admin;
mod legacy_tokens;
mod limits;
mod logout;
mod main_job;
mod metrics;
mod mirror;
mod openapi;
mod passport;
mod password_forms;
mod passwords;
mod published_lists;
mod races;
mod redis;
mod refresh;
mod registration_limits;
mod revocations;
mod rotation;
mod seals;
mod statements;
mod status_lists;
mod tokens;
mod user_identifiers;
mod x_access_token;

use countersign_test_support::{client, database, free, nginx, redis_server, server};
