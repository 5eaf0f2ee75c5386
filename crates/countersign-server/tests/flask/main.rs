//! A system that runs on Flask, and ours in its place: its database is imported, and its client gets
//! the same answers. The libraries are fetched from `PyPI`, so this runs only when
//! `COUNTERSIGN_TEST_INTEROP` is set.

#[path = "../support/database.rs"]
#[expect(unused_macros, reason = "each system has a database of its own kind")]
mod database;
#[path = "../support/free.rs"]
mod free;
#[path = "../support/packages.rs"]
mod packages;
#[path = "../cli/program.rs"]
#[expect(dead_code, reason = "most of it is for the tests of the program itself")]
mod program;
#[path = "../support/redis.rs"]
#[expect(dead_code, reason = "most of it is for the tests of Redis itself")]
mod redis_server;

mod system;
mod the_move;
mod transcript;

mod access_refresh;
mod auth_token;
mod code_envelope;
mod passport;
mod x_access_token;
