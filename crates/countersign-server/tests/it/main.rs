//! The server through its front door: HTTP over real connections, on three databases.

#[path = "../support/database.rs"]
#[macro_use]
mod database;
#[path = "../wire/client.rs"]
#[expect(dead_code, reason = "the tests of the wire need more of it")]
mod client;
#[path = "../support/free.rs"]
mod free;
mod kit;
#[path = "../support/nginx.rs"]
mod nginx;
#[path = "../support/redis.rs"]
mod redis_server;
#[path = "../support/server.rs"]
mod server;

mod access_refresh;
mod accounts;
mod admin;
mod api_keys;
mod auth_token;
mod bodies;
mod code_envelope;
mod cookies;
mod dialects;
mod disconnects;
mod ended_sessions;
mod flask;
mod flask_legacy;
mod foreign_hashes;
mod forms;
mod forward_auth;
mod guard;
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
mod races;
mod redis;
mod refresh;
mod revocations;
mod rotation;
mod seals;
mod statements;
mod status_lists;
mod tokens;
mod user_identifiers;
mod x_access_token;
