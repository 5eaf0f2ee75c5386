//! The program as an operator runs it: the real binary, its files, its signals and its exit codes.

#[path = "../support/database.rs"]
#[macro_use]
mod database;
mod collector;
#[path = "../support/free.rs"]
mod free;
mod program;
#[path = "../support/redis.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod redis_server;

mod apikeys;
mod commands;
mod configuration;
mod deployment;
mod dialects;
mod doctor;
mod endings;
mod events;
mod first_start;
mod following;
mod health;
mod importing;
mod logs;
mod moving;
mod sharing;
mod traces;
